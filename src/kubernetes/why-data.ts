import { redactEnvironment } from '../redact.ts';
import type { JsonObject } from '../report/report.ts';
import { jdkName } from './java-analysis.ts';
import { shownLine } from './java-log.ts';
import { patternData } from './kill-report.ts';
import { memoryData } from './memory-peak.ts';
import type { Answer } from './why-findings.ts';

/** The signal that ended a process: given, or in the exit code as 128 + signal. */
export function signalOf(exitCode: number | undefined, signal: number | undefined): number | undefined {
  if (signal !== undefined && signal > 0) return signal;
  return exitCode !== undefined && exitCode > 128 && exitCode <= 128 + 64 ? exitCode - 128 : undefined;
}

/** The contract for scripts: `oom why`. What is not known is null; sizes are bytes, times RFC 3339. */
export function whyData(answer: Answer): JsonObject {
  const { evidence, limit, nodeBytes, java, explanation, analysis } = answer;
  const { pod, container } = evidence;
  const { ended, status } = container;
  const heap = analysis?.heap;
  const recommendation = analysis?.recommendation;
  const { pattern } = answer.history;
  return {
    namespace: pod.metadata.namespace ?? null,
    pod: pod.metadata.name ?? null,
    container: container.name,
    isJava: java.isJava ?? null,
    cause: explanation.cause,
    termination: {
      reason: ended?.reason ?? null,
      exitCode: ended?.exitCode ?? null,
      signal: signalOf(ended?.exitCode, ended?.signal) ?? null,
      startedAt: ended?.startedAt ?? null,
      finishedAt: ended?.finishedAt ?? null,
      restartCount: status?.restartCount ?? 0,
    },
    limitBytes: limit.limitBytes ?? null,
    requestBytes: limit.requestBytes ?? null,
    nodeBytes: nodeBytes ?? null,
    memory: evidence.memory === undefined ? null : memoryData(evidence.memory),
    jdk: jdkName(analysis?.jdk),
    heap:
      heap === undefined
        ? null
        : {
            jdk: heap.jdk,
            containerAware: heap.containerAware,
            physicalBytes: heap.physicalBytes,
            initialHeapBytes: heap.initialHeapBytes,
            maxHeapBytes: heap.maxHeapBytes,
            gc: heap.gc,
            compressedOops: heap.compressedOops,
            fatal: heap.fatal === null ? null : shownLine(heap.fatal),
            flags: heap.flags.map(({ name, value, source }) => ({
              name,
              value: redactEnvironment(name, value),
              source,
            })),
          },
    recommendation:
      recommendation === undefined
        ? null
        : {
            limitBytes: recommendation.limitBytes,
            heapBytes: recommendation.heapBytes,
            flags: [...recommendation.flags],
            verdict: recommendation.verdict,
            arithmetic: recommendation.arithmetic.map(({ name, bytes, why }) => ({ name, bytes, why })),
            neededLimitBytes: recommendation.neededLimitBytes,
          },
    history: pattern === undefined ? null : patternData(pattern),
  };
}

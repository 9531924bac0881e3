import { fatalAdvice } from '../jvm/fatal.ts';
import { upgradeOnly } from '../jvm/heap-report.ts';
import type { Recommendation } from '../jvm/recommendation.ts';
import type { Finding, Severity } from '../report/report.ts';
import { count, formatBytes, formatDuration, listed } from '../report/text.ts';
import { ago } from './age.ts';
import { causeAdvice } from './cause-advice.ts';
import { badness, containersOf } from './containers.ts';
import type { Evidence } from './evidence.ts';
import type { Cause, Explanation } from './explanation.ts';
import { canBeSet, kubectl } from './heap-flags.ts';
import { fullHeapAdvice, largestHeapBytes, roomFindings } from './heap-room.ts';
import type { JavaAnalysis } from './java-analysis.ts';
import type { JavaContainer } from './java-container.ts';
import { shownLine } from './java-log.ts';
import type { MemoryLimit } from './memory-limit.ts';
import { timeMs } from './objects.ts';
import type { NextRestart } from './restart-backoff.ts';
import { historyFindings, type WhyHistory } from './why-history.ts';

/** All that was found out about one container; the report is made from it and from nothing else. */
export type Answer = {
  readonly evidence: Evidence;
  readonly limit: MemoryLimit;
  readonly nodeBytes: number | undefined;
  readonly java: JavaContainer;
  readonly explanation: Explanation;
  /** Undefined for a container that is not Java, or not known to be. */
  readonly analysis: JavaAnalysis | undefined;
  readonly nextRestart: NextRestart | undefined;
  /** How often this container of its workload ended so, as far as it is known. */
  readonly history: WhyHistory;
  readonly now: Date;
  /** The context of the kubeconfig, for commands to copy. */
  readonly context: string | undefined;
  /** The cluster's name in the config, where Quorum may change workloads in it. */
  readonly fixesIn?: string | undefined;
  /** The cluster's name in the config, where Quorum may ask JVMs in its containers. */
  readonly execIn?: string | undefined;
};

const dayMs = 86_400_000;
const harmless: ReadonlySet<Cause> = new Set(['none', 'completed']);
/** Causes in which the size of the heap may have had its part. */
const ofMemory: ReadonlySet<Cause> = new Set([
  'limit',
  'pod-limit',
  'child-process',
  'node-oom',
  'heap',
  'gc-overhead',
  'sigkill-unknown',
]);

/** Whether the heap may grow past the limit: then the kernel kills before the JVM can throw. */
export function mayOutgrowLimit(answer: Answer): boolean {
  const heapBytes = largestHeapBytes(answer);
  return heapBytes !== undefined && answer.limit.limitBytes !== undefined && heapBytes > answer.limit.limitBytes;
}

/** Whether flags may stand where they cannot be seen, so that nothing is concluded from the heap. */
export function areFlagsUnseen({ analysis }: Answer): boolean {
  return analysis?.areFlagsUnseen === true;
}

function isRunning({ evidence }: Answer): boolean {
  return evidence.container.status?.state.running !== undefined;
}

/** The findings of the answer, in the order of telling; the report sorts them by severity. */
export function whyFindings(answer: Answer): Finding[] {
  const { evidence, java, explanation } = answer;
  return [
    mainFinding(answer),
    ...unseenFlags(answer),
    ...heapFindings(answer),
    ...(java.isJava === true || harmless.has(explanation.cause) ? [] : [notJava(answer)]),
    ...historyFindings(answer.history, mayOutgrowLimit(answer), answer.now),
    ...rolloutFindings(answer),
    ...replicaFindings(answer),
    ...restartFindings(answer),
    ...limitFindings(answer),
    ...otherContainers(answer),
    ...evidence.missing,
  ];
}

function mainFinding(answer: Answer): Finding {
  const { evidence, explanation } = answer;
  const { ended, name } = evidence.container;
  const { cause, grade, claim, evidence: seen } = explanation;
  return {
    severity: severityOf(answer),
    grade,
    claim: `Container ${name}: ${lowerFirst(claim)}`,
    evidence: seen,
    advice: mainAdvice(answer),
    ...(ended?.finishedAt === undefined || harmless.has(cause) ? {} : { since: ended.finishedAt }),
  };
}

function severityOf({ explanation, evidence, now }: Answer): Severity {
  const { cause, livesOn } = explanation;
  if (explanation.severity !== undefined) return explanation.severity;
  if (harmless.has(cause)) return 'info';
  if (cause === 'unknown' || cause === 'sigterm' || livesOn) return 'warning';
  const isDown = evidence.container.status?.state.running === undefined;
  const endedMs = timeMs(evidence.container.ended?.finishedAt);
  const isRecent = endedMs === undefined || now.getTime() - endedMs < dayMs;
  return isDown || isRecent ? 'critical' : 'warning';
}

function mainAdvice(answer: Answer): string {
  const { analysis, explanation } = answer;
  const recommendation = analysis?.recommendation;
  if (explanation.advice !== undefined) return explanation.advice;
  if (recommendation !== undefined && areFlagsUnseen(answer)) return unseenAdvice(answer, recommendation);
  if (recommendation !== undefined && recommendation.flags.length > 0 && recommendation.verdict !== 'C')
    return `Set ${recommendation.flags[0]} (the block below has all flags).`;
  if (recommendation?.verdict === 'C')
    return 'Its heap is not the trouble: look for what grows beside it before any flag is changed.';
  if (recommendation?.verdict === 'F' && recommendation.neededLimitBytes !== null)
    return `Raise the limit to ${formatBytes(recommendation.neededLimitBytes)}, or load less at the start: a heap that is full so soon is no leak.`;
  if (recommendation?.verdict === 'E') return fullHeapAdvice(answer, recommendation);
  if (recommendation?.neededLimitBytes !== undefined && recommendation.neededLimitBytes !== null)
    return `No heap fits into this limit: raise it to ${formatBytes(recommendation.neededLimitBytes)}.`;
  if (analysis?.recommendationMissing !== undefined) return analysis.recommendationMissing.advice;
  return causeAdvice[explanation.cause].advice;
}

/** Nothing is to be set before it is known what is set. */
function unseenAdvice({ limit }: Answer, { heapBytes, flags, neededLimitBytes }: Recommendation): string {
  if (flags.length > 0)
    return `See its flags first; a heap of up to ${formatBytes(heapBytes)} fits into ${formatBytes(limit.limitBytes ?? 0)}.`;
  const raise =
    neededLimitBytes === null ? '' : `; no heap fits into this limit: raise it to ${formatBytes(neededLimitBytes)}`;
  return `See its flags first${raise}.`;
}

/** What may hold flags and cannot be seen, and where to look. */
function unseenFlags(answer: Answer): Finding[] {
  const { java, explanation } = answer;
  if (!areFlagsUnseen(answer) || java.unknown.length === 0) return [];
  return [
    {
      severity: ofMemory.has(explanation.cause) ? 'warning' : 'info',
      grade: 'unknown',
      claim: 'Not all flags of this JVM can be seen from here, so its heap is not known.',
      evidence: java.unknown.join(' '),
      advice: java.isVariableUnseen
        ? 'Look for “Picked up” in the first lines of its log, or into what the variable comes from.'
        : 'Look at the start script of the image, or at the command line of the running process.',
    },
  ];
}

function heapFindings(answer: Answer): Finding[] {
  const { analysis, limit, explanation, nodeBytes } = answer;
  // What was killed before it began never had a heap.
  const neverBegan = explanation.cause === 'limit' && explanation.advice !== undefined;
  if (analysis === undefined || neverBegan) return [];
  const { heap, heapMissing, otherwise, heapGrade } = analysis;
  const matters = ofMemory.has(explanation.cause);
  const isUnseen = areFlagsUnseen(answer);
  if (heap === undefined && analysis.boundedHeapBytes !== undefined)
    return isUnseen ? [] : [...boundedFindings(answer, analysis.boundedHeapBytes), ...roomFindings(answer, 'critical')];
  if (heap === undefined)
    return heapMissing === undefined
      ? []
      : [
          {
            severity: matters ? 'warning' : 'info',
            grade: 'unknown',
            claim: heapMissing.message,
            evidence: otherwise.length > 0 ? otherwise.join(' ') : `The version: ${analysis.jdkFrom}.`,
            advice: heapMissing.advice,
          },
        ];
  if (heap.fatal !== null)
    return [
      {
        severity: harmless.has(explanation.cause) && !isRunning(answer) ? 'warning' : 'critical',
        grade: explanation.cause === 'bad-flags' ? 'fact' : 'inferred',
        claim: 'This JVM refuses to start with these flags.',
        evidence: shownLine(heap.fatal),
        advice: `${fatalAdvice(heap.fatal)} It is no memory problem.`,
      },
    ];
  const findings: Finding[] = isUnseen ? [] : roomFindings(answer, outgrowthSeverity(answer));
  if (mayOutgrowLimit(answer) && limit.limitBytes !== undefined)
    findings.push({
      severity: outgrowthSeverity(answer),
      grade: isUnseen ? 'unknown' : heapGrade === 'fact' ? 'fact' : 'inferred',
      claim: `${isUnseen ? 'Unless a flag that cannot be seen from here bounds it, the' : 'The'} heap may grow to ${formatBytes(heap.maxHeapBytes)} and the limit is ${formatBytes(limit.limitBytes)}: the kernel kills the container before the JVM can throw OutOfMemoryError.`,
      evidence: `JDK ${heap.jdk} (${analysis.jdkFrom}); ${heap.awareness.why}${nodeBytes === undefined ? '' : `; node ${formatBytes(nodeBytes)}`}; largest heap ${heap.maxHeapBytes} bytes`,
      advice: heap.awareness.mend ?? 'Set -Xmx below the limit.',
    });
  else if (heap.awareness.mend !== null && limit.limitBytes !== undefined && heap.awareness.aware !== true)
    findings.push({
      severity: 'info',
      grade: heap.awareness.grade,
      claim: `This JVM ${heap.awareness.aware === null ? 'may not see' : 'does not see'} its limit.`,
      evidence: `${heap.awareness.why}${otherwise.length > 0 ? `. ${otherwise.join(' ')}` : ''}`,
      // The heap is bounded below the limit already: what is left to do is what makes it see the limit.
      advice: upgradeOnly(heap.awareness.mend),
    });
  else if (otherwise.length > 0)
    findings.push({
      severity: 'info',
      grade: 'unknown',
      claim: 'The largest heap depends on what is not known.',
      evidence: otherwise.join(' '),
      advice: '',
    });
  return findings;
}

/** Flags that give the same heap on every JDK are enough to say that it outgrows the limit. */
function boundedFindings(answer: Answer, heapBytes: number): Finding[] {
  const { limit, java } = answer;
  if (!mayOutgrowLimit(answer) || limit.limitBytes === undefined) return [];
  return [
    {
      severity: outgrowthSeverity(answer),
      grade: java.unknown.length === 0 ? 'fact' : 'inferred',
      claim: `The heap may grow to ${formatBytes(heapBytes)} and the limit is ${formatBytes(limit.limitBytes)}: the kernel kills the container before the JVM can throw OutOfMemoryError.`,
      evidence: `its flags give a largest heap of ${heapBytes} bytes, whatever the JDK’s version`,
      advice: 'Set -Xmx below the limit.',
    },
  ];
}

/** How much it matters that the heap may outgrow the limit: most where memory was the matter, little where it was not. */
function outgrowthSeverity(answer: Answer): Severity {
  const { cause } = answer.explanation;
  if (ofMemory.has(cause)) return areFlagsUnseen(answer) ? 'warning' : 'critical';
  const isAside = cause === 'evicted' || cause === 'sigterm' || cause === 'unknown' || cause === 'completed';
  return isAside || areFlagsUnseen(answer) || (cause === 'none' && !isRunning(answer)) ? 'info' : 'warning';
}

function notJava({ java, evidence }: Answer): Finding {
  const isKnown = java.isJava === false;
  return {
    severity: 'info',
    grade: isKnown ? 'inferred' : 'unknown',
    claim: isKnown
      ? `Container ${evidence.container.name} is not Java: JVM flags do not apply.`
      : `Whether container ${evidence.container.name} is Java cannot be seen.`,
    evidence: java.why,
    advice: isKnown
      ? 'Raise the limit, or lower what this program uses by its own settings.'
      : 'If it is, say its version in the log at start (-showversion), and ask again.',
  };
}

function replicaFindings({ evidence, now }: Answer): Finding[] {
  const { replicas } = evidence;
  if (replicas === undefined || replicas.ready >= replicas.wanted) return [];
  return [
    {
      severity: replicas.ready === 0 ? 'critical' : 'warning',
      grade: 'fact',
      claim: `${replicas.workload}: ${replicas.ready} of ${replicas.wanted} replicas ready.`,
      evidence: `status of ${replicas.kind}${replicas.revision === undefined ? '' : `, revision ${replicas.revision}${replicas.since === undefined ? '' : `, made ${ago(replicas.since, now)}`}`}`,
      advice:
        replicas.ready === 0
          ? 'Nobody is served by it now: if it began with a rollout, undo that first and set flags later.'
          : 'If the others cannot carry its load, scale it up until this is mended.',
    },
  ];
}

/** A rollout within a day of which a container first died, and of which revision it was. */
export type RolloutToBlame = {
  readonly workload: string;
  readonly revision: string;
  readonly sinceMs: number;
  readonly endedMs: number;
  /** The first end of this kind that was seen. */
  readonly firstSeenMs: number;
};

/** The rollout with which the trouble may have begun; `firstSeenMs` before `sinceMs` says that it did not. */
export function rolloutBefore({ evidence, explanation, history }: Answer): RolloutToBlame | undefined {
  const { replicas, container } = evidence;
  const sinceMs = timeMs(replicas?.since);
  const endedMs = timeMs(container.ended?.finishedAt);
  if (harmless.has(explanation.cause) || replicas === undefined || sinceMs === undefined || endedMs === undefined)
    return undefined;
  const { revision, workload } = replicas;
  if (revision === undefined || revision === '1' || endedMs < sinceMs || endedMs - sinceMs > dayMs) return undefined;
  return { workload, revision, sinceMs, endedMs, firstSeenMs: history.firstSeenMs ?? endedMs };
}

/** A death within a day of a new revision: going back is quicker than any flag. */
function rolloutFindings(answer: Answer): Finding[] {
  const { evidence, now, context, fixesIn } = answer;
  const rollout = rolloutBefore(answer);
  if (rollout === undefined) return [];
  const { workload, revision, sinceMs, endedMs, firstSeenMs } = rollout;
  if (firstSeenMs < sinceMs)
    return [
      {
        severity: 'info',
        grade: 'fact',
        claim: `It ended so before revision ${revision} was rolled out too: going back to the one before does not mend it.`,
        evidence: `an earlier end was seen ${formatDuration(sinceMs - firstSeenMs)} before the ReplicaSet of revision ${revision} was made`,
        advice: '',
      },
    ];
  const laterMs = firstSeenMs - sinceMs;
  const namespace = evidence.pod.metadata.namespace ?? 'default';
  const undo = ['rollout', 'undo', workload, '-n', namespace];
  const canUndo = canBeSet(workload);
  return [
    {
      severity: 'warning',
      grade: 'inferred',
      claim: `${firstSeenMs < endedMs ? 'The first end that was seen came' : 'It died'} ${formatDuration(laterMs)} after revision ${revision} was rolled out.`,
      evidence: `the ReplicaSet of revision ${revision} was made ${ago(evidence.replicas?.since, now)}`,
      advice: `If the revision before it ran well, go back to that first${canUndo && fixesIn !== undefined ? ` (\`/oom rollback ${namespace}/${workload}\`)` : ''}, and set flags later.`,
      ...(canUndo ? { command: kubectl(context, undo) } : {}),
    },
  ];
}

function restartFindings({ nextRestart, evidence, now }: Answer): Finding[] {
  if (nextRestart === undefined) return [];
  const { ended, status } = evidence.container;
  return [
    {
      severity: 'info',
      grade: 'inferred',
      claim:
        nextRestart.inMs === 0
          ? 'The next restart is due.'
          : `The next restart comes in ${formatDuration(nextRestart.inMs)}.`,
      evidence:
        nextRestart.knownFrom === 'message'
          ? `CrashLoopBackOff: the kubelet waits ${formatDuration(nextRestart.delayMs)} from the end, ${ago(ended?.finishedAt, now)}`
          : `CrashLoopBackOff after ${count(status?.restartCount ?? 0, 'restart')}: 10 s, doubled each time, at most 5 min, from the end, ${ago(ended?.finishedAt, now)}`,
      advice: '',
    },
  ];
}

/** Without a limit a Java heap follows the node, and it is the node that suffers. */
function limitFindings({ limit, java, explanation, evidence }: Answer): Finding[] {
  if (limit.limitBytes !== undefined || java.isJava !== true || explanation.cause === 'node-oom') return [];
  return [
    {
      severity: 'info',
      grade: 'fact',
      claim: limit.note === undefined ? 'It has no memory limit.' : `Its memory limit does not count: ${limit.note}.`,
      evidence: `QoS class ${evidence.pod.status.qosClass ?? 'not given'}`,
      advice: 'Set request and limit: without them a growing heap ends in an eviction or in the node’s own OOM killer.',
    },
  ];
}

/** Containers of the same pod that need looking at too. */
function otherContainers({ evidence }: Answer): Finding[] {
  const others = containersOf(evidence.pod).filter(
    (container) => container.name !== evidence.container.name && badness(container) >= 3,
  );
  if (others.length === 0) return [];
  return [
    {
      severity: 'info',
      grade: 'fact',
      claim: `Other containers of the pod ended badly too: ${listed(others.map(({ name }) => name))}.`,
      evidence: others
        .map(({ name, ended }) => `${name}: ${ended?.reason ?? 'ended'}, exit code ${ended?.exitCode ?? '?'}`)
        .join('; '),
      advice: 'Ask for one of them with -c.',
    },
  ];
}

function lowerFirst(text: string): string {
  return /^(?:It|The|A|Something|No)\b/.test(text) ? text.slice(0, 1).toLowerCase() + text.slice(1) : text;
}

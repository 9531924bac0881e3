import type { Chart } from '../report/chart.ts';
import type { Report } from '../report/report.ts';
import { memoryChart } from './memory-chart.ts';
import { timeMs } from './objects.ts';
import type { Answer } from './why-findings.ts';

/** The picture of an answer; undefined where nothing is known of the memory before now. */
export function chartOf(answer: Answer, { summary }: Pick<Report, 'summary'>): Chart | undefined {
  const { evidence, limit, analysis } = answer;
  const { pod, container, memory } = evidence;
  if (memory === undefined) return undefined;
  const endedMs = timeMs(container.ended?.finishedAt);
  return memoryChart({
    history: memory,
    // The pod has a line of its own in the picture.
    title: summary.slice(summary.indexOf(': ') + 2),
    namespace: pod.metadata.namespace ?? 'default',
    pod: pod.metadata.name ?? '',
    container: container.name,
    limitBytes: limit.limitBytes,
    heapMaxBytes: analysis?.areFlagsUnseen === true ? undefined : analysis?.heap?.maxHeapBytes,
    ended: endedMs === undefined ? undefined : { atMs: endedMs, reason: container.ended?.reason ?? '' },
  });
}

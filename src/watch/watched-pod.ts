import type { Occurrence } from '../incident/occurrence.ts';
import { hintFor, type JvmHint } from '../jvm/hint.ts';
import { containerEnvironment } from '../kubernetes/container-environment.ts';
import { readJavaContainer } from '../kubernetes/java-container.ts';
import { type Kill, killKey, killsOf, suspectedEndsOf } from '../kubernetes/kill.ts';
import type { Pod } from '../kubernetes/objects.ts';
import { formatBytes } from '../report/text.ts';
import { quotedWord } from '../shell-quoting.ts';

/** One end of a container that a pod shows, as the watch hands it on. */
export type WatchedEnd = {
  readonly kill: Kill;
  /** Only its log tells whether it was for memory. */
  readonly isSuspected: boolean;
  readonly occurrence: Occurrence;
  /** What routes it: of the pod. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

/** What is found later than this after it happened was not watched: the bot was away. */
const missedAfterMs = 60_000;

/** The ends that a pod shows, killed or suspected; most pods show none. @param now milliseconds since the epoch */
export function watchedEnds(cluster: string, pod: Pod, hints: readonly JvmHint[], now: number): WatchedEnd[] {
  const killed = killsOf(pod).map((kill) => ({ kill, isSuspected: false, note: killedNote(kill) }));
  const suspected = suspectedEndsOf(pod, ({ spec, status }) => {
    const hint = hintFor(spec?.image ?? status?.image, hints);
    return readJavaContainer(spec, containerEnvironment(spec, { pod }), '', hint).isJava !== false;
  }).map(({ kill, exitCode }) => ({
    kill,
    isSuspected: true,
    note: `${placed(kill)} ended with exit code ${exitCode}`,
  }));
  return [...killed, ...suspected].map(({ kill, isSuspected, note }) => ({
    kill,
    isSuspected,
    labels: pod.metadata.labels,
    annotations: pod.metadata.annotations,
    occurrence: occurrenceOf(cluster, pod, kill, isSuspected, note, now),
  }));
}

function occurrenceOf(
  cluster: string,
  pod: Pod,
  kill: Kill,
  isSuspected: boolean,
  note: string,
  now: number,
): Occurrence {
  const at = Date.parse(kill.finishedAt);
  const subject = `${kill.namespace}/${kill.workload}`;
  return {
    key: killKey(kill),
    source: 'watch',
    cluster,
    subject,
    title: subject,
    at,
    note,
    line: ['oom', 'why', `${kill.namespace}/${kill.pod}`, '-c', kill.container, '--cluster', cluster]
      .map(quotedWord)
      .join(' '),
    isSuspected,
    isMissed: now - at > missedAfterMs,
    namespace: kill.namespace,
    node: pod.spec.nodeName ?? null,
    member: null,
    details: null,
  };
}

function killedNote(kill: Kill): string {
  const limit = kill.limitBytes === null ? 'it has no limit' : `at its limit of ${formatBytes(kill.limitBytes)}`;
  return `${placed(kill)} OOM-killed, ${limit}`;
}

function placed({ pod, container }: Kill): string {
  return `${pod}, container ${container}:`;
}

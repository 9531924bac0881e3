import { splitOptions } from '../jvm/launch.ts';
import type { Recommendation } from '../jvm/recommendation.ts';
import { redact } from '../redact.ts';
import type { JavaContainer } from './java-container.ts';
import type { Pod } from './objects.ts';
import { workloadNameOf } from './workloads.ts';

/** Flags to set, as text to copy. */
export type FlagsToSet = {
  readonly title: string;
  /** YAML for the pod template. */
  readonly yaml: string;
  /** The same with kubectl, in one line; undefined where kubectl cannot do it: a bare pod, a value that must not be shown. */
  readonly command: string | undefined;
  /** What to watch out for: sentences. */
  readonly notes: readonly string[];
};

/** Flags that say how large the heap is: a new answer replaces them all. */
const heapFlag =
  /^-(?:Xmx|Xms|XX:(?:MaxHeapSize|InitialHeapSize|MaxRAM|MaxRAMPercentage|MinRAMPercentage|InitialRAMPercentage|MaxRAMFraction|MinRAMFraction|InitialRAMFraction)=|XX:\+UseCGroupMemoryLimitForHeap)/;
/** Where a flag for the heap on the command line stands, JAVA_TOOL_OPTIONS comes too early to count. */
const sizeOnly = /^-(?:Xmx|XX:(?:MaxHeapSize|MaxRAMPercentage|MaxRAMFraction)=)/;

/** Writes the recommended flags into the variable that this JVM reads, beside what that variable already holds. */
export function flagsToSet(
  pod: Pod,
  container: string,
  java: JavaContainer,
  recommendation: Recommendation,
  context: string | undefined,
): FlagsToSet {
  const variable =
    java.env._JAVA_OPTIONS !== undefined && hasHeapFlag(java.env._JAVA_OPTIONS) ? '_JAVA_OPTIONS' : 'JAVA_TOOL_OPTIONS';
  const present = java.env[variable] ?? '';
  const keeps = splitOptions(present).words.filter(
    (word) => !heapFlag.test(word) && !sameFlag(word, recommendation.flags),
  );
  const isShowable = keeps.every((word) => redact(word) === word && !/["'\\\n]/.test(word) && !/\s/.test(word));
  const value = [...(isShowable ? keeps : []), ...recommendation.flags].join(' ');
  const notes: string[] = [];
  if (!isShowable) notes.push(`${variable} holds more that is not shown here: keep it and put these flags behind it.`);
  const source = java.elsewhere[variable];
  if (source !== undefined)
    notes.push(`${variable} comes from ${source}: set the flags there, behind what it already holds.`);
  const late = java.args.filter((arg) => sizeOnly.test(arg));
  if (late.length > 0)
    notes.push(
      `The command line has ${late.join(' ')}, which comes later and wins: remove it there, or put the new flag in its place.`,
    );
  const inLauncher = splitOptions(java.env.JDK_JAVA_OPTIONS ?? '').words.filter((word) => sizeOnly.test(word));
  if (inLauncher.length > 0 && variable === 'JAVA_TOOL_OPTIONS')
    notes.push(`JDK_JAVA_OPTIONS has ${inLauncher.join(' ')}, which comes later and wins: remove it there.`);
  const workload = workloadNameOf(pod);
  const isSettable =
    workload !== undefined && /^(?:deploy|sts|ds|rs)\//.test(workload) && isShowable && source === undefined;
  if (workload === undefined) notes.push('The pod belongs to no workload: make it anew with these variables.');
  return {
    title: `Flags to set: container ${container}`,
    yaml: `env:\n  - name: ${variable}\n    value: "${value}"`,
    command: isSettable
      ? kubectl(context, [
          'set',
          'env',
          workload,
          '-n',
          pod.metadata.namespace ?? 'default',
          '-c',
          container,
          `${variable}=${value}`,
        ])
      : undefined,
    notes,
  };
}

function hasHeapFlag(text: string): boolean {
  return splitOptions(text).words.some((word) => heapFlag.test(word));
}

/** `-XX:+ExitOnOutOfMemoryError` and `-XX:-ExitOnOutOfMemoryError` are one flag, as are two values of one. */
function sameFlag(word: string, flags: readonly string[]): boolean {
  const name = flagName(word);
  return flags.some((flag) => flagName(flag) === name);
}

function flagName(word: string): string {
  return word.replace(/^-XX:[+-]/, '-XX:').replace(/=.*$/s, '');
}

/** A kubectl line to copy, each word quoted where a shell needs it. */
export function kubectl(context: string | undefined, words: readonly string[]): string {
  const start = context === undefined ? ['kubectl'] : ['kubectl', '--context', context];
  return [...start, ...words].map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

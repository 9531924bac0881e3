import { flagValue, readFlags } from '../jvm/flags.ts';
import { splitOptions } from '../jvm/launch.ts';
import { parseMemorySize } from '../jvm/option-value.ts';
import type { Recommendation } from '../jvm/recommendation.ts';
import { jvmVariables } from '../jvm/variables.ts';
import { type JdkVersion, requireJdk } from '../jvm/version.ts';
import { redact, redactWords } from '../redact.ts';
import { quotedWord } from '../shell-quoting.ts';
import { argumentsWith, type JavaContainer } from './java-container.ts';

/** Flags to set, as text to copy. */
export type FlagsToSet = {
  readonly title: string;
  /** YAML for the pod template, or the words of the command to change. */
  readonly text: string;
  /** The same with kubectl, in one line; undefined where kubectl cannot do it: a bare pod, a value that must not be shown. */
  readonly command: string | undefined;
  /** What to watch out for: sentences. */
  readonly notes: readonly string[];
};

type Setting = {
  readonly java: JavaContainer;
  /** Undefined when unknown. */
  readonly jdk: JdkVersion | undefined;
  readonly recommendation: Recommendation;
  readonly container: string;
  readonly namespace: string;
  /** As kubectl takes it; undefined for a bare pod. */
  readonly workload: string | undefined;
  readonly context: string | undefined;
};

/** Flags that say how large the heap is: a new answer replaces them all. */
const heapFlag =
  /^-(?:Xmx|Xms|XX:(?:MaxHeapSize|InitialHeapSize|MaxRAM|MaxRAMPercentage|MinRAMPercentage|InitialRAMPercentage|MaxRAMFraction|MinRAMFraction|InitialRAMFraction)=|XX:\+UseCGroupMemoryLimitForHeap)/;

/**
 * Where the recommended flags have to be written so that they count, and what to write there: the variable that wins today,
 * beside what it already holds, else the command line itself.
 */
export function flagsToSet(setting: Setting): FlagsToSet {
  const { java } = setting;
  const variable = candidates(java).find((name) => takesEffect(setting, name, valueFor(setting, name).value));
  return variable === undefined ? inCommand(setting) : inVariable(setting, variable);
}

/** The variables that could hold the flags, the one that wins over the others first. */
function candidates({ env, handedOn }: JavaContainer): readonly string[] {
  return [
    ...(hasHeapFlag(env._JAVA_OPTIONS) ? ['_JAVA_OPTIONS'] : []),
    ...(handedOn === undefined ? [] : [handedOn]),
    ...(hasHeapFlag(env.JDK_JAVA_OPTIONS) ? ['JDK_JAVA_OPTIONS'] : []),
    'JAVA_TOOL_OPTIONS',
  ];
}

function isJvms(variable: string): boolean {
  return (jvmVariables as readonly string[]).includes(variable);
}

/** What a variable holds besides sizes of the heap, with the new flags behind it. */
function valueFor({ java, recommendation }: Setting, variable: string): { value: string; isShowable: boolean } {
  const present = (isJvms(variable) ? java.env[variable] : java.environment.variables[variable]) ?? '';
  const keeps = splitOptions(present).words.filter(
    (word) => !heapFlag.test(word) && !sameFlag(word, recommendation.flags),
  );
  const isShowable = keeps.every((word) => redact(word) === word && !/["'\\\s]/.test(word));
  return { value: [...(isShowable ? keeps : []), ...recommendation.flags].join(' '), isShowable };
}

/** Whether the JVM would end up with the recommended heap: read as the JVM reads all of its places. */
function takesEffect({ java, jdk, recommendation }: Setting, variable: string, value: string): boolean {
  const args = isJvms(variable) ? java.args : argumentsWith(java.container, java.environment, variable, value);
  if (args === undefined) return false;
  const env = isJvms(variable) ? { ...java.env, [variable]: value } : java.env;
  const version = jdk ?? requireJdk('17');
  const { effective } = readFlags({ jdk: version, args, env });
  const [first = ''] = recommendation.flags;
  const isSized = first.startsWith('-Xmx')
    ? flagValue(effective, 'MaxHeapSize') === first.slice(4)
    : flagValue(effective, 'MaxHeapSize') === undefined &&
      flagValue(effective, 'MaxRAM') === undefined &&
      first === `-XX:MaxRAMPercentage=${flagValue(effective, 'MaxRAMPercentage')}`;
  const initialBytes = parseMemorySize(flagValue(effective, 'InitialHeapSize') ?? '', version.major) ?? 0;
  return isSized && initialBytes <= recommendation.heapBytes;
}

function inVariable(setting: Setting, variable: string): FlagsToSet {
  const { java, container, namespace, workload, context } = setting;
  const { value, isShowable } = valueFor(setting, variable);
  const { elsewhere, origins, poured } = java.environment;
  const source = elsewhere[variable] ?? origins[variable];
  const isPoured = poured.length > 0 && java.env[variable] === undefined && source === undefined;
  const notes = [
    ...(isShowable ? [] : [`${variable} holds more that is not shown here: keep it and put these flags behind it.`]),
    ...(source === undefined
      ? []
      : [`${variable} comes from ${source}: set the flags there, behind what it already holds.`]),
    ...(isPoured
      ? [
          `If ${variable} comes from ${poured.join(' or ')}, set the flags there, behind what it already holds: one of the container’s own would replace it.`,
        ]
      : []),
    ...unsettable(workload),
  ];
  const isSettable = canBeSet(workload) && isShowable && source === undefined && !isPoured;
  return {
    title: `Flags to set: container ${container}${source === undefined ? '' : `, in ${source}`}`,
    text: source === undefined ? `env:\n  - name: ${variable}\n    value: "${value}"` : value,
    command:
      isSettable && workload !== undefined
        ? kubectl(context, ['set', 'env', workload, '-n', namespace, '-c', container, `${variable}=${value}`])
        : undefined,
    notes,
  };
}

/** The command line has a size that comes later than any variable: it has to be changed where it stands. */
function inCommand(setting: Setting): FlagsToSet {
  const { java, recommendation, container, namespace, workload, context } = setting;
  const late = java.args.filter((word) => heapFlag.test(word) || sameFlag(word, recommendation.flags));
  const field = java.container?.args.some((word) => late.some((flag) => word.includes(flag))) ? 'args' : 'command';
  return {
    title: `Flags to change: container ${container}, in its ${field}`,
    text: [...redactWords(late).map((word) => `- ${word}`), ...recommendation.flags.map((word) => `+ ${word}`)].join(
      '\n',
    ),
    command:
      canBeSet(workload) && workload !== undefined ? kubectl(context, ['edit', workload, '-n', namespace]) : undefined,
    notes: [
      `The command line has ${redactWords(late).join(' ')}, which comes later than any variable and wins: change it there, in ${field} of container ${container}.`,
      ...unsettable(workload),
    ],
  };
}

/** A ReplicaSet is as a rule a Deployment's, which would undo the change; and it makes no pods anew by itself. */
export function canBeSet(workload: string | undefined): boolean {
  return workload !== undefined && /^(?:deploy|sts|ds)\//.test(workload);
}

function unsettable(workload: string | undefined): string[] {
  if (workload === undefined) return ['The pod belongs to no workload: make it anew with these flags.'];
  if (canBeSet(workload)) return [];
  return [
    workload.startsWith('rs/')
      ? `The pod belongs to ${workload}: set them in the Deployment that owns it.`
      : `The pod belongs to ${workload}: set them in what it is made from.`,
  ];
}

function hasHeapFlag(text: string | undefined): boolean {
  return splitOptions(text ?? '').words.some((word) => heapFlag.test(word));
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
  return [...start, ...words].map(quotedWord).join(' ');
}

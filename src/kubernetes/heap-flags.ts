import { flagText, flagValue, readFlags } from '../jvm/flags.ts';
import { splitOptions } from '../jvm/launch.ts';
import { flagFamily, mergeOptions } from '../jvm/merge-options.ts';
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

export type Setting = {
  readonly java: JavaContainer;
  /** Undefined when unknown. */
  readonly jdk: JdkVersion | undefined;
  readonly recommendation: Pick<Recommendation, 'flags' | 'heapBytes'>;
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
  const variable = variableFor(setting);
  return variable === undefined ? inCommand(setting) : inVariable(setting, variable);
}

/** The variable in which the flags would count; undefined where the command line, which comes later, has to be changed. */
export function variableFor(setting: Setting): string | undefined {
  return candidates(setting.java).find((name) => takesEffect(setting, name, valueFor(setting, name).value));
}

/** The flags on the command line that come later than any variable and beat the new ones. Not redacted. */
export function laterFlags({ java, recommendation }: Setting): readonly string[] {
  return java.args.filter((word) => heapFlag.test(word) || sameFlag(word, recommendation.flags));
}

/** Where a variable's value stands, where that is not the container's own env: `secret db, key url`. */
export function variableSource(java: JavaContainer, variable: string): string | undefined {
  const { elsewhere, origins, poured } = java.environment;
  const source = elsewhere[variable] ?? origins[variable];
  if (source !== undefined) return source;
  const isOwn = isJvms(variable)
    ? java.env[variable] !== undefined
    : java.environment.variables[variable] !== undefined;
  return poured.length > 0 && !isOwn ? `${poured.join(' or ')}, if it holds it,` : undefined;
}

/** Which of the new flags the JVM would not end up with, for something later says otherwise: as that is written. */
export function overriddenFlags(
  setting: Setting,
  variable: string,
): readonly { flag: string; by: string; from: string }[] {
  const { jdk, recommendation } = setting;
  const { args, env } = readWith(setting, variable, valueFor(setting, variable).value);
  if (args === undefined) return [];
  const { effective } = readFlags({ jdk: jdk ?? requireJdk('17'), args, env });
  return recommendation.flags.slice(1).flatMap((flag) => {
    const winner = effective.find((each) => flagFamily(flagText(each)) === flagFamily(flag));
    return winner === undefined || flagText(winner) === flag
      ? []
      : [{ flag, by: flagText(winner), from: winner.source }];
  });
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
  const { kept: keeps } = mergeOptions(present, recommendation.flags);
  const isShowable = keeps.every((word) => redact(word) === word && !/["'\\\s]/.test(word));
  return { value: [...(isShowable ? keeps : []), ...recommendation.flags].join(' '), isShowable };
}

/** Whether the JVM would end up with the recommended heap: read as the JVM reads all of its places. */
function takesEffect(setting: Setting, variable: string, value: string): boolean {
  const { jdk, recommendation } = setting;
  const { args, env } = readWith(setting, variable, value);
  if (args === undefined) return false;
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

/** Command line and environment as they are when the variable holds this. */
function readWith({ java }: Setting, variable: string, value: string) {
  return {
    args: isJvms(variable) ? java.args : argumentsWith(java.container, java.environment, variable, value),
    env: isJvms(variable) ? { ...java.env, [variable]: value } : java.env,
  };
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
  const late = laterFlags(setting);
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

function sameFlag(word: string, flags: readonly string[]): boolean {
  return flags.some((flag) => flagFamily(flag) === flagFamily(word));
}

/** A kubectl line to copy, each word quoted where a shell needs it. */
export function kubectl(context: string | undefined, words: readonly string[]): string {
  const start = context === undefined ? ['kubectl'] : ['kubectl', '--context', context];
  return [...start, ...words].map(quotedWord).join(' ');
}

import { mergeOptions } from '../jvm/merge-options.ts';
import { heapAtLimit, type Recommendation } from '../jvm/recommendation.ts';
import { jvmVariables, mostInJdk8Variable } from '../jvm/variables.ts';
import { redact, redactWords } from '../redact.ts';
import { Refusal } from '../refusal.ts';
import type { JsonObject } from '../report/report.ts';
import { formatBytes } from '../report/text.ts';
import { causeAdvice } from './cause-advice.ts';
import { laterFlags, overriddenFlags, type Setting, variableFor, variableSource } from './heap-flags.ts';
import { jsonObjects } from './json.ts';
import { fullWordOf, type Owner, wordOf } from './owner.ts';
import { formatQuantity } from './quantity.ts';
import { containerIn, type TemplateEdit, writtenVariable } from './template-edit.ts';
import { type Answer, areFlagsUnseen } from './why-findings.ts';

/** What whoever asks wants otherwise than recommended. */
export type FixWish = {
  /** The memory limit to set; null: the one that there is, or the one that is needed. */
  readonly limitBytes: number | null;
  /** `keep`: neither limits nor requests are touched. */
  readonly resources: 'as-recommended' | 'keep';
};

/** The decision, and what it rests on: for the checks and for showing it. */
export type FixDecision = {
  readonly edit: TemplateEdit;
  readonly reckoned: Pick<Recommendation, 'limitBytes' | 'heapBytes' | 'arithmetic'>;
  /** Flags that are left out, for something that comes later says otherwise. */
  readonly overridden: ReturnType<typeof overriddenFlags>;
  /** What the image sets in that variable, which one of the container's own would hide: it goes in front of the flags. */
  readonly fromImage: readonly string[];
};

/**
 * What to set where, from what was found out about a pod of the workload.
 * @throws Refusal where there is nothing to set, or where it cannot be set in the template: with what is known and what to do
 */
export function decideFix(answer: Answer, owner: Owner, wish: FixWish): FixDecision {
  const recommendation = demandRecommendation(answer);
  const { name: container } = answer.evidence.container;
  const found = containerIn(owner.workload.spec.template, container);
  if (found === undefined)
    throw new Refusal(
      `The template of ${wordOf(owner)} has no container ${container}: something adds it to the pods.`,
      'Set the flags in what adds it.',
    );
  const sized = sizeFor(answer, recommendation, wish);
  const setting: Setting = {
    java: answer.java,
    jdk: answer.analysis?.jdk,
    recommendation: sized,
    container,
    namespace: owner.namespace,
    workload: wordOf(owner),
    context: answer.context,
  };
  const variable = demandVariable(setting, found.container, owner);
  const overridden = overriddenFlags(setting, variable);
  const flags = sized.flags.filter((flag) => !overridden.some((each) => each.flag === flag));
  const memory = memoryFor(answer, sized.limitBytes, wish);
  const fromImage = wordsOfImage(setting, variable, found.container);
  const edit = { container, list: found.list, variable, flags: [...fromImage, ...flags], ...memory };
  const present = writtenVariable(found.container, variable) ?? '';
  demandRead(answer, variable, mergeOptions(present, edit.flags).value, owner);
  if (mergeOptions(present, flags).value === present && memory.limit === null && memory.request === null)
    throw new Refusal(
      `${variable} of container ${container} in ${fullWordOf(owner)} holds these flags already: ${redactWords(flags).join(' ')}.`,
      'Pods that died before they were set are told by `/oom why` as they died; a newer one has them.',
    );
  return { edit, reckoned: sized, overridden, fromImage };
}

/** @throws Refusal that says what `/oom why` knows where it recommends nothing that could be set */
function demandRecommendation(answer: Answer): Recommendation {
  const { java, explanation, analysis, evidence } = answer;
  const { name } = evidence.container;
  if (java.isJava !== true)
    throw new Refusal(
      java.isJava === false
        ? `Container ${name} is not Java (${java.why}): there are no JVM flags to set.`
        : `Whether container ${name} is Java cannot be seen: ${java.why}.`,
      `${explanation.claim} \`/oom why\` tells what is known.`,
    );
  if (areFlagsUnseen(answer))
    throw new Refusal(
      'Not all flags of this JVM can be seen from here, so nothing is set over them.',
      `${java.unknown.join(' ')} Look at what it runs with, and set the flags where those stand.`,
    );
  const missing = analysis?.recommendationMissing;
  if (missing !== undefined) throw new Refusal(missing.message, missing.advice);
  const recommendation = analysis?.recommendation;
  if (recommendation === undefined)
    throw new Refusal(
      `There is nothing to set: ${explanation.claim}`,
      (explanation.advice ?? causeAdvice[explanation.cause].advice) || '`/oom why` tells what is known of it.',
    );
  if (recommendation.verdict === 'C')
    throw new Refusal(
      recommendation.meaning,
      'Look for what grows beside the heap before any flag is changed: `/oom why` lists what to look at.',
    );
  return recommendation;
}

type Sized = Pick<Recommendation, 'limitBytes' | 'heapBytes' | 'flags' | 'arithmetic'>;

/** The flags for the limit that is wanted, that is needed, or that there is. */
function sizeFor(answer: Answer, recommendation: Recommendation, wish: FixWish): Sized {
  const { flags, neededLimitBytes, verdict, meaning, reckonedFrom } = recommendation;
  const presentBytes = answer.limit.limitBytes;
  const wantedBytes =
    wish.limitBytes ?? (flags.length === 0 && wish.resources !== 'keep' ? neededLimitBytes : null) ?? presentBytes;
  if (wantedBytes === presentBytes || wantedBytes === undefined) {
    if (flags.length > 0) return recommendation;
    const need = neededLimitBytes === null ? '' : ` It takes ${formatBytes(neededLimitBytes)}.`;
    throw new Refusal(`${meaning}${need}`, 'Ask without --limit and --keep-resources, or name a larger limit.');
  }
  if (answer.limit.scope !== 'container')
    throw new Refusal(
      `The limit of ${formatBytes(presentBytes ?? 0)} is the whole pod’s, and its containers share it.`,
      'Change spec.resources of the pod template by hand, or give each container a limit of its own.',
    );
  const at = heapAtLimit(reckonedFrom, wantedBytes);
  const isNoGain = verdict === 'E' || verdict === 'F' ? (at?.heapBytes ?? 0) <= (reckonedFrom.heapBytes ?? 0) : false;
  if (at === undefined || isNoGain)
    throw new Refusal(
      at === undefined
        ? `No heap worth running with fits into ${formatBytes(wantedBytes)}.`
        : `With ${formatBytes(wantedBytes)} the heap would be ${formatBytes(at.heapBytes)}, no larger than the one that was full.`,
      neededLimitBytes === null
        ? 'Name a larger limit.'
        : `Name ${formatQuantity(neededLimitBytes)} or more, or ask without --limit.`,
    );
  return at;
}

/** @throws Refusal where the flags would not count, or where the variable is not the template’s own */
function demandVariable(setting: Setting, container: JsonObject, owner: Owner): string {
  const variable = variableFor(setting);
  const flags = setting.recommendation.flags.join(' ');
  if (variable === undefined) {
    const later = redactWords(laterFlags(setting)).join(' ');
    throw new Refusal(
      `The command line of container ${setting.container} says ${later || 'how large the heap is'}, which comes later than any variable and wins.`,
      `Change it there, to ${flags}: kubectl edit ${wordOf(owner)} -n ${owner.namespace}`,
    );
  }
  const source = variableSource(setting.java, variable);
  const entries = jsonObjects(container.env).filter(({ name }) => name === variable);
  if (source !== undefined || entries.some(({ valueFrom }) => valueFrom !== undefined))
    throw new Refusal(
      `${variable} comes from ${source ?? 'elsewhere'}: one of the container’s own would hide what it holds.`,
      `Put ${flags} there, behind what it already holds, then: kubectl rollout restart ${wordOf(owner)} -n ${owner.namespace}`,
    );
  if (entries.length > 1)
    throw new Refusal(
      `${variable} stands ${entries.length} times in the env of container ${setting.container}.`,
      `Leave one of them: kubectl edit ${wordOf(owner)} -n ${owner.namespace}`,
    );
  if (mergeOptions(writtenVariable(container, variable) ?? '', []).unmatchedQuote)
    throw new Refusal(
      `${variable} of container ${setting.container} has a quote that is never closed: no JVM starts with it.`,
      `Close it first: kubectl edit ${wordOf(owner)} -n ${owner.namespace}`,
    );
  return variable;
}

/**
 * What the JVM said it picked up from a variable that the pod does not set: the image's.
 * @throws Refusal where it may not be shown, and so not be written down
 */
function wordsOfImage({ java, recommendation }: Setting, variable: string, container: JsonObject): readonly string[] {
  const picked = java.env[variable];
  const isOwn =
    writtenVariable(container, variable) !== undefined || java.environment.variables[variable] !== undefined;
  if (picked === undefined || isOwn) return [];
  const { kept } = mergeOptions(picked, recommendation.flags);
  if (kept.every((word) => redact(word) === word && !/["'\\$]/.test(word))) return kept;
  throw new Refusal(
    `The image sets ${variable}, and what it holds is not to be shown: one of the container’s own would hide it.`,
    `Set it by hand, with ${recommendation.flags.join(' ')} behind what the first lines of the log say it picked up.`,
  );
}

/** @throws Refusal where the JVM would ignore what the variable is to hold, and with it all that it holds now */
function demandRead({ analysis }: Answer, variable: string, value: string, owner: Owner): void {
  const { jdk } = analysis ?? {};
  const isHotSpot8 = jdk?.major === 8 && jdk.vendor !== 'openj9' && variable !== 'JDK_JAVA_OPTIONS';
  if (!isHotSpot8 || !(jvmVariables as readonly string[]).includes(variable)) return;
  const bytes = Buffer.byteLength(value);
  const words = mergeOptions(value, []).kept.length;
  const { bytes: mostBytes, words: mostWords } = mostInJdk8Variable;
  if (bytes <= mostBytes && words <= mostWords) return;
  throw new Refusal(
    bytes > mostBytes
      ? `${variable} would be ${bytes} bytes long, and JDK 8 ignores all of one that is longer than ${mostBytes}.`
      : `${variable} would hold ${words} options, and JDK 8 reads ${mostWords}.`,
    `Move some of what it holds to the command line first: kubectl edit ${wordOf(owner)} -n ${owner.namespace}`,
  );
}

/** The limit where it is another one, and the request where it is not the limit: as `/oom why` recommends. */
function memoryFor(answer: Answer, limitBytes: number, wish: FixWish): Pick<TemplateEdit, 'limit' | 'request'> {
  const { limit } = answer;
  if (wish.resources === 'keep' || limit.scope !== 'container') return { limit: null, request: null };
  const quantity = formatQuantity(limitBytes);
  return {
    limit: limitBytes === limit.limitBytes ? null : quantity,
    request: limitBytes === limit.requestBytes ? null : quantity,
  };
}

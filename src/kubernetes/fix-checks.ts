import type { Check } from '../job.ts';
import { jvmVariables } from '../jvm/variables.ts';
import type { JsonObject } from '../report/report.ts';
import { listed } from '../report/text.ts';
import { fine } from './checks.ts';
import { endLines } from './evidence.ts';
import type { FixDecision } from './fix-decision.ts';
import { type Container, type Pod, podSchema } from './objects.ts';
import { type Owner, wordOf } from './owner.ts';
import { parseQuantity } from './quantity.ts';
import type { Answer } from './why-findings.ts';

/** The pod that the flags were reckoned from has to be one that the template makes, else they are reckoned for another program. */
export function sameCheck(owner: Owner, pod: Pod, container: string, variable: string): Check {
  const name = 'The pod is as its workload says';
  const theirs = pod.spec.containers.find((each) => each.name === container);
  const ours = templateContainer(owner.workload.spec.template, container);
  const init = pod.spec.initContainers.find((each) => each.name === container);
  const seen = theirs ?? init;
  if (seen === undefined || ours === undefined)
    return { name, status: 'unknown', seen: `Container ${container} is not in both.`, advice: 'Look at both.' };
  const differing = [
    ...(seen.image === ours.image ? [] : ['its image']),
    ...(same(seen.command, ours.command) && same(seen.args, ours.args) ? [] : ['its command line']),
    ...[...new Set([variable, ...jvmVariables])]
      .filter((each) => variableText(seen, each) !== variableText(ours, each))
      .map((each) => `its ${each}`),
    ...(ours.resources.limits.memory === undefined ||
    sameSize(seen.resources.limits.memory, ours.resources.limits.memory)
      ? []
      : ['its memory limit']),
  ];
  if (differing.length === 0) return fine(name, `${pod.metadata.name ?? 'It'} has what the template says.`);
  return {
    name,
    status: 'blocking',
    seen: `${pod.metadata.name ?? 'The pod'} differs from the template of ${wordOf(owner)} in ${listed(differing)}: it is of another revision, or something (a webhook) changes pods as they are made.`,
    advice:
      'Ask again with a pod of the present revision; flags that a webhook sets are changed where it takes them from.',
  };
}

function templateContainer(template: JsonObject, name: string): Container | undefined {
  const { spec } = podSchema.parse({ metadata: {}, spec: template.spec ?? {}, status: {} });
  return [...spec.containers, ...spec.initContainers].find((each) => each.name === name);
}

function variableText({ env }: Container, name: string): string {
  const variable = env.findLast((each) => each.name === name);
  return variable === undefined ? '' : (variable.value ?? JSON.stringify(variable.valueFrom ?? ''));
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function sameSize(a: string | undefined, b: string): boolean {
  return a !== undefined && parseQuantity(a) === parseQuantity(b);
}

/** Flags of ours that something later on the command line or in a variable beats: never silently. */
export function laterCheck({ java }: Answer, { overridden, edit }: FixDecision): Check {
  const name = 'Nothing later overrides it';
  if (overridden.length === 0 && java.unknown.length > 0)
    return {
      name,
      status: 'unknown',
      seen: java.unknown.join(' '),
      advice:
        'A size that a script gives to java itself comes later and wins. Look at its start script, or afterwards whether the heap is as set.',
    };
  if (overridden.length === 0) return fine(name, `The JVM ends up with ${edit.flags[0] ?? 'these flags'}.`);
  return {
    name,
    status: 'warning',
    seen: `${overridden.map(({ flag, by, from }) => `${by} (${from}) comes later than ${flag}`).join('; ')}: left out here.`,
    advice: 'What stands later stays. Change it there if it is not meant.',
  };
}

/** A variable of the container's own hides the one that the image sets: what that holds has to be known. */
export function imageCheck({ evidence, java }: Answer, owner: Owner, { edit, fromImage }: FixDecision): Check {
  const name = 'What the image sets stays';
  const variable = edit.variable ?? '';
  if (fromImage.length > 0)
    return fine(name, `The log tells that the image sets ${variable}: that goes in front of the new flags.`);
  const own = templateContainer(owner.workload.spec.template, edit.container)?.env.some(
    (each) => each.name === variable,
  );
  if (own === true) return fine(name, `${variable} is the container’s own already.`);
  const isOfJvm = (jvmVariables as readonly string[]).includes(variable);
  const { startLog, endLog = '' } = evidence;
  const beginning = startLog ?? (endLog.split('\n').length < endLines ? endLog : '');
  if (isOfJvm && beginning.trim() !== '' && java.env[variable] === undefined)
    return fine(name, `The log does not begin with “Picked up ${variable}”: the image sets none.`);
  return {
    name,
    status: 'unknown',
    seen: `Whether the image sets ${variable} itself could not be seen: one of the container’s own hides it.`,
    advice: `Look at the image’s environment, or for “Picked up” in the first lines of a log.`,
  };
}

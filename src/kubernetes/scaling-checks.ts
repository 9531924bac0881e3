import type { Check } from '../job.ts';
import type { Json, JsonObject } from '../report/report.ts';
import { listed } from '../report/text.ts';
import { fine, unseen } from './checks.ts';
import { isJsonObject, jsonObjects } from './json.ts';
import { type Owner, wordOf } from './owner.ts';
import type { Surroundings } from './surroundings.ts';
import type { Autoscaler, VerticalAutoscaler } from './workload-object.ts';

/** How an autoscaler goes by memory: by a share of what is requested, or by an amount. */
type ByMemory = 'utilization' | 'amount';

/** A HorizontalPodAutoscaler that goes by memory sees another utilisation as soon as requests change, or the heap does. */
export function autoscalerCheck(
  owner: Owner,
  { autoscalers }: Surroundings,
  after: JsonObject,
  purpose: 'fix' | 'rollback',
): Check {
  const name = 'No HorizontalPodAutoscaler fights it';
  if (autoscalers.value === undefined) return unseen(name, autoscalers.unseen, 'horizontalpodautoscalers');
  if (autoscalers.value.length === 0) return fine(name, `None scales ${wordOf(owner)}.`);
  const names = listed(autoscalers.value.map(({ metadata }) => metadata.name ?? '?'));
  const ways = autoscalers.value.flatMap(memoryWays);
  if (ways.length === 0) return fine(name, `${names} does not go by memory.`);
  if (ways.includes('utilization') && memoryText(owner.workload.spec.template) !== memoryText(after))
    return {
      name,
      status: 'blocking',
      seen: `${names} scales ${wordOf(owner)} by its memory as a share of the request, and this changes the request or the limit: it would answer with another number of pods.`,
      advice: `${purpose === 'fix' ? '`/oom fix` with --keep-resources sets the flags alone; or let' : 'Let'} it scale by CPU, or by an amount of memory, first.`,
    };
  return {
    name,
    status: 'warning',
    seen: `${names} scales ${wordOf(owner)} by its memory, and a JVM with another heap uses another amount.`,
    advice: 'A JVM seldom gives memory back: CPU or requests are better to scale by. Watch its replicas afterwards.',
  };
}

/** autoscaling/v2beta2 and v2 hold metrics in the spec; v1 holds those beside CPU in an annotation. */
function memoryWays({ metadata, spec }: Autoscaler): ByMemory[] {
  const noted = metadata.annotations['autoscaling.alpha.kubernetes.io/metrics'];
  const metrics = spec.metrics ?? (noted === undefined ? [] : jsonObjects(parsed(noted)));
  return metrics.flatMap((metric) => {
    const resource = metric.resource ?? metric.containerResource;
    if (!isJsonObject(resource) || resource.name !== 'memory') return [];
    const target = isJsonObject(resource.target) ? resource.target : resource;
    const share = target.averageUtilization ?? target.targetAverageUtilization;
    return [share === undefined || share === null ? ('amount' as const) : ('utilization' as const)];
  });
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return [];
  }
}

/** A VerticalPodAutoscaler writes requests and limits itself, whatever the template says. */
export function verticalCheck({ verticals }: Surroundings, after: JsonObject, purpose: 'fix' | 'rollback'): Check {
  const name = 'No VerticalPodAutoscaler fights it';
  if (verticals.value === undefined) return unseen(name, verticals.unseen, 'verticalpodautoscalers');
  const acting = verticals.value.filter((each) => actsOnMemory(each, after));
  if (verticals.value.length === 0) return fine(name, 'There is none for it.');
  if (acting.length === 0) return fine(name, 'The one for it only recommends, or leaves memory alone.');
  const [first] = acting;
  const sets = `${first?.metadata.name ?? '?'} sets the memory of these pods itself (updateMode ${first?.spec.updatePolicy?.updateMode ?? 'Auto'})`;
  // It writes into the pods, never into the template: nobody fights over an image.
  if (purpose === 'rollback')
    return {
      name,
      status: 'warning',
      seen: `${sets}: the limits and requests of that revision do not count.`,
      advice: 'Look afterwards whether its heap fits what the pods then get: `/oom why`.',
    };
  return {
    name,
    status: 'blocking',
    seen: `${sets}: a heap that is reckoned for this limit would not fit the next one.`,
    advice:
      'Set its updateMode to Off, or leave memory out of its controlledResources, and ask again. A JVM takes what it is given and says nothing of what it needs: let its flags decide.',
  };
}

function actsOnMemory({ spec }: VerticalAutoscaler, after: JsonObject): boolean {
  if (spec.updatePolicy?.updateMode === 'Off') return false;
  const policies = spec.resourcePolicy?.containerPolicies ?? [];
  const containers = isJsonObject(after.spec) ? jsonObjects(after.spec.containers) : [];
  return containers.some(({ name }) => {
    const policy =
      policies.find(({ containerName }) => containerName === name) ??
      policies.find(({ containerName }) => containerName === '*');
    if (policy?.mode === 'Off') return false;
    return policy?.controlledResources == null || policy.controlledResources.includes('memory');
  });
}

/** Requests and limits of all containers, as text to compare. */
export function memoryText(template: JsonObject): string {
  if (!isJsonObject(template.spec)) return '';
  return JSON.stringify(
    [...jsonObjects(template.spec.containers), ...jsonObjects(template.spec.initContainers)].map(
      ({ name, resources }) => {
        const { limits, requests } = isJsonObject(resources) ? resources : {};
        return [
          name,
          isJsonObject(limits) ? (limits.memory ?? null) : null,
          isJsonObject(requests) ? (requests.memory ?? null) : null,
        ];
      },
    ),
  );
}

import { containerEnvironment, expandReferences } from '../../kubernetes/container-environment.ts';
import { type Pod, podSchema } from '../../kubernetes/objects.ts';
import { staticPodOf } from '../space/static-pods.ts';
import { readCommand } from './command-line.ts';
import { type GivenSettings, sift } from './setting.ts';

/** The settings of a pod as it stands in a manifest or in the API. @returns null where no container of it starts etcd */
export function readPod(pod: Pod): GivenSettings | null {
  const container = pod.spec.containers.find((each) => each.name === 'etcd') ?? pod.spec.containers[0];
  if (container === undefined) return null;
  const { variables, elsewhere, poured } = containerEnvironment(container, { pod });
  const words = [...container.command, ...container.args].map((word) => expandReferences(word, variables));
  const read = readCommand(words, variables);
  const set = Object.entries(variables).map(([key, value]) => ({ name: key, value, by: 'variable' as const }));
  if (read === null && !set.some((each) => each.name.startsWith('ETCD_'))) return null;
  const { livenessMs } = staticPodOf(pod);
  const path = container.livenessProbe?.httpGet?.path;
  return sift('pod manifest', [...set, ...(read?.flags ?? [])], {
    elsewhere: [
      ...Object.entries(elsewhere).map(([key, where]) => `${key} (${where})`),
      ...poured,
      ...(read?.unknown ?? []),
    ],
    probe: livenessMs === null || path === undefined ? null : { path, toleranceMs: livenessMs },
  });
}

/** The same of a parsed manifest: a Pod, or what makes pods from a template. @returns null for what is neither */
export function readManifest(parsed: unknown): GivenSettings | null {
  const found = podIn(parsed);
  const pod = found === null ? undefined : podSchema.safeParse(found);
  return pod?.success === true ? readPod(pod.data) : null;
}

function podIn(parsed: unknown): object | null {
  if (typeof parsed !== 'object' || parsed === null || !('spec' in parsed)) return null;
  const { spec } = parsed;
  if (typeof spec !== 'object' || spec === null) return null;
  if ('containers' in spec) return parsed;
  return 'template' in spec ? podIn(spec.template) : null;
}

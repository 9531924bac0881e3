import type { Flag, Words } from '../command.ts';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';
import { isLabelName, parsePodReference } from './pod-reference.ts';

/** The flags of a command about one container of one pod. */
export const podFlags = {
  namespace: { type: 'string', short: 'n', value: '<namespace>', help: 'the namespace of the pod' },
  container: { type: 'string', short: 'c', value: '<name>', help: 'the container; else the one that was killed' },
} as const satisfies Readonly<Record<string, Flag>>;

/** The one pod that was named, as typed. @throws Refusal where none or several are, or a name is none */
export function podInput(words: Words): { pod: string; namespace: string | null; container: string | null } {
  const named = [...words.positionals, ...words.rest];
  const [pod] = named;
  if (pod === undefined) throw new Refusal('Which pod?', 'Name a pod, namespace/pod or deploy/name.');
  if (named.length > 1)
    throw new Refusal(
      `One pod at a time: ${named.length} names were given.`,
      'Ask for each on its own; -n takes the namespace, -c the container.',
      named.slice(0, 8).map((name) => shortened(name, 80)),
    );
  const namespace = words.flag('namespace');
  const container = words.flag('container');
  if (container !== undefined && !isLabelName(container))
    throw new Refusal(
      `“${shortened(container, 60)}” cannot be a container.`,
      'Containers have at most 63 small letters, digits and hyphens.',
    );
  parsePodReference(pod, namespace);
  return { pod, namespace: namespace ?? null, container: container ?? null };
}

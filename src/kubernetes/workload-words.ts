import type { Words } from '../command.ts';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';
import { parsePodReference } from './pod-reference.ts';

/**
 * The one workload that was named, and the namespace after -n.
 * @throws Refusal where there is none or more than one, or the word can be no name
 */
export function oneWorkload(words: Words): { readonly workload: string; readonly namespace: string | null } {
  const named = [...words.positionals, ...words.rest];
  const [workload] = named;
  if (workload === undefined)
    throw new Refusal('Which workload?', 'Name deploy/name, sts/name or ds/name, or a pod of it.');
  if (named.length > 1)
    throw new Refusal(
      `One workload at a time: ${named.length} names were given.`,
      'Ask for each on its own; -n takes the namespace.',
      named.slice(0, 8).map((name) => shortened(name, 80)),
    );
  const namespace = words.flag('namespace');
  parsePodReference(workload, namespace);
  return { workload, namespace: namespace ?? null };
}

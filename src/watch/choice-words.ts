import type { Flag, Words } from '../command.ts';
import { demandNamespaceName } from '../kubernetes/pod-reference.ts';
import { redact } from '../redact.ts';
import { Refusal } from '../refusal.ts';
import type { ChoiceInput } from './choosing.ts';

export const choiceFlags: Readonly<Record<string, Flag>> = {
  namespace: {
    type: 'string',
    short: 'n',
    value: '<namespace>',
    help: 'only this namespace; the whole cluster where not given',
  },
};

/** What follows `/oom watch on` and `off`. @throws Refusal */
export function choiceInput(words: Words, cluster: string): ChoiceInput {
  const [first = words.rest[0]] = words.positionals;
  if (first !== undefined)
    throw new Refusal(
      `“${redact(first).slice(0, 60)}” is not expected here.`,
      'The namespace stands behind -n; the channel is the one where it is typed.',
    );
  const namespace = words.flag('namespace');
  if (namespace !== undefined) demandNamespaceName(namespace);
  return { cluster, namespace: namespace ?? null };
}

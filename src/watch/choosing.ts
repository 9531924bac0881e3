import { z } from 'zod';
import { deskOf } from '../desk.ts';
import type { ChannelChoice } from '../incident/routing.ts';
import { type Look, look } from '../job.ts';
import { demandNamespace } from '../kubernetes/namespaces.ts';
import { Refusal } from '../refusal.ts';
import { demandWatched } from './watch-place.ts';

const input = z.strictObject({ cluster: z.string(), namespace: z.string().nullable() });
export type ChoiceInput = z.infer<typeof input>;

/** Sets whether the channel where it is asked is told of what dies in a cluster, or in one namespace of it. Touches no cluster. */
export function chooseWatch(word: 'on' | 'off'): Look<ChoiceInput> {
  return look({
    name: `oom watch ${word}`,
    input,
    async run({ cluster, namespace }, context) {
      const { watch } = deskOf(context);
      demandWatched(watch.rules);
      if (!watch.clusters.includes(cluster))
        throw new Refusal(
          `${cluster} is not watched: no rule under \`watch:\` names it.`,
          'Whoever keeps quorum.yaml can add one.',
          watch.clusters,
        );
      if (namespace !== null) demandNamespace(await context.clients.kubernetes(cluster), namespace);
      const isSame = (choice: ChannelChoice) => choice.cluster === cluster && choice.namespace === namespace;
      const before = (await watch.choices()).find((choice) => choice.isOn && isSame(choice));
      await watch.choose(cluster, namespace, word === 'on');
      const place = namespace === null ? cluster : `${namespace} in ${cluster}`;
      return {
        command: `/oom watch ${word}`,
        verdict: 'ok',
        title: `Watch ${word}`,
        summary:
          word === 'on'
            ? `This channel is told of what dies in ${place} from now on.`
            : `This channel is not told any more of what dies in ${place}.`,
        asOf: context.now().toISOString(),
        findings: [],
        sections: [
          {
            kind: 'text',
            text:
              word === 'on'
                ? `${before === undefined || before.channelId === watch.channelId ? '' : `${before.channelId} chose it before, and is not told any more. `}Invite me where I am not in yet. \`/oom watch\` shows who hears what.`
                : 'Whoever is next in line is told, if anybody: `/oom watch` shows it. Threads that have begun go on.',
          },
        ],
        data: { cluster, namespace, channel: watch.channelId, on: word === 'on' },
      };
    },
  });
}

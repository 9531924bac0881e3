import { z } from 'zod';
import { ensureCalm } from '../../src/etcd/calm.ts';
import { ensureLeadership, type Leadership, leadershipChecks, leadershipSections } from '../../src/etcd/leadership.ts';
import { findMember, type KnownCluster, requireKnown } from '../../src/etcd/member-reference.ts';
import { change } from '../../src/job.ts';
import { Refusal } from '../../src/refusal.ts';
import { quotedWord } from '../../src/shell-quoting.ts';

type Plan = { readonly cluster: string; readonly lead: Leadership };

/** Hands leadership to a member, or away from the one that leads now: then the fittest takes it. */
export const etcdMoveLeader = change({
  name: 'etcd move-leader',
  input: z.strictObject({ cluster: z.string(), member: z.string().nullable() }),
  plan: z.strictObject({
    cluster: z.string(),
    lead: z.strictObject({ kind: z.enum(['to', 'away-from']), memberId: z.string() }),
  }),
  planVersion: 1,

  async propose({ cluster, member }, { clients, signal }) {
    const view = requireKnown(await (await clients.etcd(cluster)).see(signal));
    const lead = wished(view, member);
    return {
      target: { kind: 'etcd', name: cluster, identity: view.clusterId },
      plan: { cluster, lead },
      checks: leadershipChecks(view, lead),
      words: describe(view, lead),
      sections: leadershipSections(view),
    };
  },

  undo: ({ cluster }, { intent: { leaderBefore } }) =>
    typeof leaderBefore === 'string'
      ? {
          title: `Make ${leaderBefore} the leader again`,
          line: ['etcd', 'move-leader', leaderBefore, '--cluster', cluster].map(quotedWord).join(' '),
        }
      : undefined,

  steps: ({ cluster, lead }: Plan) => [
    {
      title: 'Leadership handed over',
      ensure: async (_plan, context) => ensureLeadership(await context.clients.etcd(cluster), lead, context),
    },
    {
      title: 'Everybody follows the new leader',
      ensure: async (_plan, context) => ensureCalm(await context.clients.etcd(cluster), context),
    },
  ],
});

function wished(view: KnownCluster, word: string | null): Leadership {
  const leaderId = view.leader?.member?.id;
  if (word === null) {
    if (leaderId === undefined)
      throw new Refusal(
        `Who leads ${view.seen.cluster} could not be seen, so it cannot be moved away from there.`,
        'Ask again in a few seconds; `/etcd health` tells more.',
      );
    return { kind: 'away-from', memberId: leaderId };
  }
  const { member, label } = findMember(view, word);
  if (member.id === leaderId)
    throw new Refusal(`${label} leads already.`, 'To move leadership away from it, name no member or another one.');
  return { kind: 'to', memberId: member.id };
}

function describe(view: KnownCluster, { kind, memberId }: Leadership): string {
  const label = view.members.find(({ member }) => member.id === memberId)?.label ?? memberId;
  return kind === 'to'
    ? `make ${label} the leader of ${view.seen.cluster}`
    : `move the leadership of ${view.seen.cluster} away from ${label}, to the fittest other voter`;
}

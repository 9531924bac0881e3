import { z } from 'zod';
import type { Check } from '../../job.ts';
import { Refusal } from '../../refusal.ts';
import type { Section } from '../../report/report.ts';
import { count, formatDuration, grouped } from '../../report/text.ts';
import { ok } from '../checks.ts';
import type { Failure, Settled } from '../failure.ts';
import type { LeaseTally } from './event-leases.ts';
import { grantAdvice } from './expiring.ts';

/** What is decided when events are expired: by which rule, and nothing that changes by itself. */
export const expiryPlanSchema = z.strictObject({
  cluster: z.string(),
  /** The directory of the events. */
  prefix: z.string(),
  events: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('all') }),
    z.strictObject({ kind: z.literal('older-than'), ageMs: z.number().positive() }),
  ]),
  /** The voters whose space is given back afterwards, sorted; none where that is not part of it. */
  memberIds: z.array(z.string()).readonly(),
});

export type ExpiryPlan = z.infer<typeof expiryPlanSchema>;

/** What was seen of the events and their leases. */
export type EventsSeen = {
  /** Keys under the prefix. */
  readonly events: Settled<number>;
  /** Not asked for where all go. */
  readonly tally?: Settled<LeaseTally>;
};

/** @throws Refusal where there is nothing to expire */
export function requireEvents({ cluster, prefix, events: rule }: ExpiryPlan, { events, tally }: EventsSeen): void {
  if (events.value === 0)
    throw new Refusal(
      `${cluster} has no events: no key begins with ${prefix}.`,
      `Where the API servers have another --etcd-prefix, set etcd.clusters.${cluster}.eventsPrefix; \`/etcd keys\` shows what fills the store.`,
    );
  if (rule.kind === 'all' || tally?.value === undefined || tally.value.leases.old > 0) return;
  const { youngEvents, oldestMs, longestGrantedMs } = tally.value;
  throw new Refusal(
    youngEvents === 0
      ? `None of the ${grouped(events.value ?? 0)} events of ${cluster} hangs on a lease that holds events alone.`
      : `No event of ${cluster} is ${formatDuration(rule.ageMs)} old: of ${grouped(events.value ?? 0)} the oldest is ${formatDuration(oldestMs)}, and they live for ${formatDuration(longestGrantedMs)}.`,
    youngEvents === 0
      ? '`/etcd keys` shows what fills the store.'
      : 'Name a shorter age, such as --older-than 15m. What writes them goes on: find it with `kubectl get events -A --sort-by=.count`.',
  );
}

/** That no other key goes, and that the bot may do it. */
export function expiryChecks({ prefix, events: rule }: ExpiryPlan, { events, tally }: EventsSeen): Check[] {
  const failure = events.failure ?? tally?.failure;
  return [
    ...(failure === undefined ? [] : [unseenCheck(failure, prefix)]),
    rule.kind === 'all'
      ? ok('Only events go', `Keys that begin with ${prefix}, and no other, are deleted.`)
      : onlyEventsCheck(prefix, tally?.value),
    ...(rule.kind === 'all' || tally?.value === undefined ? [] : [unleasedCheck(events.value ?? 0, tally.value)]),
  ];
}

function unseenCheck({ said }: Failure, prefix: string): Check {
  return {
    name: 'Events and leases can be read',
    status: 'blocking',
    seen: `They cannot: ${said}.`,
    advice: /denied|auth|user/i.test(said)
      ? grantAdvice(Buffer.from(prefix))
      : '`/etcd health` tells how the leader is.',
  };
}

function onlyEventsCheck(prefix: string, tally: LeaseTally | undefined): Check {
  const name = 'Only events go';
  const seen = `A lease is revoked only where each of its keys begins with ${prefix}, which is looked at right before`;
  if (tally === undefined || tally.leases.shared === 0) return ok(name, `${seen}.`);
  return {
    name,
    status: 'warning',
    seen: `${seen}; ${count(tally.leases.shared, 'lease')} ${tally.leases.shared === 1 ? 'holds' : 'hold'} other keys too.`,
    advice: 'Those are left as they are: their events go when their time is over.',
  };
}

function unleasedCheck(events: number, { oldEvents, youngEvents, leases }: LeaseTally): Check {
  const name = 'Every event hangs on a lease';
  const rest = Math.max(0, events - oldEvents - youngEvents);
  if (rest === 0 || leases.shared > 0) return ok(name, `${grouped(events)} events.`);
  return {
    name,
    status: 'warning',
    seen: `${grouped(rest)} of ${grouped(events)} do not, or came meanwhile: without a lease they never expire.`,
    advice: 'A store that was filled by etcdctl make-mirror has such. They are left as they are.',
  };
}

/** The plan in words. */
export function describeExpiry({ cluster, prefix, events }: ExpiryPlan): string {
  return events.kind === 'all'
    ? `delete all events of ${cluster} (${prefix}), then drop all of the history, defragment each member, disarm NOSPACE and prove a write`
    : `expire the events of ${cluster} (${prefix}) that are at least ${formatDuration(events.ageMs)} old, by revoking their leases`;
}

/** What an approver wants to see: as of now, the plan is the rule. */
export function expirySections({ events: rule }: ExpiryPlan, { events, tally }: EventsSeen): Section[] {
  const old = tally?.value;
  return [
    {
      kind: 'text',
      title: 'What goes, as of now',
      text: [
        rule.kind === 'all'
          ? `All ${grouped(events.value ?? 0)} events, a thousand in a transaction.`
          : `${grouped(old?.oldEvents ?? 0)} of ${grouped(events.value ?? 0)} events, on ${count(old?.leases.old ?? 0, 'lease')}; an age is what was granted less what is left, and a lease that was renewed is older.`,
        'Events are what `kubectl describe` shows at its end; nothing in Kubernetes depends on them. They cannot be had back.',
        ...(rule.kind === 'all'
          ? ['NOSPACE is on: no age is asked for, and no snapshot is taken first.']
          : ['The space stays inside the databases: `/etcd recover-space` or `/etcd defrag` gives it back.']),
      ].join('\n'),
    },
  ];
}

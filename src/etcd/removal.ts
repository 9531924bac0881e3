import type { Check, Outcome, StepContext } from '../job.ts';
import { Refusal } from '../refusal.ts';
import type { Section } from '../report/report.ts';
import { count, formatDuration } from '../report/text.ts';
import type { ApiServersSeen } from './api-servers.ts';
import {
  healthIntervalMs,
  ok,
  quorumSection,
  restartCheck,
  snapshotCheck,
  votersOf,
  worstChecksFirst,
} from './checks.ts';
import type { EtcdCluster } from './client.ts';
import { canonicalEndpoint } from './endpoint.ts';
import { ensureLeadership, nextLeader, unfitToLead } from './leadership.ts';
import { type KnownCluster, type ListedMember, labelled, lookAt } from './member-reference.ts';
import { intended, wait } from './patience.ts';
import { majorityOf } from './quorum.ts';
import type { SnapshotAge } from './snapshot-age.ts';

/** What is decided when a member is removed: which one, and nothing that changes by itself. */
export type RemovalPlan = {
  readonly cluster: string;
  readonly memberId: string;
  /** '' for one that never started. */
  readonly name: string;
  readonly peerUrls: readonly string[];
};

export type RemovalFacts = {
  readonly view: KnownCluster;
  readonly member: ListedMember;
  readonly apiServers: ApiServersSeen;
  readonly snapshot: SnapshotAge;
  readonly now: Date;
};

/** Above twice the server's own interval, so that a member's restart is waited for. */
const refusedTimeoutMs = 60_000;

/** @throws Refusal for the last voter: nothing would be left */
export function planRemoval({ view, member }: Pick<RemovalFacts, 'view' | 'member'>): RemovalPlan {
  if (!member.isLearner && votersOf(view).length === 1)
    throw new Refusal(
      `${member.label} is the last voter of ${view.seen.cluster}: without it there is no cluster.`,
      'Nothing is removed. To end the cluster, stop its process; to replace it, add another member first.',
    );
  const { id, name, peerUrls } = member.member;
  return { cluster: view.seen.cluster, memberId: id, name, peerUrls: [...peerUrls].sort() };
}

/** Down, as far as can be seen from here and from its peers: neither answers the bot nor is connected to any of them. */
export function isDead({ isStarted, status, linkedFrom }: ListedMember): boolean {
  return isStarted && status === null && linkedFrom.length === 0;
}

/** Every check before a member is removed, worst first. */
export function removalChecks({ view, member, apiServers, snapshot, now }: RemovalFacts): Check[] {
  return worstChecksFirst([
    quorumCheck(view, member),
    deadFirstCheck(view, member),
    leadershipCheck(view, member),
    restartCheck(view, now),
    apiServerCheck(member, apiServers),
    snapshotCheck(view, snapshot),
  ]);
}

function quorumCheck(view: KnownCluster, member: ListedMember): Check {
  const name = 'The quorum stands, before and after';
  const now = `${view.working} of ${view.quorum.voters} voters work, ${view.quorum.needed} are needed`;
  if (view.working < view.quorum.needed)
    return {
      name,
      status: 'blocking',
      seen: `${now}.`,
      advice: 'Bring voters back first: without a quorum nothing can be removed.',
    };
  if (member.isLearner) return ok(name, `${now}. A learner does not vote: its removal changes nothing there.`);
  const { voters, working } = after(view, member);
  const needed = majorityOf(voters);
  const seen = `Now ${now}. After it ${working} of ${voters} work and ${needed} ${needed === 1 ? 'is' : 'are'} needed`;
  if (working < needed)
    return {
      name,
      status: 'blocking',
      seen: `${seen}.`,
      advice: 'That stops all writes. Bring the others back, or remove the dead one.',
    };
  if (working === needed)
    return {
      name,
      status: 'warning',
      seen: `${seen}: the loss of one more voter stops all writes.`,
      advice: 'Add its successor soon, or before it goes.',
    };
  return ok(name, `${seen}.`);
}

function after(view: KnownCluster, member: ListedMember): { readonly voters: number; readonly working: number } {
  if (member.isLearner) return { voters: view.quorum.voters, working: view.working };
  return { voters: view.quorum.voters - 1, working: view.working - (member.works ? 1 : 0) };
}

function deadFirstCheck(view: KnownCluster, member: ListedMember): Check {
  const name = 'The dead member goes first';
  const others = votersOf(view).filter((other) => other !== member && !other.works);
  if (others.length === 0) return ok(name, 'All other voters work.');
  if (!member.works && !member.isLearner) return ok(name, `${member.label} does not work itself.`);
  if (member.isLearner && view.working >= view.quorum.needed) return ok(name, 'A learner may go at any time.');
  return {
    name,
    status: 'blocking',
    seen: `${labelled(others)} ${others.length === 1 ? 'does' : 'do'} not work, and ${member.label} does.`,
    advice: `Bring ${others[0]?.label} back or remove it first: etcd refuses to remove one that works while another is down (\`unhealthy cluster\`).`,
  };
}

function leadershipCheck(view: KnownCluster, member: ListedMember): Check {
  const name = 'Leadership moves first';
  if (!member.isLeader) return ok(name, `${member.label} does not lead.`);
  const next = nextLeader(view, member.member.id);
  if (next !== undefined) return ok(name, `${member.label} leads; leadership is handed to ${next.label} before.`);
  const faults = votersOf(view)
    .filter((other) => other !== member)
    .map(unfitToLead)
    .filter((fault) => fault !== '');
  return {
    name,
    status: 'blocking',
    seen: `${member.label} leads, and nobody else is fit: ${faults.join('; ') || 'there is no other voter'}.`,
    advice: 'Mend another voter first: `/etcd health` tells how.',
  };
}

function apiServerCheck(member: ListedMember, { servers, unseen }: ApiServersSeen): Check {
  const name = 'No kube-apiserver depends on it alone';
  if (servers === undefined)
    return {
      name,
      status: 'unknown',
      seen: `The kube-apiservers could not be seen: ${unseen.replace(/\.$/, '')}.`,
      advice: `Look yourself: \`--etcd-servers\` of each must name another member than ${member.label}.`,
    };
  const own = member.member.clientUrls.map(canonicalEndpoint);
  const named = servers.filter(({ etcdServers }) => etcdServers.some((url) => own.includes(url)));
  const alone = named.filter(({ etcdServers }) => etcdServers.every((url) => own.includes(url)));
  if (alone.length > 0)
    return {
      name,
      status: 'blocking',
      seen: `--etcd-servers of ${alone.map((server) => server.name).join(', ')} names only ${member.label}.`,
      advice: 'Name the other members there and restart that API server first: it would lose its store.',
    };
  return ok(
    name,
    named.length === 0
      ? `None of ${count(servers.length, 'kube-apiserver')} names it.`
      : `${named.map((server) => server.name).join(', ')} ${named.length === 1 ? 'names' : 'name'} it beside others.`,
  );
}

/** Quorum before and after. */
export function removalSections(view: KnownCluster, member: ListedMember): Section[] {
  return [
    quorumSection([
      { stage: 'Now', voters: view.quorum.voters, working: view.working },
      { stage: `Without ${member.label}`, ...after(view, member) },
    ]),
  ];
}

/** The plan in words. */
export function describeRemoval({ cluster, memberId, name, peerUrls }: RemovalPlan): string {
  return `remove ${name || 'the member that never started'} (${memberId}, ${peerUrls.join(', ')}) from ${cluster}`;
}

/** What the bot cannot do: on the node itself, and wherever the member is named. */
export function leftToDo({ name, memberId, cluster }: RemovalPlan, voters: number): Section {
  const label = name || memberId;
  return {
    kind: 'text',
    title: 'What is left to do',
    text: [
      `On the node of ${label}: stop and disable etcd (or take its static pod manifest away), and delete its data directory. A member that was removed ends at every start with "the member has been permanently removed from the cluster", and its data is of no use to a new one.`,
      'Take its endpoint out of the clients, of --etcd-servers of every kube-apiserver, and of `etcd.clusters.' +
        `${cluster}.endpoints\` in the bot's configuration.`,
      ...(voters % 2 === 0
        ? [`${cluster} has ${voters} voters now: an odd number can lose as many with one less, so add one.`]
        : []),
    ].join('\n'),
  };
}

/** Brings it about that the member is gone. Ids are never given again, so asking twice does no harm. */
export async function ensureRemoved(etcd: EtcdCluster, plan: RemovalPlan, context: StepContext): Promise<Outcome> {
  const gone: Outcome = { kind: 'done', note: `${plan.name || plan.memberId} is no member any more.` };
  const listed = await etcd.membership.list();
  const label = plan.name || plan.memberId;
  const duration = formatDuration(refusedTimeoutMs);
  const open = new Refusal(
    `Whether ${label} was removed could not be found out in ${duration}.`,
    '`/etcd members` tells who is there.',
  );
  const patience = {
    recheckAfterMs: 1000,
    timeoutMs: refusedTimeoutMs,
    otherwise: new Refusal(
      `${label} was not removed: etcd did not take it in ${duration}.`,
      '`/etcd health` tells what keeps the cluster from changing its members.',
    ),
  };
  if (listed.failure !== undefined)
    return wait(context, {
      ...patience,
      reason: `The members cannot be read: ${listed.failure.said}.`,
      ...(intended(context, 'removing') === undefined ? {} : { otherwise: open }),
    });
  if (!listed.value.some(({ id }) => id === plan.memberId)) return gone;
  const { value: view, unseen } = await lookAt(etcd, context.signal);
  if (view === undefined) return wait(context, { ...patience, reason: unseen });
  const member = view.members.find(({ member: { id } }) => id === plan.memberId);
  if (member === undefined) return wait(context, { ...patience, reason: 'The members are told differently yet.' });
  const { leader } = view;
  if (leader?.endpoint == null)
    return wait(context, { ...patience, reason: 'No leader answers: an election may be under way.' });
  if (member.isLeader) {
    // It was elected again between two steps.
    const moved = await ensureLeadership(etcd, { kind: 'away-from', memberId: plan.memberId }, context);
    return moved.kind === 'done'
      ? wait(context, { ...patience, recheckAfterMs: 200, reason: `${member.label} led again.` })
      : moved;
  }
  const blocking = [quorumCheck(view, member), deadFirstCheck(view, member)].filter(
    ({ status }) => status === 'blocking',
  );
  const [first] = blocking;
  if (first !== undefined)
    return wait(context, {
      ...patience,
      reason: first.seen,
      otherwise: new Refusal(`${member.label} was not removed: ${first.seen}`, first.advice),
    });
  await context.intent.write({ removing: plan.memberId });
  await context.fence();
  const removed = await etcd.membership.remove(leader.endpoint, plan.memberId);
  if (removed.kind === 'done') return gone;
  const { failure } = removed;
  if (removed.kind === 'refused' && failure.kind !== 'unhealthy-cluster' && failure.kind !== 'member-not-found')
    return {
      kind: 'blocked',
      refusal: new Refusal(
        `etcd refused to remove ${member.label}: ${failure.said}.`,
        'Nothing was changed. `/etcd health` tells more.',
      ),
    };
  return wait(context, {
    ...patience,
    ...(removed.kind === 'unknown' ? { otherwise: open } : {}),
    reason:
      failure.kind === 'unhealthy-cluster'
        ? `etcd refuses for now (${failure.said}): every member has to be connected for ${formatDuration(healthIntervalMs)}.`
        : `How it came out is looked up: ${failure.said}.`,
  });
}

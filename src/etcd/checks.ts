import type { Check } from '../job.ts';
import type { Section } from '../report/report.ts';
import { count, formatDuration, listed } from '../report/text.ts';
import { etcdctl } from './etcdctl.ts';
import { type KnownCluster, labelled } from './member-reference.ts';
import { alarmsInErrors } from './protocol.ts';
import { majorityOf } from './quorum.ts';
import { nameOf } from './raft-trouble.ts';
import type { SnapshotAge } from './snapshot-age.ts';
import type { MemberView } from './view.ts';

/** etcd refuses changes of members until every member has been connected for this long (server/etcdserver, HealthInterval). */
export const healthIntervalMs = 5_000;

const rank: Record<Check['status'], number> = { blocking: 0, unknown: 1, warning: 2, ok: 3 };

/** Worst first; the order within one status stays as it was. */
export function worstChecksFirst(checks: readonly Check[]): Check[] {
  return [...checks].sort((a, b) => rank[a.status] - rank[b.status]);
}

export function ok(name: string, seen: string): Check {
  return { name, status: 'ok', seen, advice: '' };
}

export const votersOf = (view: KnownCluster) => view.members.filter(({ isLearner }) => !isLearner);

/** A member whose peers have no connection to it either is dead; one that only we cannot reach may not be. */
function whyNotWorking(member: MemberView): string {
  if (member.status !== null) return `${member.label} follows no leader`;
  const said = member.asked?.failure?.said ?? 'it tells no client URL that could be asked';
  if (member.linkedFrom.length > 0)
    return `${member.label} does not answer the bot (${said}), but is connected to ${listed(member.linkedFrom)}`;
  if (member.unlinkedFrom.length > 0)
    return `${member.label} is down: it does not answer (${said}), and ${listed(member.unlinkedFrom)} ${member.unlinkedFrom.length === 1 ? 'has' : 'have'} no connection to it`;
  return `${member.label} does not answer (${said})`;
}

/** Voters that have started: those that never did are a trouble of their own. */
export function votersAnswerCheck(view: KnownCluster): Check {
  const name = 'All voters answer';
  const voters = votersOf(view).filter(({ isStarted }) => isStarted);
  const lost = voters.filter(({ works }) => !works);
  if (lost.length === 0) return ok(name, `${count(voters.length, 'voter')}: ${labelled(voters)}.`);
  const dead = lost.find(({ status, linkedFrom }) => status === null && linkedFrom.length === 0);
  return {
    name,
    status: 'blocking',
    seen: `${lost.map(whyNotWorking).join('; ')}.`,
    advice:
      dead === undefined
        ? `Mend the way to ${labelled(lost)} first: \`/etcd health\` tells how.`
        : `Bring ${dead.label} back, or remove it first (\`/etcd remove ${dead.label}\`): as a dead voter it counts for the quorum without voting, and etcd refuses new members as an unhealthy cluster.`,
  };
}

export function leaderCheck(view: KnownCluster): Check {
  const name = 'All agree on one leader';
  const answering = view.members.filter(({ status }) => status?.clusterId === view.clusterId);
  const leaders = [...new Set(answering.map(({ status }) => status?.leaderId ?? null))];
  const [leaderId] = leaders;
  if (leaders.length === 1 && leaderId != null) {
    const terms = [...new Set(answering.map(({ status }) => status?.raftTerm))];
    if (view.leader !== null && terms.length === 1) return ok(name, `${view.leader.label} leads in term ${terms[0]}.`);
  }
  return {
    name,
    status: 'blocking',
    seen: `${answering.map(({ label, status }) => `${label}: ${status?.leaderId ? `${nameOf(status.leaderId, view)} leads` : 'no leader'} in term ${status?.raftTerm}`).join('; ') || 'Nobody answers'}.`,
    advice:
      'An election may be under way: ask again in a few seconds. If it stays, look at the network between the members.',
  };
}

/** What the others say of themselves; alarms are told apart. */
export function errorsCheck(view: KnownCluster): Check {
  const name = 'No member reports an error';
  const errors = view.members.flatMap(({ label, status }) =>
    (status?.errors ?? [])
      .filter((error) => alarmsInErrors([error]).length === 0)
      .map((error) => `${label} says "${error}"`),
  );
  if (errors.length === 0) return ok(name, 'None of those that answer.');
  return {
    name,
    status: 'blocking',
    seen: `${errors.join('; ')}.`,
    advice: '`/etcd health` tells what they mean; mend that first.',
  };
}

export function alarmsCheck(view: KnownCluster): Check {
  const name = 'No alarms';
  const raised = view.members.flatMap(({ label, alarms }) => alarms.map((alarm) => `${alarm} on ${label}`));
  if (raised.length > 0)
    return {
      name,
      status: 'blocking',
      seen: `${listed(raised)}.`,
      advice:
        'An alarm stops writes, and a new member would inherit the data that raised it: `/etcd health` tells how to end it.',
    };
  if (view.seen.alarms === null)
    return {
      name,
      status: 'unknown',
      seen: `The alarm list could not be read: ${view.seen.alarmsFailure?.said ?? 'no answer'}.`,
      advice: 'It takes a round of consensus: look at the quorum, and whether the bot’s user has the role root.',
    };
  return ok(name, 'The alarm list is empty.');
}

/** A voter that never started counts for the quorum and votes for nothing. */
export function unstartedCheck(view: KnownCluster): Check {
  const name = 'Every member has started';
  const unstarted = view.members.filter(({ isStarted }) => !isStarted);
  if (unstarted.length === 0) return ok(name, `${count(view.members.length, 'member')}, each with a name.`);
  const urls = (member: MemberView) => member.member?.peerUrls.join(', ') ?? '';
  return {
    name,
    status: 'blocking',
    seen: `Never started: ${unstarted.map((member) => `${member.label} at ${urls(member)}${member.isLearner ? ' (learner)' : ' (voter)'}`).join('; ')}.`,
    advice: `Start it, or take it out: \`/etcd remove ${unstarted[0]?.label}\`. One change of members at a time.`,
  };
}

export function learnerCheck(view: KnownCluster): Check {
  const name = 'No learner pending';
  const learners = view.members.filter(({ isLearner, isStarted }) => isLearner && isStarted);
  if (learners.length === 0) return ok(name, 'No member is a learner.');
  const [first] = learners;
  return {
    name,
    status: 'blocking',
    seen: `${labelled(learners)} ${learners.length === 1 ? 'is a learner' : 'are learners'}.`,
    advice: `etcd takes one learner at a time: \`/etcd promote ${first?.label}\` or \`/etcd remove ${first?.label}\` first.`,
  };
}

/** Within five seconds of a restart etcd refuses to change the members: known from the processes' start times, where metrics tell. */
export function restartCheck(view: KnownCluster, now: Date): Check {
  const name = 'Nobody has just restarted';
  const voters = votersOf(view).filter(({ isStarted }) => isStarted);
  const ages = voters.map((member) => ({ label: member.label, ageMs: ageMs(member, now) }));
  const young = ages.filter(({ ageMs: age }) => age !== null && age < healthIntervalMs);
  const untold = ages.filter(({ ageMs: age }) => age === null).map(({ label }) => label);
  if (young.length > 0) {
    const leftMs = Math.max(...young.map(({ ageMs: age }) => healthIntervalMs - (age ?? 0)));
    return {
      name,
      status: 'warning',
      seen: `Restarted within the last ${formatDuration(healthIntervalMs)}: ${listed(young.map(({ label, ageMs: age }) => `${label} (${formatDuration(age ?? 0)} ago)`))}.`,
      advice: `etcd refuses until ${formatDuration(healthIntervalMs)} have passed; the change waits ${formatDuration(leftMs)} for it. Ask why it restarted.`,
    };
  }
  if (untold.length > 0)
    return {
      name,
      status: 'unknown',
      seen: `When ${listed(untold)} started is not to be seen: the metrics there cannot be read.`,
      advice:
        'If it was just now, the change waits until etcd takes it. Metrics are read where metricsUrls names them.',
    };
  return ok(
    name,
    `The youngest process is ${formatDuration(Math.min(...ages.map(({ ageMs: age }) => age ?? 0)))} old.`,
  );
}

function ageMs({ metrics }: MemberView, now: Date): number | null {
  return metrics?.startedAt == null ? null : Math.max(0, now.getTime() - new Date(metrics.startedAt).getTime());
}

/** The snapshot that a change can be undone with. */
export function snapshotCheck(view: KnownCluster, { ageMs: age, maxAgeMs, canTake, unseen }: SnapshotAge): Check {
  const name = 'A fresh snapshot';
  if (age !== null && age <= maxAgeMs) return ok(name, `Taken ${formatDuration(age)} ago.`);
  const { cluster } = view.seen;
  const take = canTake
    ? `\`/etcd snapshot --cluster ${cluster}\``
    : etcdctl(view.seen, snapshotEndpoints(view), 'snapshot', 'save', `${cluster}.db`);
  return {
    name,
    status: unseen === undefined ? 'warning' : 'unknown',
    seen:
      age !== null
        ? `The last one is ${formatDuration(age)} old, older than ${formatDuration(maxAgeMs)}.`
        : unseen === undefined
          ? 'No snapshot is known to the bot.'
          : `Whether there is one could not be seen: ${unseen}`,
    advice: `Take one before this: ${take}`,
  };
}

/** A snapshot is taken from one member; a follower is disturbed less than the leader. */
function snapshotEndpoints(view: KnownCluster): string[] {
  const working = votersOf(view).filter(({ works, endpoint }) => works && endpoint !== null);
  const one = working.find(({ isLeader }) => !isLeader) ?? working[0];
  return one?.endpoint == null ? view.seen.configuredEndpoints.slice(0, 1) : [one.endpoint];
}

/** One line of the table below: how many vote, and how many of them work. */
export type QuorumStage = { readonly stage: string; readonly voters: number; readonly working: number };

/** Quorum before and after: what an approver wants to see. */
export function quorumSection(stages: readonly QuorumStage[]): Section {
  return {
    kind: 'table',
    title: 'Quorum',
    columns: ['', 'Voters', 'Needed', 'Can lose'],
    rows: stages.map(({ stage, voters, working }) => {
      const needed = voters === 0 ? 0 : majorityOf(voters);
      const spare = working - needed;
      return [
        stage,
        working === voters ? String(voters) : `${voters} (${working} working)`,
        String(needed),
        spare < 0 ? `no quorum: ${-spare} too few` : String(spare),
      ];
    }),
  };
}

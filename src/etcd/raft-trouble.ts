import { count, formatDuration, listed } from '../report/text.ts';
import { etcdctl } from './etcdctl.ts';
import { describeQuorum, majorityOf } from './quorum.ts';
import { impactOfLosing, type Trouble } from './trouble.ts';
import type { ClusterView, MemberView } from './view.ts';

/** Entries behind the leader from which a member counts as lagging: far above what two readings some ms apart differ by. */
const lagWarning = 1000;
/** etcd keeps this many entries for slow followers; one further behind needs a whole snapshot (DefaultSnapshotCatchUpEntries). */
const catchUpEntries = 5000;

/** Leader, quorum, members that never started, learners, lag, links between members, versions. */
export function raftTroubles(view: ClusterView, now: Date): Trouble[] {
  return [
    ...leaderTroubles(view),
    ...unstartedTroubles(view),
    ...linkTroubles(view, now),
    ...errorTroubles(view),
    ...lagTroubles(view),
    ...versionTroubles(view),
    ...learnerTroubles(view),
    ...evenTroubles(view),
  ];
}

const statusTable = (view: ClusterView) => etcdctl(view.seen, endpointsOf(view), 'endpoint', 'status', '-w', 'table');

/** Every endpoint that a member was asked at. */
export function endpointsOf(view: ClusterView): string[] {
  const endpoints = view.members.flatMap(({ endpoint }) => (endpoint === null ? [] : [endpoint]));
  return endpoints.length === 0 ? [...view.seen.configuredEndpoints] : endpoints;
}

function leaderTroubles(view: ClusterView): Trouble[] {
  const { quorum, working, seen, members } = view;
  const answering = members.filter(({ status }) => status?.clusterId === view.clusterId && status !== undefined);
  if (answering.length === 0) return [];
  const leaders = new Map<string | null, string[]>();
  for (const { status, label } of answering)
    leaders.set(status?.leaderId ?? null, [...(leaders.get(status?.leaderId ?? null) ?? []), label]);
  const said = answering
    .map(
      ({ label, status }) =>
        `${label}: ${status?.leaderId ? `leader ${nameOf(status.leaderId, view)}` : 'no leader'}, term ${status?.raftTerm}`,
    )
    .join('; ');
  const isStopped = seen.alarms === null && working < quorum.needed;
  if (leaders.size === 1 && leaders.has(null))
    return [
      {
        severity: 'critical',
        grade: 'fact',
        claim: `${seen.cluster} has no leader: ${answering.length === 1 ? 'the one member that answers knows none' : `none of the ${answering.length} members that answer knows one`}.`,
        evidence: `${said}. ${describeQuorum(quorum, answering.filter(({ isLearner }) => !isLearner).length)}.`,
        impact: 'No writes and no linearizable reads until a leader is elected.',
        advice:
          answering.length < quorum.needed
            ? `Bring back at least ${count(quorum.needed - answering.length, 'more voter')}: start the members that are down on their own data directories. Do not remove any now.`
            : 'Enough members answer here: look at the connections between them (peer port, peer certificates) and at their clocks and disks.',
        command: statusTable(view),
        short: 'no leader, no writes',
        cause: 'no-leader',
      },
    ];
  const troubles: Trouble[] = [];
  if (isStopped)
    troubles.push({
      severity: 'critical',
      grade: 'fact',
      claim: `${seen.cluster} has lost its quorum: ${working} of ${quorum.voters} voters work, ${quorum.needed} are needed.`,
      evidence: `${said}. A round of consensus: ${seen.alarmsFailure?.said ?? 'no answer'}.`,
      impact: 'No writes and no linearizable reads.',
      advice: `Bring back at least ${count(quorum.needed - working, 'more voter')} on its own data directory. Do not remove members now: that needs a quorum too.`,
      command: statusTable(view),
      short: 'quorum lost, no writes',
      cause: 'no-quorum',
    });
  if (leaders.size > 1)
    troubles.push({
      severity: 'warning',
      grade: 'fact',
      claim: leaders.has(null)
        ? `${listed(leaders.get(null) ?? [])} ${leaders.get(null)?.length === 1 ? 'sees' : 'see'} no leader, while the others follow one.`
        : `The members disagree on who leads: ${[...leaders].map(([id, labels]) => `${nameOf(id ?? '', view)} (as ${listed(labels)} ${labels.length === 1 ? 'says' : 'say'})`).join(', ')}.`,
      evidence: said,
      impact: 'An election may be under way, or a part of the members is cut off; clients of that part get errors.',
      advice:
        'Ask again in a few seconds. If it stays, look at the network between the members; the higher term is the newer truth.',
      command: statusTable(view),
      short: leaders.has(null) ? `${listed(leaders.get(null) ?? [])} without a leader` : 'leaders disagree',
      cause: 'leaders-disagree',
    });
  if (!isStopped && seen.alarms === null && seen.members !== null)
    troubles.push({
      severity: isRefusal(view) ? 'info' : 'critical',
      grade: isRefusal(view) ? 'unknown' : 'fact',
      claim: isRefusal(view)
        ? 'The alarm list may not be read by the bot: alarms are known only as members repeat them in their status.'
        : `A leader is known, but the cluster did not agree on anything within ${formatDuration(seen.requestTimeoutMs)}.`,
      evidence: seen.alarmsFailure?.said ?? 'no answer to the alarm list, which takes a round of consensus',
      impact: isRefusal(view) ? 'None.' : 'Writes and linearizable reads hang or time out as this did.',
      advice: isRefusal(view)
        ? 'Give the configured user the role root.'
        : 'Ask again; if it stays, look at the disk of the leader and at the network between the members.',
      command: etcdctl(seen, endpointsOf(view), 'alarm', 'list'),
      ...(isRefusal(view) ? {} : { short: 'consensus does not answer', cause: 'no-consensus' }),
    });
  return troubles;
}

function isRefusal({ seen }: ClusterView): boolean {
  return /^(auth-|permission|token-)/.test(seen.alarmsFailure?.kind ?? '');
}

/** A leader's name, where its id is a member's. */
export function nameOf(id: string, view: ClusterView): string {
  return view.members.find(({ member, status }) => (member?.id ?? status?.memberId) === id)?.label ?? id;
}

function unstartedTroubles(view: ClusterView): Trouble[] {
  return view.members
    .filter(({ isStarted }) => !isStarted)
    .map((member) => {
      const { quorum } = view;
      const peerUrls = member.member?.peerUrls.join(', ') ?? '';
      const before = quorum.voters - 1;
      return {
        severity: !member.isLearner && quorum.canLose === 0 ? 'critical' : 'warning',
        grade: 'fact',
        claim: `A ${member.isLearner ? 'learner' : 'voting member'} was added but never started: ${member.label}, peer URL ${peerUrls}.`,
        evidence: `The member list has ${member.label} with peer URL ${peerUrls}, without a name and without client URLs.`,
        impact: member.isLearner
          ? impactOfLosing([member], view)
          : `It counts as a lost voter: ${quorum.voters} voters need ${quorum.needed}, without it ${before} would need ${majorityOf(before)}. ${impactOfLosing([member], view)}`,
        advice:
          'If it is not being started right now, remove it. If it is, read its log: a peer certificate without its address makes it exit or be refused ("rejected connection", "bad certificate").',
        command: etcdctl(view.seen, answeringEndpoints(view), 'member', 'remove', member.member?.id ?? member.label),
        short: 'never started',
        who: [member.label],
        cause: 'never-started',
      } satisfies Trouble;
    });
}

function answeringEndpoints(view: ClusterView): string[] {
  const answering = view.members.flatMap(({ endpoint, status }) =>
    endpoint === null || status === null ? [] : [endpoint],
  );
  return answering.length === 0 ? endpointsOf(view) : answering;
}

/** A member may answer, follow and replicate while others refuse its peer certificate: only their metrics tell. */
function linkTroubles(view: ClusterView, now: Date): Trouble[] {
  return view.members
    .filter(({ status, unlinkedFrom }) => status !== null && unlinkedFrom.length > 0)
    .map((member) => ({
      severity: hasJustStarted(member, now) ? 'info' : 'warning',
      grade: 'fact',
      claim: `${member.label} answers, but ${listed(member.unlinkedFrom)} ${member.unlinkedFrom.length === 1 ? 'has' : 'have'} no working connection to it.`,
      evidence: `etcd_network_active_peers is 0 for ${member.member?.id ?? member.label} on ${listed(member.unlinkedFrom)}.`,
      impact: 'Should the leader change, it may be cut off: do not count on it as a voter.',
      advice:
        'If it has not just restarted, read the log of these members for "rejected connection" and "prober detected unhealthy status": its peer certificate or the peer network is wrong.',
      command: statusTable(view),
      short: `${member.label} not connected from ${listed(member.unlinkedFrom)}`,
      cause: 'peer-link',
    }));
}

/** Members connect to one that has restarted within some seconds. */
function hasJustStarted({ metrics }: MemberView, now: Date): boolean {
  return metrics?.startedAt != null && now.getTime() - new Date(metrics.startedAt).getTime() < 10_000;
}

function errorTroubles(view: ClusterView): Trouble[] {
  return view.members.flatMap((member) => {
    const errors = (member.status?.errors ?? []).filter(
      (error) => !/alarm:/.test(error) && !(/no leader/.test(error) && !member.works),
    );
    if (errors.length === 0) return [];
    return [
      {
        severity: 'warning',
        grade: 'fact',
        claim: `${member.label} reports an error of its own.`,
        evidence: errors.join('; '),
        impact: impactOfLosing([member], view),
        advice: 'Read the log of that member at this time.',
        command: statusTable(view),
        short: `${member.label}: ${errors[0]}`,
        cause: 'member-error',
      } satisfies Trouble,
    ];
  });
}

function lagTroubles(view: ClusterView): Trouble[] {
  return view.members.flatMap((member) => {
    const { status, raftLag } = member;
    const unapplied = status === null ? 0 : status.raftIndex - status.raftAppliedIndex;
    if (status === null || raftLag === null || Math.max(raftLag, unapplied) < lagWarning) return [];
    const behind = Math.max(raftLag, unapplied);
    return [
      {
        severity: 'warning',
        grade: 'fact',
        claim:
          raftLag >= lagWarning
            ? `${member.label} lags: it is ${count(raftLag, 'raft entry', 'raft entries')} behind.`
            : `${member.label} has ${count(unapplied, 'agreed entry', 'agreed entries')} yet to apply.`,
        evidence: `${member.label}: raft index ${status.raftIndex}, applied ${status.raftAppliedIndex}; furthest index ${status.raftIndex + raftLag}.`,
        impact: `Serializable reads from it are old${behind >= catchUpEntries ? '; so far behind it may need a whole snapshot from the leader' : ''}. It does not help to commit quickly.`,
        advice:
          'Look at its disk and at the network to the leader. A member that was just started catches up by itself: ask again.',
        command: statusTable(view),
        short: `${member.label} lags by ${count(behind, 'entry', 'entries')}`,
        cause: 'raft-lag',
      } satisfies Trouble,
    ];
  });
}

function versionTroubles(view: ClusterView): Trouble[] {
  const byVersion = new Map<string, string[]>();
  for (const { status, label } of view.members)
    if (status !== null) byVersion.set(status.version, [...(byVersion.get(status.version) ?? []), label]);
  if (byVersion.size < 2) return [];
  const versions = [...byVersion].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
  const minors = new Set(versions.map(([version]) => version.split('.').slice(0, 2).join('.')));
  return [
    {
      severity: minors.size > 1 ? 'warning' : 'info',
      grade: 'fact',
      claim: `The members run different versions: ${listed(versions.map(([version]) => version))}.`,
      evidence: versions.map(([version, labels]) => `${version}: ${labels.join(', ')}`).join('; '),
      impact:
        minors.size > 1
          ? 'The cluster works as its oldest member does; members may be added or promoted under rules that the others do not know.'
          : 'None by itself: the same minor version.',
      advice: 'Finish the upgrade, one member at a time, each only when the last one is healthy again.',
      command: statusTable(view),
      ...(minors.size > 1
        ? { short: `versions differ (${versions.map(([version]) => version).join(', ')})`, cause: 'version-skew' }
        : {}),
    },
  ];
}

function learnerTroubles(view: ClusterView): Trouble[] {
  return view.members
    .filter(({ isLearner, status }) => isLearner && status !== null)
    .map((member) => ({
      severity: 'info',
      grade: 'fact',
      claim: `${member.label} is a learner: it receives everything and does not vote.`,
      evidence: `${member.label}: learner, raft index ${member.status?.raftIndex}, ${count(member.raftLag ?? 0, 'entry', 'entries')} behind.`,
      impact: 'None for quorum and writes until it is promoted.',
      advice:
        (member.raftLag ?? 0) < lagWarning
          ? 'It has caught up: promote it when it is meant to vote.'
          : 'Let it catch up before it is promoted.',
      command: etcdctl(
        view.seen,
        view.leader?.endpoint ? [view.leader.endpoint] : endpointsOf(view),
        'member',
        'promote',
        member.member?.id ?? '',
      ),
    }));
}

function evenTroubles({ quorum, seen, members }: ClusterView): Trouble[] {
  if (
    quorum.voters < 2 ||
    quorum.voters % 2 === 1 ||
    members.some(({ isStarted, isLearner }) => !isStarted && !isLearner)
  )
    return [];
  return [
    {
      severity: 'info',
      grade: 'fact',
      claim: `${seen.cluster} has an even number of voters (${quorum.voters}).`,
      evidence: `${quorum.voters} voters need ${quorum.needed}; ${quorum.voters - 1} would need ${majorityOf(quorum.voters - 1)}.`,
      impact: `It can lose no more members than ${quorum.voters - 1} voters could.`,
      advice: 'Grow or shrink to an odd number.',
    },
  ];
}

/** Members whose client URLs nobody could be asked at, though they have started. */
export function unaskedMembers(view: ClusterView): readonly MemberView[] {
  return view.members.filter(({ isStarted, asked }) => isStarted && asked === null);
}

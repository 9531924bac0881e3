import { count, formatDuration, listed } from '../report/text.ts';
import { etcdctl } from './etcdctl.ts';
import { answeringEndpoints, statusTable } from './look-commands.ts';
import { lagWarning, learnerTroubles, unstartedTroubles } from './newcomer-trouble.ts';
import { majorityOf } from './quorum.ts';
import { plainlySaid } from './said.ts';
import { describeVotes, followersOfLost, impactOfLosing, isRefused, type Trouble } from './trouble.ts';
import { versionTroubles } from './version-trouble.ts';
import type { ClusterView, MemberView } from './view.ts';

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

function leaderTroubles(view: ClusterView): Trouble[] {
  const answering = view.members.filter(({ status }) => status !== null && status.clusterId === view.clusterId);
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
  if (!view.hasLeader) return [noLeaderTrouble(answering.length, said, view)];
  return [
    ...(view.isStopped ? [noQuorumTrouble(said, view)] : []),
    ...(leaders.size > 1 ? [disagreementTrouble(leaders, said, view)] : []),
    ...(!view.isStopped && view.seen.alarms === null && view.seen.members !== null
      ? [consensusTrouble(said, view)]
      : []),
  ];
}

const missingVoters = ({ quorum, voting }: ClusterView) => count(quorum.needed - voting, 'more voter');

function noLeaderTrouble(answering: number, said: string, view: ClusterView): Trouble {
  const { seen, quorum, voting } = view;
  return {
    severity: 'critical',
    grade: 'fact',
    claim: `${seen.cluster} has no leader: ${answering === 1 ? 'the one member that answers knows none' : `none of the ${answering} members that answer knows one`}.`,
    evidence: `${said}. ${describeVotes(view)}.`,
    impact: 'No writes and no linearizable reads until a leader is elected.',
    advice:
      voting < quorum.needed
        ? `Bring back at least ${missingVoters(view)}: start the members that are down on their own data directories. Do not remove any now: that needs a quorum too.`
        : 'Enough members answer here: look at the connections between them (peer port, peer certificates) and at their clocks and disks.',
    command: statusTable(view),
    short: 'no leader, no writes',
    cause: 'no-leader',
  };
}

function noQuorumTrouble(said: string, view: ClusterView): Trouble {
  const { seen, quorum, voting } = view;
  return {
    severity: 'critical',
    grade: 'fact',
    claim: `${seen.cluster} has lost its quorum: ${voting} of ${quorum.voters} voters ${voting === 1 ? 'works' : 'work'}, ${quorum.needed} are needed.`,
    evidence: `${said}. A round of consensus: ${plainlySaid(seen.alarmsFailure?.said ?? 'no answer')}.`,
    impact: 'No writes and no linearizable reads.',
    advice: `Bring back at least ${missingVoters(view)} on its own data directory. Do not remove members now: that needs a quorum too.`,
    command: statusTable(view),
    short: 'quorum lost, no writes',
    cause: 'no-quorum',
  };
}

function disagreementTrouble(leaders: ReadonlyMap<string | null, string[]>, said: string, view: ClusterView): Trouble {
  const blind = leaders.get(null) ?? [];
  return {
    severity: 'warning',
    grade: 'fact',
    claim: leaders.has(null)
      ? `${listed(blind)} ${blind.length === 1 ? 'sees' : 'see'} no leader, while the others follow one.`
      : `The members disagree on who leads: ${[...leaders].map(([id, labels]) => `${nameOf(id ?? '', view)} (as ${listed(labels)} ${labels.length === 1 ? 'says' : 'say'})`).join(', ')}.`,
    evidence: said,
    impact: 'An election may be under way, or a part of the members is cut off; clients of that part get errors.',
    advice:
      'Ask again in a few seconds. If it stays, look at the network between the members; the higher term is the newer truth.',
    command: statusTable(view),
    short: leaders.has(null) ? `${listed(blind)} without a leader` : 'leaders disagree',
    cause: 'leaders-disagree',
  };
}

/** A leader is known, and yet nothing was agreed on: the bot may not ask, or the leader does not do its work. */
function consensusTrouble(said: string, view: ClusterView): Trouble {
  const { seen, members } = view;
  const command = etcdctl(seen, answeringEndpoints(view), 'alarm', 'list');
  const answer = plainlySaid(
    seen.alarmsFailure?.said ?? 'no answer to the alarm list, which takes a round of consensus',
  );
  if (isRefused(seen.alarmsFailure))
    return {
      severity: 'info',
      grade: 'unknown',
      claim: 'The alarm list may not be read by the bot: alarms are known only as members repeat them in their status.',
      evidence: answer,
      impact: 'None.',
      advice: 'Give the configured user the role root.',
      command,
    };
  const within = formatDuration(seen.requestTimeoutMs);
  const leader = members.find((member) => member.status === null && followersOfLost([member], view).length > 0);
  if (leader === undefined)
    return {
      severity: 'critical',
      grade: 'fact',
      claim: `A leader is known, but the cluster did not agree on anything within ${within}.`,
      evidence: answer,
      impact: 'Writes and linearizable reads hang or time out as this did.',
      advice: 'Ask again; if it stays, look at the disk of the leader and at the network between the members.',
      command,
      short: 'consensus does not answer',
      cause: 'no-consensus',
    };
  const followers = followersOfLost([leader], view);
  return {
    severity: 'critical',
    grade: 'fact',
    claim: `${leader.label}, the leader that ${listed(followers)} still ${followers.length === 1 ? 'follows' : 'follow'}, does not answer: the cluster did not agree on anything within ${within}.`,
    evidence: `${said}. A round of consensus: ${answer}.`,
    impact: 'Writes and linearizable reads hang until the others elect another leader.',
    advice: `Ask again in a few seconds: the others elect one of themselves about an election timeout (1 s by default) after its last heartbeat. If it stays, ${leader.label} still sends heartbeats but does no work (a stalled disk, a defragmentation): look at its machine, and stop that process if it does not recover.`,
    command: statusTable(view),
    short: `the leader ${leader.label} does not answer, writes hang`,
    cause: 'no-consensus',
  };
}

/** A leader's name, where its id is a member's. */
export function nameOf(id: string, view: ClusterView): string {
  return view.members.find(({ member, status }) => (member?.id ?? status?.memberId) === id)?.label ?? id;
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

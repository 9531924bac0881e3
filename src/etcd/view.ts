import type { Alarm, AlarmKind, Asked, ClusterSeen, Member, MemberStatus, MetricsRead } from './cluster.ts';
import { addressOf, canonicalEndpoint, hostPort } from './endpoint.ts';
import type { MemberMetrics } from './metrics.ts';
import { alarmsInErrors } from './protocol.ts';
import { type Quorum, quorumOf } from './quorum.ts';

/** etcd's quota where `--quota-backend-bytes` is not set: 2 GiB (server/storage/quota.go, DefaultQuotaBytes). */
export const defaultQuotaBytes = 2147483648;

/** One member with all that was seen of it, from here and by the others. */
export type MemberView = {
  /** Its name; else its id or the address that was asked. */
  readonly label: string;
  /** null when no member could tell who the members are. */
  readonly member: Member | null;
  /** Where it was asked; null when it has told no client URL. */
  readonly endpoint: string | null;
  readonly asked: Asked | null;
  readonly status: MemberStatus | null;
  readonly metrics: MemberMetrics | null;
  /** An earlier reading of the same process. */
  readonly earlier: NonNullable<MetricsRead['earlier']> | null;
  readonly alarms: readonly AlarmKind[];
  readonly isLearner: boolean;
  readonly isStarted: boolean;
  readonly isLeader: boolean;
  /** Answers and follows a leader. */
  readonly works: boolean;
  /**
   * Counts for the quorum: it works, or a peer that does has a working connection to it while only the bot cannot reach it.
   * Where nobody knows a leader, it counts when it answers.
   */
  readonly votes: boolean;
  /** As etcd's own /health has it: under NOSPACE and without a quorum no member is. */
  readonly isHealthy: boolean;
  /** As told by the member or configured; null when neither. */
  readonly quotaBytes: number | null;
  /** Entries behind the furthest member; null when it did not answer. */
  readonly raftLag: number | null;
  /** Labels of the members whose metrics show a working connection to this one, and of those that show none. */
  readonly linkedFrom: readonly string[];
  readonly unlinkedFrom: readonly string[];
};

/** A cluster, member by member. */
export type ClusterView = {
  readonly seen: ClusterSeen;
  readonly members: readonly MemberView[];
  /** Configured endpoints that lead to none of the members. */
  readonly strays: readonly Asked[];
  readonly clusterId: string | null;
  readonly leader: MemberView | null;
  readonly quorum: Quorum;
  /** How many voters answer and follow a leader. */
  readonly working: number;
  /** How many voters count for the quorum. */
  readonly voting: number;
  /** Whether any member that answers knows a leader. */
  readonly hasLeader: boolean;
  /** Nothing can be agreed on: no leader, or too few voters, and the cluster gave no proof of the contrary. */
  readonly isStopped: boolean;
};

/** Joins what the endpoints said with who the members are. */
export function viewCluster(seen: ClusterSeen): ClusterView {
  const clusterId = commonest(seen.asked.flatMap(({ status }) => (status === undefined ? [] : [status.clusterId])));
  const list = seen.members ?? seen.lastMembers;
  const pairs: (readonly [Member | null, Asked | null])[] =
    list === null
      ? seen.asked.map((asked) => [null, asked] as const)
      : list.map((member) => [member, answerOf(member, seen.asked)] as const);
  const furthest = Math.max(
    0,
    ...seen.asked.map(({ status }) => (status?.clusterId === clusterId ? (status?.raftIndex ?? 0) : 0)),
  );
  const alarms = alarmsOf(seen);
  const drafts = pairs
    .map(([member, asked]) => draftMember(member, asked, { seen, alarms, clusterId, furthest }))
    .sort(byName);
  const linked = drafts.map((draft) => ({ ...draft, ...linksTo(draft, drafts) }));
  const hasLeader = drafts.some(({ works }) => works);
  const counting = linked.map((draft) => ({ ...draft, votes: hasLeader ? isVoting(draft, drafts) : isIn(draft) }));
  // Without a member list nobody knows how many voters there are.
  const counted = list === null ? [] : counting;
  const quorum = quorumOf(counted.map(({ isLearner, votes }) => ({ isLearner, works: votes })));
  const voting = counted.filter(({ isLearner, votes }) => votes && !isLearner).length;
  const isStopped = seen.alarms === null && drafts.some(isIn) && (!hasLeader || voting < quorum.needed);
  const isFull = alarms.some(({ kind }) => kind === 'NOSPACE');
  const members = counting.map((draft) => ({ ...draft, isHealthy: draft.isHealthy && !isFull && !isStopped }));
  const matched = new Set(pairs.map(([, asked]) => asked));
  const strays = list === null ? [] : seen.asked.filter((asked) => isStray(asked, list, matched));
  return {
    seen,
    members,
    strays,
    clusterId,
    leader: members.find(({ isLeader }) => isLeader) ?? null,
    quorum: hasLeader ? quorum : { ...quorum, canLose: 0 },
    voting,
    hasLeader,
    isStopped,
    working: counted.filter(({ isLearner, works }) => works && !isLearner).length,
  };
}

type Surroundings = {
  readonly seen: ClusterSeen;
  readonly alarms: readonly Alarm[];
  readonly clusterId: string | null;
  readonly furthest: number;
};
type Draft = Omit<MemberView, 'linkedFrom' | 'unlinkedFrom' | 'votes'>;

function draftMember(
  member: Member | null,
  asked: Asked | null,
  { seen, alarms, clusterId, furthest }: Surroundings,
): Draft {
  const status = asked?.status ?? null;
  const id = member?.id ?? status?.memberId ?? '';
  const read = seen.metrics.find(
    ({ metrics, endpoint }) =>
      metrics !== undefined && (metrics.memberId === null ? endpoint === asked?.endpoint : metrics.memberId === id),
  );
  const own = alarms.filter(({ memberId }) => memberId === id).map(({ kind }) => kind);
  const works = status !== null && status.leaderId !== null && status.clusterId === clusterId;
  const isAlarmText = (error: string) => alarmsInErrors([error]).length > 0;
  return {
    label: labelOf(member, asked),
    member,
    endpoint: asked?.endpoint ?? member?.clientUrls[0] ?? null,
    asked,
    status,
    metrics: read?.metrics ?? null,
    earlier: read?.earlier ?? null,
    alarms: own,
    isLearner: member?.isLearner ?? status?.isLearner ?? false,
    isStarted: member === null || member.name !== '' || status !== null,
    isLeader: status !== null && status.leaderId === status.memberId,
    works,
    isHealthy: works && own.length === 0 && status.errors.every(isAlarmText),
    quotaBytes: status?.quotaBytes ?? read?.metrics?.quotaBytes ?? seen.configuredQuotaBytes,
    raftLag: status === null || status.clusterId !== clusterId ? null : furthest - status.raftIndex,
  };
}

/** Whether it answers as one of this cluster. */
function isIn({ status, raftLag }: Draft): boolean {
  return status !== null && raftLag !== null;
}

/** A process that takes connections and is silent keeps its peers' connections for a while: those prove nothing. */
function isVoting(draft: Draft & Pick<MemberView, 'linkedFrom'>, all: readonly Draft[]): boolean {
  const { status, works, asked, linkedFrom } = draft;
  if (status !== null) return works;
  const isHung = asked?.failure?.kind === 'deadline' && asked.probe?.reached !== 'silent';
  return !isHung && all.some((peer) => peer.works && linkedFrom.includes(peer.label));
}

function labelOf(member: Member | null, asked: Asked | null): string {
  if (member !== null) return member.name || member.id;
  return asked === null ? 'a member' : hostOf(asked.endpoint);
}

/** `10.0.0.1:2379` of a client URL. */
export function hostOf(endpoint: string): string {
  const { host, port } = addressOf(endpoint);
  return hostPort(host, port);
}

/** The best of what was asked of one member: an answer before a failure, a configured endpoint before a found one. */
function answerOf(member: Member, asked: readonly Asked[]): Asked | null {
  const urls = member.clientUrls.map(canonicalEndpoint);
  const answers = asked.filter(({ status }) => status?.memberId === member.id);
  const failures = asked.filter(
    ({ status, lastMemberId, endpoint }) =>
      status === undefined && (lastMemberId === member.id || urls.includes(endpoint)),
  );
  const inOrder = [...answers, ...failures];
  return (
    inOrder.find(({ status, isConfigured }) => (status !== undefined || answers.length === 0) && isConfigured) ??
    inOrder[0] ??
    null
  );
}

/** A found endpoint that fails is a stray only for the member it belongs to, and told there. */
function isStray(asked: Asked, members: readonly Member[], matched: ReadonlySet<Asked | null>): boolean {
  if (matched.has(asked) || !asked.isConfigured) return false;
  if (asked.status !== undefined) return !members.some(({ id }) => id === asked.status?.memberId);
  return !members.some(
    ({ id, clientUrls }) => id === asked.lastMemberId || clientUrls.map(canonicalEndpoint).includes(asked.endpoint),
  );
}

/** From the alarm list where it could be had; else as the members repeat them in their status. */
function alarmsOf(seen: ClusterSeen): Alarm[] {
  const repeated = seen.asked.flatMap(({ status }) => alarmsInErrors(status?.errors ?? []));
  const all = seen.alarms ?? repeated;
  return all.filter(
    (alarm, index) =>
      all.findIndex((other) => other.memberId === alarm.memberId && other.kind === alarm.kind) === index,
  );
}

function linksTo(draft: Draft, all: readonly Draft[]): Pick<MemberView, 'linkedFrom' | 'unlinkedFrom'> {
  const id = draft.member?.id;
  const views = all.flatMap(({ label, metrics, status }) => {
    const isActive = id === undefined || status === null ? undefined : metrics?.activePeers[id];
    return isActive === undefined ? [] : [{ label, isActive }];
  });
  return {
    linkedFrom: views.filter(({ isActive }) => isActive).map(({ label }) => label),
    unlinkedFrom: views.filter(({ isActive }) => !isActive).map(({ label }) => label),
  };
}

/** Kept, for localeCompare with a locale makes a new one at each call, which is slow; made late, for it loads ICU's data. */
let labelOrder: Intl.Collator | undefined;

function byName(a: Draft, b: Draft): number {
  labelOrder ??= new Intl.Collator('en', { numeric: true });
  return labelOrder.compare(a.label, b.label);
}

function commonest(words: readonly string[]): string | null {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null;
}

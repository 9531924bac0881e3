import { type Json, type Report, type Section, verdictOf, worstFirst } from '../report/report.ts';
import { count, formatDuration, listed, shortened } from '../report/text.ts';
import type { ClusterSeen } from './cluster.ts';
import { diskTroubles } from './disk-trouble.ts';
import { canonicalEndpoint } from './endpoint.ts';
import { etcdctl } from './etcdctl.ts';
import { answeringEndpoints } from './look-commands.ts';
import { nameOf, raftTroubles, unaskedMembers } from './raft-trouble.ts';
import { isRefusedByTls, reachTroubles } from './reach-trouble.ts';
import { plainlySaid } from './said.ts';
import { silentState } from './silent-trouble.ts';
import { describeSize, fullestMember, spaceTroubles } from './space-trouble.ts';
import { ownCertificateTroubles } from './tls-trouble.ts';
import { describeVotes, findingsOf, impactOfLosing, type Trouble } from './trouble.ts';
import { type ClusterView, hostOf, type MemberView, viewCluster } from './view.ts';

/** What a lock screen shows of a message. */
const lockScreenCharacters = 120;

/** The report of `/etcd health`: what was seen, judged. Pure. */
export function reportHealth(seen: ClusterSeen, now: Date): Report {
  const view = viewCluster(seen);
  const troubles = worstFirst([
    ...raftTroubles(view, now),
    ...spaceTroubles(view),
    ...reachTroubles(view, now),
    ...unasked(view),
    ...ownCertificateTroubles(view, now),
    ...authRemarks(view),
    ...diskTroubles(view, now),
  ]);
  const findings = findingsOf(troubles);
  const cause = troubles.find((trouble) => trouble.cause !== undefined)?.cause;
  return {
    command: '/etcd health',
    // What nobody there could be asked about is not known: a script must be able to tell that from a sick cluster.
    verdict: view.members.every(({ status }) => status === null) ? 'unknown' : verdictOf(findings),
    title: `etcd ${seen.cluster}`,
    summary: summarize(view, troubles),
    asOf: now.toISOString(),
    seenFrom: seen.seenFrom,
    findings,
    sections: sectionsOf(view),
    copy:
      findings.find(({ command, severity }) => command !== undefined && severity !== 'info')?.command ??
      etcdctl(seen, answeringEndpoints(view), 'endpoint', 'health', '-w', 'table'),
    ...(cause === undefined ? {} : { cause }),
    data: {
      clusterId: view.clusterId,
      quorum: { ...view.quorum },
      members: view.members.map(memberData),
    },
  };
}

/** The verdict in one line: who is healthy, what may be lost, then the troubles, or leader and size where there is none. */
function summarize(view: ClusterView, troubles: readonly Trouble[]): string {
  const { seen, members, quorum, leader } = view;
  const voters = members.filter(({ isLearner }) => !isLearner);
  const healthy = voters.filter(({ isHealthy }) => isHealthy).length;
  const shorts = shortsOf(troubles, view);
  const head =
    seen.members === null && healthy === 0
      ? `${seen.cluster}: no answer from ${members.length === 1 ? 'its one endpoint' : `any of ${members.length} endpoints`}`
      : `${seen.cluster}: ${healthy} of ${voters.length} healthy, can lose ${quorum.canLose}`;
  if (shorts.length > 0) return shortened(`${head}: ${shorts.join('; ')}`, 2 * lockScreenCharacters);
  const fullest = fullestMember(view);
  const learners = members.length - voters.length;
  return [
    head,
    ...(leader === null ? [] : [`leader ${leader.label}`]),
    ...(fullest === null ? [] : [describeSize(fullest)]),
    ...(learners === 0 ? [] : [count(learners, 'learner')]),
  ].join(', ');
}

/** The troubles in a few words each; members with the same one are named together. */
export function shortsOf(troubles: readonly Trouble[], view: ClusterView): string[] {
  const groups = new Map<string, Set<string>>();
  for (const { short, severity, who, cause } of troubles) {
    // Wanted, and over soon: no trouble, but why one of them does not answer.
    if (short === undefined || (severity === 'info' && cause !== 'defragmenting')) continue;
    const labels = groups.get(short) ?? new Set();
    for (const label of who ?? []) labels.add(label);
    groups.set(short, labels);
  }
  return [...groups].map(([short, labels]) => {
    if (labels.size > 2 && view.members.every(({ label }) => labels.has(label))) return `all ${short}`;
    return labels.size === 0 ? short : `${listed([...labels])} ${short}`;
  });
}

/** A member that has started, but whose client URLs lead nowhere or to another member. */
function unasked(view: ClusterView): Trouble[] {
  return unaskedMembers(view).map((member) => {
    const urls = member.member?.clientUrls ?? [];
    const others = urls.flatMap((url) => {
      const asked = view.seen.asked.find(({ endpoint }) => endpoint === canonicalEndpoint(url));
      return asked?.status === undefined ? [] : [`${url} is answered by ${nameOf(asked.status.memberId, view)}`];
    });
    return {
      severity: 'warning',
      grade: 'unknown',
      claim: `${member.label} could not be asked: ${others.length > 0 ? 'its client URL leads to another member' : 'it tells no http or https client URL'}.`,
      evidence: others.length > 0 ? `${others.join('; ')}.` : `Its client URLs: ${urls.join(', ') || 'none'}.`,
      impact: impactOfLosing([member], view),
      advice: 'Name an endpoint of it in the configuration, and correct its --advertise-client-urls.',
      short: 'could not be asked',
      who: [member.label],
      cause: 'no-client-url',
    };
  });
}

function authRemarks({ seen }: ClusterView): Trouble[] {
  if (seen.authFailure?.kind !== 'auth-disabled') return [];
  return [
    {
      severity: 'info',
      grade: 'fact',
      claim: `A user is configured for ${seen.cluster}, but authentication is not enabled there.`,
      evidence: seen.authFailure.said,
      advice: 'Take auth out of the configuration, or enable authentication in etcd.',
    },
  ];
}

function sectionsOf(view: ClusterView): Section[] {
  const { members, seen } = view;
  const measured = members.filter(({ metrics }) => metrics !== null);
  return [
    {
      kind: 'table',
      title: 'Members',
      columns: ['Member', 'State', 'Database', 'Seen'],
      rows: members.map((member) => [member.label, stateOf(member, view), sizeCell(member), seenCell(member)]),
    },
    ...(seen.members === null
      ? []
      : [{ kind: 'text', title: 'Quorum', text: `${describeVotes(view)}.` } satisfies Section]),
    ...(measured.length === 0
      ? []
      : [
          {
            kind: 'table',
            title: 'Disk and raft, since each process started',
            columns: ['Member', 'WAL fsync p99', 'Commit p99', 'Leader changes · failed · pending'],
            rows: measured.map(({ label, metrics }) => [
              label,
              millis(metrics?.walFsync?.p99Ms),
              millis(metrics?.backendCommit?.p99Ms),
              [metrics?.leaderChanges, metrics?.failedProposals, metrics?.pendingProposals]
                .map((value) => value ?? '?')
                .join(' · '),
            ]),
          } satisfies Section,
        ]),
  ];
}

const millis = (value: number | null | undefined) => (value == null ? 'unknown' : formatDuration(value));

function stateOf(member: MemberView, view: ClusterView): string {
  const role = member.isLeader ? 'leader' : member.isLearner ? 'learner' : 'follower';
  if (!member.isStarted) return 'never started';
  if (member.status === null) return silence(member, view);
  if (member.alarms.length > 0) return `${role}, ${member.alarms.join(' and ')}`;
  if (!member.works) return 'no leader';
  if (view.isStopped) return `${role}, no quorum`;
  if (member.isHealthy) return `${role}, healthy`;
  return view.members.some(({ alarms }) => alarms.includes('NOSPACE'))
    ? `${role}, no writes`
    : `${role}, reports an error`;
}

function silence(member: MemberView, view: ClusterView): string {
  const { asked } = member;
  if (asked?.failure === undefined) return 'not asked';
  const { kind } = asked.failure;
  return isRefusedByTls(asked) || /^(auth-|token-|permission)/.test(kind)
    ? kind.replaceAll('-', ' ')
    : silentState(member, view);
}

function sizeCell(member: MemberView): string {
  return describeSize(member) || 'unknown';
}

function seenCell(member: MemberView): string {
  const at = member.endpoint === null ? 'no client URL' : hostOf(member.endpoint);
  if (member.asked === null) return at;
  const took = formatDuration(member.asked.tookMs);
  if (member.status === null) return `${at}, nothing in ${took}`;
  const lag = member.raftLag === null ? '' : `, lag ${member.raftLag}`;
  return `${at}, ${took}, v${member.status.version}, term ${member.status.raftTerm}${lag}`;
}

function memberData(member: MemberView): Json {
  const { status, asked } = member;
  return {
    id: member.member?.id ?? status?.memberId ?? null,
    name: member.member?.name ?? null,
    endpoint: member.endpoint,
    started: member.isStarted,
    reachable: status !== null,
    healthy: member.isHealthy,
    isLeader: member.isLeader,
    isLearner: member.isLearner,
    version: status?.version ?? null,
    dbSizeBytes: status?.dbSizeBytes ?? null,
    dbSizeInUseBytes: status?.dbSizeInUseBytes ?? null,
    quotaBytes: member.quotaBytes,
    raftTerm: status?.raftTerm ?? null,
    raftIndex: status?.raftIndex ?? null,
    raftLag: member.raftLag,
    alarms: [...member.alarms],
    tookMs: asked?.tookMs ?? null,
    errors: [...(status?.errors ?? []), ...(asked?.failure === undefined ? [] : [plainlySaid(asked.failure.said)])],
  };
}

import { type Report, type Section, verdictOf, worstFirst } from '../report/report.ts';
import { count } from '../report/text.ts';
import type { ClusterSeen } from './cluster.ts';
import { isEndpoint } from './endpoint.ts';
import { etcdctl } from './etcdctl.ts';
import { shortsOf } from './health.ts';
import { answeringEndpoints } from './look-commands.ts';
import { raftTroubles } from './raft-trouble.ts';
import { reachTroubles } from './reach-trouble.ts';
import { plainlySaid } from './said.ts';
import { describeVotes, findingsOf, type Trouble } from './trouble.ts';
import { type ClusterView, hostOf, type MemberView, viewCluster } from './view.ts';

/** Troubles that are about who the members are; the rest is for `/etcd health`. */
const membershipCauses = ['never-started', 'foreign-endpoint', 'stray-endpoint', 'peer-url', 'no-leader', 'no-quorum'];

/** The report of `/etcd members`: who belongs to the cluster, and the arithmetic of its quorum. Pure. */
export function reportMembers(seen: ClusterSeen, now: Date): Report {
  const view = viewCluster(seen);
  const isKnown = seen.members !== null;
  const all: Trouble[] = isKnown
    ? [...raftTroubles(view, now), ...reachTroubles(view, now)].filter(
        ({ cause }) => cause !== undefined && membershipCauses.includes(cause),
      )
    : reachTroubles(view, now);
  const troubles = worstFirst([...all, ...(isKnown ? notWorking(view) : [])]);
  const findings = findingsOf(troubles);
  const voters = view.members.filter(({ isLearner }) => !isLearner).length;
  const learners = view.members.length - voters;
  // The arithmetic of the quorum heads the line already.
  const shorts = shortsOf(
    troubles.filter(({ cause }) => cause !== 'no-leader' && cause !== 'no-quorum'),
    view,
  );
  const counted = learners === 0 ? '' : `, ${count(learners, 'learner')}`;
  const head = isKnown
    ? `${seen.cluster}: ${describeVotes(view)}${counted}`
    : `${seen.cluster}: no endpoint could tell who the members are`;
  return {
    command: '/etcd members',
    verdict: isKnown ? verdictOf(findings) : 'unknown',
    title: `etcd ${seen.cluster}`,
    summary: shorts.length === 0 ? head : `${head}; ${shorts.join('; ')}`,
    asOf: now.toISOString(),
    seenFrom: seen.seenFrom,
    findings,
    sections: view.members.some(({ member }) => member !== null)
      ? [
          memberTable(view, isKnown ? 'Members' : 'Members, as an earlier look had them'),
          { kind: 'text', title: 'Quorum', text: `${describeVotes(view)}${counted}.` },
        ]
      : [],
    copy:
      (isKnown ? undefined : findings.find(({ command }) => command !== undefined)?.command) ??
      etcdctl(seen, answeringEndpoints(view), 'member', 'list', '-w', 'table'),
    data: {
      clusterId: view.clusterId,
      quorum: { ...view.quorum },
      members: view.members.flatMap(({ member, isStarted }) =>
        member === null
          ? []
          : [
              {
                id: member.id,
                name: member.name,
                peerURLs: [...member.peerUrls],
                clientURLs: [...member.clientUrls],
                isLearner: member.isLearner,
                started: isStarted,
              },
            ],
      ),
    },
  };
}

/** Short cells, for a phone: the scheme is told once where all share it. */
function memberTable({ members }: ClusterView, title: string): Section {
  const all = members.flatMap(({ member }) => [...(member?.peerUrls ?? []), ...(member?.clientUrls ?? [])]);
  const schemes = new Set(all.map((url) => (isEndpoint(url) ? new URL(url).protocol : url)));
  const [scheme] = schemes;
  const shown = (urls: readonly string[] | undefined) =>
    urls === undefined || urls.length === 0
      ? 'none'
      : urls.map((url) => (schemes.size === 1 && isEndpoint(url) ? hostOf(url) : url)).join(', ');
  return {
    kind: 'table',
    title: schemes.size === 1 && scheme !== undefined ? `${title}, all ${scheme.replace(':', '')}` : title,
    columns: ['Member', 'Id', 'Client', 'Peer'],
    rows: members.map((view) => [
      nameCell(view),
      view.member?.id ?? '',
      shown(view.member?.clientUrls),
      shown(view.member?.peerUrls),
    ]),
  };
}

function nameCell(member: MemberView): string {
  const marks = [
    ...(member.isLeader ? ['leader'] : []),
    ...(member.isLearner ? ['learner'] : []),
    ...(member.isStarted ? (member.votes || member.works ? [] : [notWorkingWord(member)]) : ['never started']),
  ];
  const name = member.member?.name || '(no name)';
  return marks.length === 0 ? name : `${name} (${marks.join(', ')})`;
}

const notWorkingWord = ({ status }: MemberView) => (status === null ? 'no answer' : 'no leader');

/** A remark, not a trouble: the arithmetic counts them as lost, and `/etcd health` tells why. */
function notWorking({ members }: ClusterView): Trouble[] {
  const lost = members.filter(({ isStarted, votes, works }) => isStarted && !votes && !works);
  if (lost.length === 0) return [];
  const names = lost.map(({ label }) => label).join(', ');
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: `${lost.length === 1 ? 'One member does' : `${lost.length} members do`} not work as seen from here: ${names}.`,
      evidence: lost
        .map(({ label, asked }) => `${label}: ${plainlySaid(asked?.failure?.said ?? 'no leader')}`)
        .join('; '),
      advice: '`/etcd health` tells why and what to do.',
      short: `not working: ${names}`,
    },
  ];
}

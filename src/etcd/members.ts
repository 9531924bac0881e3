import { type Report, verdictOf, worstFirst } from '../report/report.ts';
import { count } from '../report/text.ts';
import type { ClusterSeen } from './cluster.ts';
import { etcdctl } from './etcdctl.ts';
import { shortsOf } from './health.ts';
import { answeringEndpoints } from './look-commands.ts';
import { describeQuorum } from './quorum.ts';
import { raftTroubles } from './raft-trouble.ts';
import { reachTroubles } from './reach-trouble.ts';
import { findingsOf, type Trouble } from './trouble.ts';
import { type MemberView, viewCluster } from './view.ts';

/** Troubles that are about who the members are; the rest is for `/etcd health`. */
const membershipCauses = ['never-started', 'foreign-endpoint', 'stray-endpoint'];

/** The report of `/etcd members`: who belongs to the cluster, and the arithmetic of its quorum. Pure. */
export function reportMembers(seen: ClusterSeen, now: Date): Report {
  const view = viewCluster(seen);
  const isKnown = seen.members !== null;
  const all: Trouble[] = isKnown
    ? [...raftTroubles(view, now), ...reachTroubles(view, now)].filter(
        ({ cause }) => cause !== undefined && membershipCauses.includes(cause),
      )
    : reachTroubles(view, now);
  const troubles = worstFirst([...all, ...(isKnown ? notWorking(view.members) : [])]);
  const findings = findingsOf(troubles);
  const voters = view.members.filter(({ isLearner }) => !isLearner).length;
  const learners = view.members.length - voters;
  const shorts = shortsOf(troubles, view);
  const counted = learners === 0 ? '' : `, ${count(learners, 'learner')}`;
  const head = isKnown
    ? `${seen.cluster}: ${describeQuorum(view.quorum, view.working)}${counted}`
    : `${seen.cluster}: no endpoint could tell who the members are`;
  return {
    command: '/etcd members',
    verdict: verdictOf(findings),
    title: `etcd ${seen.cluster}`,
    summary: shorts.length === 0 ? head : `${head}; ${shorts.join('; ')}`,
    asOf: now.toISOString(),
    seenFrom: seen.seenFrom,
    findings,
    sections: view.members.some(({ member }) => member !== null)
      ? [
          {
            kind: 'table',
            title: isKnown ? 'Members' : 'Members, as an earlier look had them',
            columns: ['Member', 'Id', 'Peer URLs', 'Client URLs'],
            rows: view.members.map((member) => [
              nameCell(member),
              member.member?.id ?? '',
              urls(member.member?.peerUrls),
              urls(member.member?.clientUrls),
            ]),
          },
          { kind: 'text', title: 'Quorum', text: `${describeQuorum(view.quorum, view.working)}${counted}.` },
        ]
      : [],
    copy: etcdctl(seen, answeringEndpoints(view), 'member', 'list', '-w', 'table'),
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

function nameCell(member: MemberView): string {
  const marks = [
    ...(member.isLeader ? ['leader'] : []),
    ...(member.isLearner ? ['learner'] : []),
    ...(member.isStarted ? (member.works ? [] : ['not working']) : ['never started']),
  ];
  const name = member.member?.name || '(no name)';
  return marks.length === 0 ? name : `${name} (${marks.join(', ')})`;
}

const urls = (list: readonly string[] | undefined) =>
  list === undefined || list.length === 0 ? 'none' : list.join(', ');

/** A remark, not a trouble: the arithmetic counts them as lost, and `/etcd health` tells why. */
function notWorking(members: readonly MemberView[]): Trouble[] {
  const lost = members.filter(({ isStarted, works }) => isStarted && !works);
  if (lost.length === 0) return [];
  const names = lost.map(({ label }) => label).join(', ');
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: `${lost.length === 1 ? 'One member does' : `${lost.length} members do`} not work as seen from here: ${names}.`,
      evidence: lost.map(({ label, asked }) => `${label}: ${asked?.failure?.said ?? 'no leader'}`).join('; '),
      advice: '`/etcd health` tells why and what to do.',
      short: `not working: ${names}`,
    },
  ];
}

import { type Report, verdictOf } from '../../report/report.ts';
import { alarmTroubles } from '../space-trouble.ts';
import { findingsOf, type Trouble } from '../trouble.ts';
import type { ClusterView } from '../view.ts';

/** The report of `/etcd alarms`: which are on, for whom, and the way out. Pure. */
export function reportAlarms(view: ClusterView, now: Date): Report {
  const troubles = [...alarmTroubles(view), ...unreadAlarms(view)];
  const findings = findingsOf(troubles);
  const { cluster, seenFrom } = view.seen;
  const raised = view.members.flatMap(({ label, member, alarms }) =>
    alarms.map((alarm) => ({ alarm, label, id: member?.id ?? null })),
  );
  const shorts = troubles.flatMap(({ short }) => (short === undefined ? [] : [short]));
  return {
    command: '/etcd alarms',
    verdict: verdictOf(findings),
    title: `etcd ${cluster}`,
    summary: `${cluster}: ${shorts.length === 0 ? 'no alarm is on' : shorts.join('; ')}`,
    asOf: now.toISOString(),
    seenFrom,
    findings,
    sections:
      raised.length === 0
        ? []
        : [
            {
              kind: 'table',
              title: 'Alarms',
              columns: ['Alarm', 'Member', 'Id'],
              rows: raised.map(({ alarm, label, id }) => [alarm, label, id ?? 'unknown']),
            },
          ],
    ...(findings[0]?.command === undefined ? {} : { copy: findings[0].command }),
    ...(troubles[0]?.cause === undefined ? {} : { cause: troubles[0].cause }),
    data: { alarms: raised },
  };
}

/** The list takes a round of consensus; what members repeat in their status does not, and may be older. */
function unreadAlarms({ seen, members }: ClusterView): Trouble[] {
  if (seen.alarms !== null) return [];
  const isNobodyThere = members.every(({ status }) => status === null);
  return [
    {
      severity: 'warning',
      grade: 'unknown',
      claim: 'The alarm list could not be read.',
      evidence: `${seen.alarmsFailure?.said ?? 'no answer'}. ${isNobodyThere ? 'No member answers.' : 'What is shown is what the members say in their status.'}`,
      advice: 'It takes a round of consensus: `/etcd health` tells how the quorum is, and whether the bot may ask.',
      short: 'the alarm list could not be read',
    },
  ];
}

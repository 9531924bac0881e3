import { type ChangeRecord, isEnded } from '../change-record.ts';
import type { Json, Report } from './report.ts';
import { count, formatDuration } from './text.ts';

/** Changes as a report: what waits, what runs, what ended. */
export function changeListReport(command: string, what: string, records: readonly ChangeRecord[], now: Date): Report {
  return {
    command,
    verdict: 'ok',
    title: what,
    summary: records.length === 0 ? `No ${what}` : `${count(records.length, what.replace(/s$/, ''))}`,
    asOf: now.toISOString(),
    findings: [],
    sections:
      records.length === 0
        ? []
        : [
            {
              kind: 'table',
              title: what,
              columns: ['Id', 'Change', 'State', 'Time'],
              rows: records.map((record) => [record.id, record.words, record.state, timeText(record, now.getTime())]),
            },
          ],
    data: { changes: records.map(changeData) },
  };
}

function timeText(record: ChangeRecord, now: number): string {
  if (record.state === 'proposed')
    return `${formatDuration(record.expiresAt - now)} left, ${record.decisions.length} of ${record.required} approved`;
  if (isEnded(record)) return `${formatDuration(now - (record.endedAt ?? now))} ago`;
  return `since ${formatDuration(now - (record.startedAt ?? record.createdAt))}`;
}

/** A change for scripts and for the Details button. */
export function changeData(record: ChangeRecord): Json {
  const { id, state, job, words, requester, digest, line, plan, target } = record;
  return {
    id,
    state,
    job,
    words,
    line,
    requester,
    digest,
    plan,
    target: { ...target },
    decisions: record.decisions.map(({ userId, kind, at }) => ({ userId, kind, at: new Date(at).toISOString() })),
    steps: record.steps.map((step) => ({ title: step.title, state: step.state, note: step.note ?? '' })),
    ending: record.ending ?? null,
    createdAt: new Date(record.createdAt).toISOString(),
  };
}

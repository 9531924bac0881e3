import type { Report } from '../report/report.ts';
import { quotedWord } from '../shell-quoting.ts';
import { isJsonObject } from './json.ts';

/** A button under a report on a pod: it carries an id, and asks for a line as whoever presses it. */
export type Offer = { readonly actionId: 'oom-fix' | 'oom-ask' | 'oom-rollback'; readonly title: string };

/** The line that sets what a report on a pod recommends, without its slash; undefined where there is nothing that could be set. */
export function fixLine({ data }: Pick<Report, 'data'>): string | undefined {
  const { fix } = data;
  if (!isJsonObject(fix)) return undefined;
  const { workload, container, cluster } = fix;
  return lineOf(['oom', 'fix', workload, '-c', container, '--cluster', cluster]);
}

/** The line that takes the workload back to before the rollout with which the trouble began; undefined where it began with none. */
export function rollbackLine({ data }: Pick<Report, 'data'>): string | undefined {
  const { rollback } = data;
  if (!isJsonObject(rollback)) return undefined;
  // Pressed again, or hours later, the revision before the one then in force may be the trouble itself.
  return lineOf([
    'oom',
    'rollback',
    rollback.workload,
    '--from-revision',
    rollback.revision,
    '--cluster',
    rollback.cluster,
  ]);
}

/** The line that asks the JVM in the container itself. */
export function askLine({ data }: Pick<Report, 'data'>): string | undefined {
  const { ask } = data;
  return isJsonObject(ask) ? lineOf(['oom', 'ask', ask.pod, '-c', ask.container, '--cluster', ask.cluster]) : undefined;
}

/** The line behind a button. */
export function lineBehind(action: Offer['actionId'], report: Pick<Report, 'data'>): string | undefined {
  const lines = { 'oom-fix': fixLine, 'oom-ask': askLine, 'oom-rollback': rollbackLine } as const;
  return lines[action](report);
}

/** The buttons that a report on a pod gets. */
export function offersIn(report: Pick<Report, 'data'>): Offer[] {
  const { fix } = report.data;
  const title = isJsonObject(fix) && fix.sets === 'limit' ? 'Raise the limit' : 'Set these flags';
  return [
    ...(fixLine(report) === undefined ? [] : [{ actionId: 'oom-fix', title } as const]),
    ...(askLine(report) === undefined ? [] : [{ actionId: 'oom-ask', title: 'Ask the JVM' } as const]),
    ...(rollbackLine(report) === undefined
      ? []
      : [{ actionId: 'oom-rollback', title: 'Go back to before the rollout' } as const]),
  ];
}

function lineOf(words: readonly unknown[]): string | undefined {
  const texts = words.filter((word): word is string => typeof word === 'string' && word !== '');
  return texts.length === words.length ? texts.map(quotedWord).join(' ') : undefined;
}

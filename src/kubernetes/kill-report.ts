import type { Finding, JsonObject, Report } from '../report/report.ts';
import { verdictOf, worstFirst } from '../report/report.ts';
import { count, formatDuration, listed, shortened } from '../report/text.ts';
import { type KillPattern, placeOf } from './kill-history.ts';
import type { KnownKills } from './kill-memory.ts';
import type { KillsSeen } from './kill-search.ts';
import {
  killsEvidence,
  killsText,
  lastText,
  paceText,
  placeText,
  rhythmAdvice,
  rhythmWords,
  timesText,
  trendText,
} from './kill-words.ts';
import { RequestFailure } from './request-failure.ts';

/** What was asked for and what is known: the report is made from it. */
export type KillList = {
  readonly cluster: string;
  readonly namespaces: readonly string[];
  /** As typed. */
  readonly namespace: string | undefined;
  readonly sinceMs: number;
  readonly seen: KillsSeen;
  readonly known: Pick<KnownKills, 'history' | 'failure'>;
  /** Worst first. */
  readonly patterns: readonly KillPattern[];
  readonly now: Date;
};

/** So many are told in full, and so many in the table. */
const mostFindings = 3;
const mostRows = 30;
const hourMs = 3_600_000;

/** The report on who was OOM-killed: the verdict first, worst first. */
export function killReport(list: KillList): Report {
  const { patterns, now, namespace, sinceMs } = list;
  const [worst] = patterns;
  // Of a single kill the table says as much.
  const telling = patterns.filter((pattern) => pattern === worst || pattern.times > 1 || pattern.rhythm !== 'unknown');
  const findings = worstFirst([
    ...telling.slice(0, mostFindings).map((pattern) => killFinding(pattern, now)),
    ...limits(list),
  ]);
  return {
    command: ['/oom list', ...(namespace === undefined ? [] : ['-n', namespace])].join(' '),
    verdict: verdictOf(findings),
    title: `oom list ${list.cluster}`,
    summary: summary(list),
    asOf: now.toISOString(),
    findings,
    sections: [
      ...(patterns.length < 2
        ? []
        : [
            {
              kind: 'table',
              title: `OOM-killed in ${windowText(sinceMs)}`,
              columns: ['What', 'Kills', 'When', 'Looks like'],
              rows: patterns.slice(0, mostRows).map((pattern) => row(pattern, now)),
            } as const,
          ]),
      ...(patterns.length > mostRows
        ? [{ kind: 'text', text: `${count(patterns.length - mostRows, 'more')} not shown: -n narrows it.` } as const]
        : []),
      { kind: 'text', more: true, title: 'Where this comes from', text: origin(list) },
    ],
    ...(worst === undefined ? {} : { copy: whyCommand(worst, list.cluster) }),
    data: killData(list),
  };
}

function summary({ patterns, seen, sinceMs, namespace, cluster, now }: KillList): string {
  const [worst] = patterns;
  const within = windowText(sinceMs);
  const where = namespace === undefined ? cluster : `${cluster}, namespace ${namespace}`;
  if (worst === undefined) {
    if (seen.pods === 0 && seen.failures.length > 0)
      return `${where}: the pods cannot be seen, and no kill in ${within} is known`;
    const among = seen.isComplete ? count(seen.pods, 'pod') : `the first ${count(seen.pods, 'pod')}`;
    return `${where}: nobody was OOM-killed in ${within} among ${among}`;
  }
  const trend = trendText(worst, now);
  const who = `${shortened(placeOf(worst), 60)} ${timesText(worst)}${trend === '' ? '' : `, ${trend}`}`;
  return patterns.length === 1
    ? `1 workload OOM-killed in ${within}: ${who}`
    : `${patterns.length} workloads OOM-killed in ${within}; ${who}`;
}

function killFinding(pattern: KillPattern, now: Date): Finding {
  const { rhythm, trend, firstAt, times, seen } = pattern;
  return {
    severity: trend === 'stopped' ? 'warning' : 'critical',
    grade: rhythm === 'unknown' && times === seen ? 'fact' : 'inferred',
    claim: `${placeText(pattern)}: ${killsText(pattern, now)}${rhythm === 'unknown' ? '' : `; looks like ${rhythm === 'varying' ? 'load' : `a ${rhythmWords[rhythm]}`}`}.`,
    evidence: killsEvidence(pattern),
    advice: rhythmAdvice[rhythm] === '' ? 'Ask /oom why for the cause and the flags.' : rhythmAdvice[rhythm],
    since: firstAt.toISOString(),
  };
}

function row(pattern: KillPattern, now: Date): string[] {
  const { times, seen, rhythm } = pattern;
  const told = times > seen ? `about ${times} (${seen} seen)` : String(times);
  const join = (parts: readonly string[]) => parts.filter((part) => part !== '').join(', ');
  return [
    placeText(pattern),
    join([told, trendText(pattern, now)]),
    join([paceText(pattern), lastText(pattern, now)]),
    rhythmWords[rhythm],
  ];
}

/** What could not be seen, and what that means for the answer. */
function limits({ seen, known, namespaces }: KillList): Finding[] {
  const findings: Finding[] = seen.failures.map((failure) => ({
    severity: 'warning',
    grade: 'unknown',
    claim:
      failure instanceof RequestFailure && failure.kind === 'forbidden'
        ? failure.message.replace(/\.$/, ': kills that nobody asked about are not seen.')
        : `pods: not read: ${failure.message}`,
    evidence: '',
    advice: failure.advice,
  }));
  if (!seen.isComplete && seen.failures.length === 0)
    findings.push({
      severity: 'warning',
      grade: 'unknown',
      claim: `Only the first ${count(seen.pods, 'pod')} were looked at: there are more than one answer may cost.`,
      evidence: `${namespaces.length === 1 ? 6 : 8} requests of 500 pods each`,
      advice: namespaces.length === 1 ? 'Ask /oom why about a workload.' : 'Name a namespace with -n.',
    });
  if (known.history === 'failed')
    findings.push({
      severity: 'info',
      grade: 'unknown',
      claim: 'history: not read: only what the pods show now is told.',
      evidence: known.failure ?? '',
      advice: 'Ask again when Redis answers; `quorum check` tries it.',
    });
  if (known.history === 'none')
    findings.push({
      severity: 'info',
      grade: 'fact',
      claim: 'A terminal keeps no history: this is what the pods show now, the last end of each container.',
      evidence: '',
      advice: 'Ask in Slack for what was seen before.',
    });
  return findings;
}

function origin({ seen, known, namespaces }: KillList): string {
  const looked = `${count(seen.pods, 'pod')} of ${namespaces.length === 0 ? 'all namespaces' : listed(namespaces)}`;
  return [
    `• Looked at ${looked}; each shows the last end of a container, and how often it was restarted.`,
    ...(known.history === 'kept'
      ? ['• Joined with the kills that earlier looks saw: they are kept for 14 days, and each counts once.']
      : []),
    '• Ends between two kills that were seen are counted by the restart count and taken for kills. A pod that is gone is known only where somebody looked while it was there.',
  ].join('\n');
}

/** The next question; a kind that /oom why does not take is asked for by its pod. */
function whyCommand({ namespace, workload, lastPod }: KillPattern, cluster: string): string {
  const isTaken = /^(?:deploy|sts|ds|rs|job)\//.test(workload);
  return `/oom why ${namespace}/${isTaken ? workload : lastPod} --cluster ${cluster}`;
}

/** `24 h`, `7 d`, `1 h 30 min` */
function windowText(ms: number): string {
  return ms % hourMs === 0 && ms < 72 * hourMs ? `${ms / hourMs} h` : formatDuration(ms);
}

function killData({ patterns, seen, known, sinceMs, now, namespaces }: KillList): JsonObject {
  return {
    since: new Date(now.getTime() - sinceMs).toISOString(),
    namespaces: [...namespaces],
    podsSeen: seen.pods,
    isComplete: seen.isComplete,
    history: known.history,
    workloads: patterns.map((pattern) => patternData(pattern)),
  };
}

/** A pattern in the contract for scripts: `oom list`, and `oom why` under `history`. */
export function patternData(pattern: KillPattern): JsonObject {
  const { firstAt, lastAt, everyMs, uptimesMs, namespace, workload, container, pods, seen, times } = pattern;
  const { trend, rhythm, limitBytes } = pattern;
  return {
    namespace,
    workload,
    container,
    pods,
    seen,
    times,
    firstAt: firstAt.toISOString(),
    lastAt: lastAt.toISOString(),
    everyMs: everyMs === undefined ? null : Math.round(everyMs),
    trend,
    rhythm,
    uptimesMs: [...uptimesMs],
    limitBytes,
  };
}

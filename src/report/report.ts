/** What a job found or did, as plain data. Slack, a terminal and scripts each render the same report. */

import type { Chart } from './chart.ts';

export type Verdict = 'ok' | 'findings' | 'unknown' | 'refused';
export type Severity = 'info' | 'warning' | 'critical';
/** How a claim is known: seen (fact), concluded from what was seen (inferred), or not to be had (unknown). */
export type Grade = 'fact' | 'inferred' | 'unknown';

/** A claim with its evidence and what to do about it. All texts are plain: renderers escape and mark up. */
export type Finding = {
  readonly severity: Severity;
  readonly grade: Grade;
  /** One sentence: what is the matter. */
  readonly claim: string;
  /** What was seen, in the words of whoever said it. */
  readonly evidence: string;
  /** What to do next, one or two sentences. */
  readonly advice: string;
  /** What it means for the people who use the system: for quorum and writes, for requests. */
  readonly impact?: string;
  /** Since when, ISO 8601 UTC, if known. */
  readonly since?: string;
  /** One command to copy, with real names and endpoints. */
  readonly command?: string;
};

/** A part of the details: shown in the thread, below the findings. */
export type Section = {
  /** Background that the next step does not need: shown in a reply of its own. */
  readonly more?: true;
} & (
  | { readonly kind: 'text'; readonly title?: string; readonly text: string }
  | { readonly kind: 'code'; readonly title: string; readonly text: string }
  /** At most four columns: people read this on a phone. */
  | {
      readonly kind: 'table';
      readonly title: string;
      readonly columns: readonly string[];
      readonly rows: readonly (readonly string[])[];
    }
);

/** JSON values: what `data` holds and what a queue can carry. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export type Report = {
  /** The command as it would be typed, without the cluster flags it was given: `/etcd health`. */
  readonly command: string;
  readonly verdict: Verdict;
  /** A few words: what this is about. `etcd prod`. */
  readonly title: string;
  /** The verdict in one line; its first 120 characters are what a lock screen shows. */
  readonly summary: string;
  /** When it was seen, ISO 8601 UTC. */
  readonly asOf: string;
  /** From where it was seen: `prod, from quorum@host`. Shown beside asOf. */
  readonly seenFrom?: string;
  /** Worst first. */
  readonly findings: readonly Finding[];
  readonly sections: readonly Section[];
  /** One command to copy: the next thing to do. */
  readonly copy?: string;
  /** The cause, as a word for runbook links: `nospace`. */
  readonly cause?: string;
  /** A picture, as data: drawn where it is shown. */
  readonly chart?: Chart;
  /** The contract for scripts, by command. */
  readonly data: JsonObject;
};

/** The JSON object that `quorum run --output json` prints: the contract for scripts. */
export type ReportJson = {
  readonly command: string;
  readonly verdict: Verdict;
  readonly title: string;
  readonly summary: string;
  readonly asOf: string;
  readonly findings: readonly Finding[];
  readonly data: JsonObject;
};

export function reportJson(report: Report): ReportJson {
  const { command, verdict, title, summary, asOf, findings, data } = report;
  return { command, verdict, title, summary, asOf, findings, data };
}

const severityRank: Record<Severity, number> = { critical: 0, warning: 1, info: 2 };

/** Worst first; the order within one severity stays as it was. */
export function worstFirst<T extends { readonly severity: Severity }>(findings: readonly T[]): T[] {
  return [...findings].sort((a, b) => severityRank[a.severity] - severityRank[b.severity]);
}

/**
 * `findings` when something is the matter; else `unknown` when something that decides the answer could not be seen; else `ok`.
 * Findings of severity info are remarks and change nothing.
 */
export function verdictOf(findings: readonly Finding[]): Verdict {
  const matters = findings.filter((finding) => finding.severity !== 'info');
  if (matters.some((finding) => finding.grade !== 'unknown')) return 'findings';
  return matters.length > 0 ? 'unknown' : 'ok';
}

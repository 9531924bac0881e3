import type { Grade, Severity } from '../report/report.ts';
import type { JvmCause } from './java-log.ts';
import { shownLine } from './java-log.ts';
import type { Terminated } from './objects.ts';

/** Why a container ended, as a word of the contract for scripts. */
export type Cause =
  | 'limit'
  | 'pod-limit'
  | 'child-process'
  | 'node-oom'
  | 'evicted'
  | JvmCause
  | 'probe-kill'
  | 'sigterm'
  | 'sigkill-unknown'
  | 'error-exit'
  | 'completed'
  | 'none'
  | 'unknown';

export type Explanation = {
  readonly cause: Cause;
  readonly grade: Grade;
  /** What happened: one sentence about the container, without its name. */
  readonly claim: string;
  /** What was seen, redacted. */
  readonly evidence: string;
  /** The JVM complained and the container lives on. */
  readonly livesOn: boolean;
  /** Where the cause alone would say too little: in a few words for a summary, what to do, and how much it matters. */
  readonly short?: string;
  readonly advice?: string;
  readonly severity?: Severity;
};

/** More than the cause itself tells. */
export type Details = Pick<Explanation, 'short' | 'advice' | 'severity'>;

export function explained(
  cause: Cause,
  grade: Grade,
  claim: string,
  evidence: string,
  details: Details = {},
): Explanation {
  return { cause, grade, claim, evidence, livesOn: false, ...details };
}

/** What the status says of an end, in its own words. */
export function told({ reason, exitCode, signal, message }: Terminated): string {
  const said = message === undefined || message === '' ? '' : `, ${shownLine(message)}`;
  return `reason ${reason ?? 'not given'}, exit code ${exitCode ?? 'not given'}${signal === undefined || signal === 0 ? '' : `, signal ${signal}`}${said}`;
}

import type { Outcome, StepContext } from '../job.ts';
import type { Refusal } from '../refusal.ts';
import type { Section } from '../report/report.ts';

/** How long for, what for, and what to say when it does not come. */
export type Patience = {
  readonly reason: string;
  readonly recheckAfterMs: number;
  readonly timeoutMs: number;
  /** What is said when the time is over. */
  readonly otherwise: Refusal;
  readonly sections?: readonly Section[];
};

/** Waits for what others have to bring about, until the time counted from the step's stored start is over. */
export function wait({ now, startedAt }: Pick<StepContext, 'now' | 'startedAt'>, patience: Patience): Outcome {
  const { reason, recheckAfterMs, timeoutMs, otherwise, sections } = patience;
  const giveUpAt = startedAt.getTime() + timeoutMs;
  const shown = sections === undefined ? {} : { sections };
  if (now().getTime() >= giveUpAt) return { kind: 'blocked', refusal: otherwise, ...shown };
  return { kind: 'waiting', reason, recheckAfterMs, giveUpAt, ...shown };
}

/** What a step stored before it acted; undefined where it has not. */
export function intended(context: Pick<StepContext, 'intent'>, key: string): string | undefined {
  const value = context.intent.value[key];
  return typeof value === 'string' ? value : undefined;
}

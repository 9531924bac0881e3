import type { Outcome, StepContext } from '../job.ts';
import { Refusal } from '../refusal.ts';
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

/** What was looked for, or why it cannot be seen at the moment. */
export type Looked<Value> =
  | { readonly value: Value; readonly unseen?: undefined }
  | { readonly value?: undefined; readonly unseen: string };

/**
 * A look from within a step. There a refusal to look is no end: a network that is down for a moment, or credential files
 * that are just being replaced, are waited for.
 */
export async function tryLook<Value>(look: () => Promise<Value>): Promise<Looked<Value>> {
  try {
    return { value: await look() };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { unseen: error.message };
  }
}

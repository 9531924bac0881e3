import type { Change, Clients, Outcome, StepContext } from '../../src/job.ts';
import type { JsonObject } from '../../src/report/report.ts';

/** A change as a test drives it: which step is next, and what its steps have written down. */
export interface DrivenChange {
  /** What each step came to, in order: `Added: done`. */
  readonly log: readonly string[];
  /** What the done steps said, by their titles. */
  readonly notes: Readonly<Record<string, string>>;
  /** What the steps wrote down; a test may take something out, as a crash before the writing does. */
  intent: JsonObject;
  /** Runs until the change ends, or until a step waits for what the test has yet to do. */
  run(options?: DriveOptions): Promise<Outcome>;
}

export interface DriveOptions {
  /** Ends the run as soon as this step waits. */
  readonly until?: string;
  /** Called where a mutation is about to be sent; throws where the worker is to be killed there. */
  readonly fence?: () => Promise<void>;
  /** The clock is ahead by this much: so that a wait is over. */
  readonly aheadMs?: number;
}

/**
 * Carries a change's steps out as a worker does. Every step is run again after it is done, as after a worker that was killed
 * before it could say so: the second run has to be done too.
 */
export function driveChange<Input extends JsonObject, Plan extends JsonObject>(
  change: Change<Input, Plan>,
  plan: Plan,
  clients: Clients,
): DrivenChange {
  const steps = change.steps(plan);
  const log: string[] = [];
  const notes: Record<string, string> = {};
  const startedAt = new Map<number, Date>();
  let index = 0;

  const driven: DrivenChange = {
    log,
    notes,
    intent: {},
    async run({ until, fence = async () => undefined, aheadMs = 0 } = {}) {
      for (;;) {
        const step = steps[index];
        if (step === undefined) return { kind: 'done' };
        const started = startedAt.get(index) ?? new Date();
        startedAt.set(index, started);
        const context: StepContext = {
          clients,
          now: () => new Date(Date.now() + aheadMs),
          signal: new AbortController().signal,
          progress() {},
          startedAt: started,
          intent: {
            get value() {
              return driven.intent;
            },
            async write(more) {
              driven.intent = { ...driven.intent, ...more };
            },
          },
          fence,
        };
        const first = await step.ensure(plan, context);
        const outcome = first.kind === 'done' ? await step.ensure(plan, context) : first;
        const told = `${step.title}: ${outcome.kind}`;
        if (log.at(-1) !== told) log.push(told);
        if (outcome.kind === 'blocked') return outcome;
        if (outcome.kind === 'done') {
          notes[step.title] = outcome.note ?? '';
          index += 1;
          continue;
        }
        if (step.title === until) return outcome;
        // What a worker would do with a delayed ticket, in less time.
        await new Promise((resolve) => setTimeout(resolve, Math.min(outcome.recheckAfterMs, 100)));
      }
    },
  };
  return driven;
}

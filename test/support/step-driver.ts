import type { Change, Clients, Outcome, StepContext } from '../../src/job.ts';
import type { JsonObject } from '../../src/report/report.ts';

/** A change as it is driven by a test: which step is next, and what its steps have written down. */
export interface DrivenChange {
  /** What each step came to, in order: `added: done`. */
  readonly log: string[];
  readonly intent: JsonObject;
  /** Runs until the change ends, or until a step has to wait for what the test has yet to do. */
  run(options?: DriveOptions): Promise<Outcome>;
}

export interface DriveOptions {
  /** Ends the run as soon as this step is waiting. */
  readonly until?: string;
  /** Called where a mutation is about to be sent: throws where the worker is to be killed there. */
  readonly fence?: () => Promise<void>;
}

/** Carries a change's steps out as the worker does: each from its own start, waits as long as they say, each wait in one run. */
export function driveChange<Input extends JsonObject, Plan extends JsonObject>(
  change: Change<Input, Plan>,
  plan: Plan,
  clients: Clients,
): DrivenChange {
  const steps = change.steps(plan);
  const log: string[] = [];
  let intent: JsonObject = {};
  let index = 0;
  const startedAt = new Map<number, Date>();

  const contextOf = (fence: () => Promise<void>): StepContext => {
    const started = startedAt.get(index) ?? new Date();
    startedAt.set(index, started);
    return {
      clients,
      now: () => new Date(),
      signal: new AbortController().signal,
      progress() {},
      startedAt: started,
      intent: {
        get value() {
          return intent;
        },
        async write(more) {
          intent = { ...intent, ...more };
        },
      },
      fence,
    };
  };

  return {
    log,
    get intent() {
      return intent;
    },
    async run({ until, fence = async () => undefined } = {}) {
      for (;;) {
        const step = steps[index];
        if (step === undefined) return { kind: 'done' };
        const outcome = await step.ensure(plan, contextOf(fence));
        const told = `${step.title}: ${outcome.kind}`;
        if (log.at(-1) !== told) log.push(told);
        if (outcome.kind === 'blocked') return outcome;
        if (outcome.kind === 'done') index += 1;
        else {
          if (step.title === until) return outcome;
          await new Promise((resolve) => setTimeout(resolve, Math.min(outcome.recheckAfterMs, 200)));
        }
      }
    },
  };
}

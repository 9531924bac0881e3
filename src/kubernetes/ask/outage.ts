import { wait } from '../../etcd/patience.ts';
import type { Outcome, StepContext } from '../../job.ts';
import { RequestFailure } from '../request-failure.ts';

const outageTimeoutMs = 120_000;
const passing: readonly RequestFailure['kind'][] = ['deadline', 'unreachable', 'server error', 'throttled'];

/** An API server that is away for a moment, or too busy, is waited for: nothing was run in the meantime. */
export async function overOutages(context: StepContext, ensure: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await ensure();
  } catch (error) {
    if (!(error instanceof RequestFailure) || !passing.includes(error.kind)) throw error;
    return wait(context, { reason: error.message, recheckAfterMs: 2000, timeoutMs: outageTimeoutMs, otherwise: error });
  }
}

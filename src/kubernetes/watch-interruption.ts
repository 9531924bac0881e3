import { type Asked, connectionFailure, notKubernetes, RequestFailure, statusFailure } from './request-failure.ts';

/** Why an attempt to list or watch ended, in the shape in which the informer takes it: on the status 410 it lists anew. */
export class Interruption extends Error {
  readonly failure: RequestFailure;
  readonly retryAfterMs: number | undefined;
  readonly statusCode: number | undefined;

  constructor(failure: RequestFailure, retryAfterMs?: number) {
    super(failure.message);
    this.failure = failure;
    this.retryAfterMs = retryAfterMs;
    this.statusCode = failure.kind === 'expired' ? 410 : undefined;
  }
}

/** An answer with a status other than 200. */
export function refusedWith(
  asked: Asked,
  status: number,
  message: string,
  retryAfterMs: number | undefined,
): Interruption {
  const retryAfterSeconds = retryAfterMs === undefined ? undefined : retryAfterMs / 1000;
  return new Interruption(statusFailure(asked, status, message, retryAfterSeconds), retryAfterMs);
}

/** What was thrown while asking: by what was sent, by the connection, or by us. */
export function interruptionBy(error: unknown, asked: Asked, timeoutMs: number): Interruption {
  if (error instanceof Interruption) return error;
  if (error instanceof RequestFailure) return new Interruption(error);
  const name = typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined;
  if (name === 'SyntaxError') return new Interruption(notKubernetes(asked, 'not JSON'));
  if (name === 'ZodError') return new Interruption(notKubernetes(asked, 'no list of pods'));
  if (name === 'RangeError') return new Interruption(notKubernetes(asked, String(error)));
  return new Interruption(connectionFailure(asked, error, timeoutMs));
}

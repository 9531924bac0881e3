import { accessOf } from './access.ts';
import type { RequestInfo } from './request.ts';
import {
  expired,
  Failure,
  forbidden,
  gatewayTimeout,
  noSuchResource,
  notFound,
  serviceUnavailable,
  storeTimeout,
  tooManyRequests,
  tooOld,
  unauthorized,
} from './status.ts';

/** What goes wrong with the next requests of a kind: an answer of this status, or none at all. */
export type Fault = {
  /** A path as it is asked for, or a pattern of it. Without path and resource every request is meant. */
  readonly path?: string | RegExp;
  /** `pods`, or `pods/log`. */
  readonly resource?: string;
  /** `list` or `watch`, where only one of them is meant. */
  readonly verb?: string;
  /** So many requests of the kind pass before it; 0 where not given. */
  readonly after?: number;
  /** How many requests it hits; Infinity for all. */
  readonly times: number;
  /** 410: the version or the page that is asked for is forgotten. */
  readonly status?: 401 | 403 | 404 | 410 | 429 | 500 | 503 | 504;
  /**
   * `hang`: no answer ever. `silent`: an answer begins, and nothing follows. `reset`: the connection is torn down. `lost`: it is carried
   * out, and torn down before the answer.
   */
  readonly kind?: 'hang' | 'silent' | 'reset' | 'lost';
  /** With 429: the seconds in its Retry-After; 1 where not given. */
  readonly retryAfterSeconds?: number;
};

/** The faults that are still to come, in the order in which they were asked for. */
export class Faults {
  #pending: { fault: Fault; passing: number; left: number }[] = [];

  add(fault: Fault): void {
    if (fault.status === undefined && fault.kind === undefined) throw new Error('a fault needs a status or a kind');
    this.#pending.push({ fault, passing: fault.after ?? 0, left: fault.times });
  }

  /** The fault that hits this request, which is then one fewer to come. */
  take(path: string, info: RequestInfo): Fault | undefined {
    const hit = this.#pending.find(({ fault }) => isMeant(fault, path, info));
    if (hit === undefined) return undefined;
    if (hit.passing > 0) {
      hit.passing -= 1;
      return undefined;
    }
    hit.left -= 1;
    this.#pending = this.#pending.filter(({ left }) => left > 0);
    return hit.fault;
  }

  clear(): void {
    this.#pending = [];
  }
}

function isMeant({ path: wanted, resource, verb }: Fault, path: string, info: RequestInfo): boolean {
  if (typeof wanted === 'string' && wanted !== path) return false;
  if (wanted instanceof RegExp && !wanted.test(path)) return false;
  if (verb !== undefined && verb !== info.verb) return false;
  if (resource === undefined) return true;
  const access = accessOf(info);
  return access.kind === 'resource' && access.resource === resource;
}

/** The answer of a fault with a status, worded as the server words it for this request. */
export function faultFailure({ status, retryAfterSeconds = 1 }: Fault, info: RequestInfo, user: string): Failure {
  switch (status) {
    case 401:
      return unauthorized();
    case 403:
      return forbidden(user, accessOf(info));
    case 404:
      return info.kind === 'resource' && info.name !== ''
        ? notFound(info.group, info.resource, info.name)
        : noSuchResource();
    case 410:
      return info.verb === 'watch' ? new Failure(tooOld('1', 2)) : expired();
    case 429:
      return tooManyRequests(retryAfterSeconds);
    case 504:
      return gatewayTimeout();
    case 503:
      return serviceUnavailable();
    default:
      return storeTimeout();
  }
}

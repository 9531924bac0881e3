import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiMethod } from './api-call.ts';
import { ApiError, Arguments } from './api-call.ts';
import { chatMethods, reactionMethods } from './chat-methods.ts';
import { conversationMethods } from './conversation-methods.ts';
import type { Fault, Faults } from './faults.ts';
import { fileMethods } from './file-methods.ts';
import type { Triggers } from './handles.ts';
import type { Call, Fields } from './model.ts';
import { peopleMethods } from './people-methods.ts';
import type { RateLimits } from './rate-limits.ts';
import type { Body } from './request-body.ts';
import { parseBody, readAll } from './request-body.ts';
import { viewMethods } from './view-methods.ts';
import type { Wire } from './wire.ts';
import type { Workspace } from './workspace.ts';

const methods: Readonly<Record<string, ApiMethod>> = {
  ...chatMethods,
  ...reactionMethods,
  ...conversationMethods,
  ...peopleMethods,
  ...viewMethods,
  ...fileMethods,
};

type Outcome = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Fields };

/** `POST /api/<method>`: tokens, faults, limits, then the method; every call is written down. */
export class WebApi {
  readonly calls: Call[] = [];
  readonly #workspace: Workspace;
  readonly #wire: Wire;
  readonly #faults: Faults;
  readonly #rates: RateLimits;
  readonly #triggers: Triggers;
  readonly #base: () => string;
  readonly #newTicket: () => string;
  readonly #onCall: () => void;

  constructor(options: {
    readonly workspace: Workspace;
    readonly wire: Wire;
    readonly faults: Faults;
    readonly rates: RateLimits;
    readonly triggers: Triggers;
    base(): string;
    newTicket(): string;
    onCall(): void;
  }) {
    this.#workspace = options.workspace;
    this.#wire = options.wire;
    this.#faults = options.faults;
    this.#rates = options.rates;
    this.#triggers = options.triggers;
    this.#base = options.base;
    this.#newTicket = options.newTicket;
    this.#onCall = options.onCall;
  }

  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    method: string,
    query: URLSearchParams,
  ): Promise<void> {
    const raw = await readAll(request);
    const body = parseBody(request.headers['content-type'] ?? '', raw, query);
    const { token: inBody, ...args } = body.args;
    const channel =
      typeof args.channel === 'string' ? args.channel : typeof args.channel_id === 'string' ? args.channel_id : null;
    const call: Call = { method, at: Date.now(), channel, args, ok: false, error: 'pending' };
    this.calls.push(call);
    const fault = this.#faults.take(method, channel);
    if (fault?.kind === 'hang') return this.#finish(call, 'hang');
    if (fault?.kind === 'drop_before_commit') {
      request.socket.destroy();
      return this.#finish(call, 'dropped');
    }
    if (fault?.kind === 'slow') await delay(fault.ms ?? 1000, undefined, { ref: false });
    const header = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    // A JSON body carries no token: it must be in the header.
    const token = header ?? (body.kind !== 'json' && typeof inBody === 'string' ? inBody : null);
    const outcome = faulty(fault) ?? this.#run(method, body, args, token, channel);
    this.#finish(call, outcome.body.ok === true ? null : String(outcome.body.error));
    if (fault?.kind === 'drop_after_commit') {
      request.socket.destroy();
      return;
    }
    response.writeHead(outcome.status, { 'content-type': 'application/json; charset=utf-8', ...outcome.headers });
    response.end(JSON.stringify(outcome.body));
  }

  #finish(call: Call, error: string | null): void {
    call.ok = error === null;
    call.error = error;
    this.#onCall();
  }

  #run(method: string, body: Body, args: Fields, token: string | null, channel: string | null): Outcome {
    const headers: Record<string, string> = {};
    try {
      if (body.kind === 'broken_json') throw new ApiError('invalid_json');
      const isSocket = method === 'apps.connections.open';
      const handler = methods[method];
      if (!handler && !isSocket) throw new ApiError('unknown_method', { req_method: method });
      if (token === null) throw new ApiError('not_authed');
      const { botToken, appToken, scopes } = this.#workspace;
      if (token !== botToken && token !== appToken) throw new ApiError('invalid_auth');
      if ((token === appToken) !== isSocket) throw new ApiError('not_allowed_token_type');
      headers['x-oauth-scopes'] = isSocket ? 'connections:write' : scopes.join(',');
      const waitSeconds = this.#rates.take(method, channel, Date.now());
      if (waitSeconds > 0)
        return { ...rateLimited(waitSeconds), headers: { ...headers, 'retry-after': String(waitSeconds) } };
      if (isSocket) {
        const address = `${this.#base().replace(/^http/, 'ws')}/link/?ticket=${this.#newTicket()}&app_id=${this.#workspace.appId}`;
        return { status: 200, headers, body: { ok: true, url: address } };
      }
      const answer = handler?.({
        workspace: this.#workspace,
        wire: this.#wire,
        args: new Arguments(args),
        baseUrl: this.#base(),
        redeemTrigger: (id) => this.#triggers.redeem(id),
        requireScope(anyOf) {
          headers['x-accepted-oauth-scopes'] = anyOf.join(',');
          if (anyOf.some((scope) => scopes.includes(scope))) return;
          throw new ApiError('missing_scope', { needed: anyOf.join(','), provided: scopes.join(',') });
        },
      });
      return { status: 200, headers, body: { ok: true, ...answer } };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { status: 200, headers, body: { ok: false, error: error.code, ...error.details } };
    }
  }
}

function rateLimited(waitSeconds: number): Outcome {
  return { status: 429, headers: { 'retry-after': String(waitSeconds) }, body: { ok: false, error: 'ratelimited' } };
}

function faulty(fault: Fault | undefined): Outcome | undefined {
  if (fault?.kind === 'rate_limited') return rateLimited(fault.retryAfterSeconds ?? 1);
  if (fault?.kind === 'http_500') return { status: 500, headers: {}, body: { ok: false, error: 'internal_error' } };
  if (fault?.kind === 'error')
    return { status: 200, headers: {}, body: { ok: false, error: fault.error ?? 'fatal_error' } };
  return undefined;
}

import { createHmac } from 'node:crypto';
import type { Answer, Delivery, DeliveryType, Retry, Timing } from './delivery.ts';
import { isFields, parseJson, textOf } from './json.ts';
import type { Fields } from './model.ts';

/** `v0=` and the HMAC-SHA256 of `v0:timestamp:body`, https://docs.slack.dev/authentication/verifying-requests-from-slack */
export function signature(signingSecret: string, timestampSeconds: number, body: string): string {
  return `v0=${createHmac('sha256', signingSecret).update(`v0:${timestampSeconds}:${body}`).digest('hex')}`;
}

/** Signed HTTP: commands as forms, interactions as a form with one JSON field, events as JSON. */
export class HttpDelivery implements Delivery {
  readonly #url: () => string;
  readonly #signingSecret: string;
  readonly #timing: Timing;
  readonly #stopping = new AbortController();

  constructor(options: { url(): string; readonly signingSecret: string; readonly timing: Timing }) {
    this.#url = options.url;
    this.#signingSecret = options.signingSecret;
    this.#timing = options.timing;
  }

  deliver(type: DeliveryType, payload: Fields, retry: Retry | null): Promise<Answer> {
    const headers: Record<string, string> = retry
      ? { 'x-slack-retry-num': String(retry.attempt), 'x-slack-retry-reason': retry.reason }
      : {};
    if (type === 'events_api') return this.#post(JSON.stringify(payload), 'application/json', headers);
    const fields = type === 'slash_commands' ? payload : { payload: JSON.stringify(payload) };
    const form = new URLSearchParams(
      Object.entries(fields).map(([name, value]): [string, string] => [name, String(value)]),
    );
    return this.#post(form.toString(), 'application/x-www-form-urlencoded', headers);
  }

  /** The handshake for a new request URL: the app answers with the challenge. */
  async verify(token: string): Promise<'verified' | 'challenge_failed'> {
    const challenge = 'local-challenge-3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P';
    const answer = await this.#post(
      JSON.stringify({ token, challenge, type: 'url_verification' }),
      'application/json',
      {},
    );
    const isRight =
      answer.kind === 'acked' && (answer.body.challenge === challenge || textOf(answer.body.text) === challenge);
    return isRight ? 'verified' : 'challenge_failed';
  }

  /** Slack's occasional look at the certificate: `ssl_check=1`, answered with 200. */
  sslCheck(token: string): Promise<Answer> {
    return this.#post(
      new URLSearchParams({ ssl_check: '1', token }).toString(),
      'application/x-www-form-urlencoded',
      {},
    );
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #post(body: string, contentType: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const startedMs = performance.now();
    const timestamp = Math.floor(Date.now() / 1000);
    const deadline = AbortSignal.timeout(this.#timing.ackMs);
    try {
      const response = await fetch(this.#url(), {
        method: 'POST',
        body,
        signal: AbortSignal.any([deadline, this.#stopping.signal]),
        headers: {
          'content-type': contentType,
          accept: 'application/json,*/*',
          'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
          'x-slack-request-timestamp': String(timestamp),
          'x-slack-signature': signature(this.#signingSecret, timestamp, body),
          ...headers,
        },
      });
      const text = await response.text();
      const tookMs = performance.now() - startedMs;
      if (response.status !== 200) return { kind: 'failed', reason: 'dispatch_failed', tookMs };
      const value = parseJson(text);
      return { kind: 'acked', body: isFields(value) ? value : text === '' ? {} : { text }, tookMs };
    } catch {
      const tookMs = performance.now() - startedMs;
      return deadline.aborted ? { kind: 'timeout', tookMs } : { kind: 'failed', reason: 'dispatch_failed', tookMs };
    }
  }
}

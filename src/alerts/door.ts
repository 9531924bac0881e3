import { createHash, timingSafeEqual } from 'node:crypto';
import { Refusal } from '../refusal.ts';
import type { AlertsTicket } from './alert.ts';
import { readAlerts } from './payload.ts';

/** A larger body is not read to its end: some 15,000 alerts of the usual size. */
export const largestBodyBytes = 16 * 1024 * 1024;
/** When Alertmanager may come back where alerts could not be stored. */
const retryAfterSeconds = 5;

/** What the door sees of a request before its body. */
export type Knock = {
  readonly method: string;
  /** The header `Authorization`; '' where there is none. */
  readonly authorization: string;
  /** Whether it came with a certificate that the configured CA has signed. */
  readonly hasClientCertificate: boolean;
  /** The headers of the body. */
  readonly contentEncoding: string;
  readonly contentLength: number | undefined;
};

/** An HTTP answer in plain text: what happened, and what to do. */
export type DoorAnswer = {
  readonly status: 200 | 400 | 401 | 405 | 413 | 415 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
};

/** Who may post. */
export type DoorKeys = {
  /** undefined: nobody comes in by a token. */
  readonly token: string | undefined;
  /** Whether certificates are asked for at all. */
  readonly takesCertificates: boolean;
};

/** The answer to a request whose body is not to be read; undefined where it is. */
export function refuseKnock(knock: Knock, keys: DoorKeys): DoorAnswer | undefined {
  if (knock.method !== 'POST')
    return refused(405, 'Alerts are posted.', 'Use POST, as Alertmanager’s webhook_config does.', { allow: 'POST' });
  const isLetIn =
    (keys.takesCertificates && knock.hasClientCertificate) ||
    (keys.token !== undefined && isToken(knock.authorization, keys.token));
  if (!isLetIn) {
    const ways = [
      ...(keys.token === undefined ? [] : ['the token of alerts.token as http_config.authorization.credentials']),
      ...(keys.takesCertificates ? ['a client certificate of http.tls.clientCa as http_config.tls_config'] : []),
    ];
    return refused(
      401,
      knock.authorization === '' ? 'Not let in: nothing says who is there.' : 'Not let in: the token is another one.',
      `Give ${ways.join(', or ')}; docs/operating.md has a receiver to copy.`,
      keys.token === undefined ? {} : { 'www-authenticate': 'Bearer realm="alerts"' },
    );
  }
  if (knock.contentEncoding !== '' && knock.contentEncoding !== 'identity')
    return refused(415, 'The body is compressed.', 'Send it as it is, as Alertmanager does.', {});
  if (knock.contentLength !== undefined && knock.contentLength > largestBodyBytes) return tooLarge();
  return undefined;
}

export function tooLarge(): DoorAnswer {
  return refused(
    413,
    `The body is larger than ${largestBodyBytes / 1024 / 1024} MiB.`,
    'Set max_alerts in webhook_config (1000, say), or group by more labels.',
    {},
  );
}

export type DoorParts = {
  /** Stores all of them. @throws Refusal where that is not certain */
  addAll(tickets: readonly AlertsTicket[]): Promise<void>;
  fault(id: string, error: unknown): void;
};

/** What a body came to; `alerts` counts those that were stored. */
export type Posted = { readonly answer: DoorAnswer; readonly alerts: number };

/** Takes a whole body. 200 only when all of it is stored: until then Alertmanager tries again. */
export async function takeBody(body: string, { addAll, fault }: DoorParts): Promise<Posted> {
  try {
    const tickets = readAlerts(body);
    await addAll(tickets);
    const alerts = tickets.reduce((sum, ticket) => sum + ticket.alerts.length, 0);
    return { answer: { status: 200, headers: {}, text: `Taken: ${alerts} alerts.\n` }, alerts };
  } catch (error) {
    if (error instanceof NotStored)
      return {
        answer: refused(503, 'Not stored: Redis did not take it.', 'Send it again; nothing is shown twice.', {
          'retry-after': String(retryAfterSeconds),
        }),
        alerts: 0,
      };
    if (error instanceof Refusal) return { answer: refused(400, error.message, error.advice, {}), alerts: 0 };
    fault('alerts', error);
    return {
      answer: refused(503, 'Not stored: something failed.', 'Send it again; the bot’s log has the reason.', {
        'retry-after': String(retryAfterSeconds),
      }),
      alerts: 0,
    };
  }
}

/** Alerts that are not certain to be stored. */
export class NotStored extends Error {}

/** Takes the same time whatever is wrong with it: digests are of one length. */
function isToken(authorization: string, token: string): boolean {
  const given = /^Bearer +(.+)$/i.exec(authorization)?.[1] ?? '';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function refused(
  status: DoorAnswer['status'],
  message: string,
  advice: string,
  headers: Readonly<Record<string, string>>,
): DoorAnswer {
  return { status, headers, text: `${message} ${advice}\n` };
}

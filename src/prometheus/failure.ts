import { redact } from '../redact.ts';
import { Refusal } from '../refusal.ts';
import { formatDuration, shortened } from '../report/text.ts';
import { codeOf, messageOf } from '../thrown.ts';

/** Who was asked: names for the message. */
export type Asked = { readonly name: string; readonly address: string };

/** The refusal for a connection that gave no answer: too slow, nobody there, a certificate that is not accepted. */
export function connectionRefusal({ name, address }: Asked, error: unknown, timeoutMs: number): Refusal {
  const code = codeOf(error);
  const said = shown(messageOf(error));
  if (/^(?:AbortError|TimeoutError)$/.test(nameOf(error)) || code === 'ETIMEDOUT')
    return new Refusal(
      `The Prometheus of ${name} did not answer within ${formatDuration(timeoutMs)}.`,
      `Check that ${address} is reachable from where Quorum runs, or raise prometheus.${name}.requestTimeout.`,
    );
  if (code === 'ECONNREFUSED')
    return new Refusal(
      `Nobody listens at ${address}, the Prometheus of ${name} (connection refused).`,
      `Check that it runs, and prometheus.${name}.url.`,
    );
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new Refusal(
      `The name in ${address}, the Prometheus of ${name}, cannot be resolved.`,
      `Check prometheus.${name}.url, and DNS where Quorum runs.`,
    );
  if (/CERT|SELF_SIGNED|UNABLE_TO|^ERR_(?:SSL|TLS)|EPROTO/.test(code))
    return new Refusal(
      `TLS with the Prometheus of ${name} failed: ${said} (${code}).`,
      `Name the CA that signed its certificate in prometheus.${name}.tls.ca, or correct the address.`,
    );
  return new Refusal(
    `The Prometheus of ${name} could not be asked: ${said}.`,
    `Check that ${address} is reachable from where Quorum runs.`,
  );
}

/** The refusal for an HTTP status or a text that is no answer of a Prometheus. */
export function answerRefusal({ name, address }: Asked, status: number, said: string | undefined): Refusal {
  if (status === 401 || status === 403)
    return new Refusal(
      `The Prometheus of ${name} does not let Quorum in (${status}).`,
      `Set prometheus.${name}.token, or auth with username and password.`,
    );
  if (said !== undefined && said !== '')
    return new Refusal(
      `The Prometheus of ${name} refused the query (${status}): ${shown(said)}.`,
      'Check its version and its limits on queries.',
    );
  return new Refusal(
    `${address} answered ${status} with something that no Prometheus says.`,
    `Check prometheus.${name}.url: another server, a proxy or a login page may stand there.`,
  );
}

function nameOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'name' in error ? String(error.name) : '';
}

function shown(text: string): string {
  return shortened(redact(text.replace(/\s+/g, ' ').trim().replace(/\.$/, '')), 200);
}

import { z } from 'zod';
import { redact } from '../redact.ts';
import { Refusal } from '../refusal.ts';
import { formatDuration, shortened } from '../report/text.ts';
import type { Permission } from './cluster.ts';

/** Why a request to a Kubernetes API was not answered as asked. */
export type FailureKind =
  | 'unauthorized'
  | 'forbidden'
  | 'missing'
  | 'throttled'
  /** What was asked for has been forgotten meanwhile (410). */
  | 'expired'
  | 'bad request'
  | 'server error'
  | 'deadline'
  | 'unreachable'
  | 'tls'
  | 'credentials'
  | 'not kubernetes';

/** A refusal that also tells its kind, so that a missing permission can cost one section instead of the answer. */
export class RequestFailure extends Refusal {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, advice: string) {
    super(message, advice);
    this.kind = kind;
  }
}

/** What was asked: names for the message. */
export type Asked = {
  readonly cluster: string;
  readonly address: string;
  readonly permission: Permission;
};

/** The refusal for an HTTP status other than 2xx. `message` is the API's own. */
export function statusFailure(
  asked: Asked,
  status: number,
  message: string,
  retryAfterSeconds: number | undefined,
): RequestFailure {
  const { cluster, address, permission } = asked;
  const said = message.trim() === '' ? '' : ` It said: ${shownText(message)}`;
  const what = `${permission.verb} ${permission.resource}`;
  if (status === 401)
    return new RequestFailure(
      'unauthorized',
      `The Kubernetes API of ${cluster} does not know who asks (401).${said}`,
      'The token or certificate in the kubeconfig is wrong or has expired: renew it.',
    );
  if (status === 403)
    return new RequestFailure(
      'forbidden',
      `${permission.resource}: forbidden: Quorum may not ${what} ${place(permission)}.`,
      grantAdvice(permission),
    );
  if (status === 404)
    return new RequestFailure(
      'missing',
      `The Kubernetes API of ${cluster} has no ${permission.resource} ${place(permission)} (404).${said}`,
      'It is gone, or this API server does not serve that kind.',
    );
  if (status === 410)
    return new RequestFailure(
      'expired',
      `The Kubernetes API of ${cluster} forgets what it tells faster than it can be read (${what}, 410).${said}`,
      `Look at the API server and its etcd at ${address}: slow, or compacted very often?`,
    );
  if (status === 429)
    return new RequestFailure(
      'throttled',
      `The Kubernetes API of ${cluster} is too busy to ${what} (429).`,
      `Ask again in ${formatDuration(1000 * Math.min(3600, Math.max(1, retryAfterSeconds ?? 10)))}.`,
    );
  if (status >= 500)
    return new RequestFailure(
      'server error',
      `The Kubernetes API of ${cluster} failed to ${what} (${status}).${said}`,
      `Ask again; if it stays, look at the API server and its etcd at ${address}.`,
    );
  if (status >= 400)
    return new RequestFailure(
      'bad request',
      `The Kubernetes API of ${cluster} refused to ${what} (${status}).${said}`,
      'Check the names that were asked for.',
    );
  return new RequestFailure(
    'not kubernetes',
    `${address} answered ${status} where the Kubernetes API of ${cluster} was expected.`,
    'Check the server address in the kubeconfig: a proxy or a login page may stand in front of it.',
  );
}

/** The API's own words in a Status object; '' for other bodies. */
export function statusMessage(text: string): string {
  try {
    const parsed = z.object({ message: z.string() }).safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.message : '';
  } catch {
    return '';
  }
}

/** How to give a permission: a sentence. */
export function grantAdvice({ verb, resource, namespace }: Permission): string {
  const where = namespace === undefined ? 'with a ClusterRole, in all namespaces' : `in namespace ${namespace}`;
  return `Grant ${verb} ${resource} ${where} to Quorum’s identity.`;
}

function place({ namespace, resource }: Permission): string {
  if (resource === 'nodes') return 'in this cluster';
  return namespace === undefined ? 'in all namespaces' : `in namespace ${namespace}`;
}

/** The refusal for an API that answered with something that is not the object asked for. */
export function notKubernetes(asked: Asked, seen: string): RequestFailure {
  return new RequestFailure(
    'not kubernetes',
    `${asked.address} did not answer as the Kubernetes API of ${asked.cluster}: ${shownText(seen)}`,
    'Check the server address in the kubeconfig: a proxy or a login page may stand in front of it.',
  );
}

/** OpenSSL's and Node's codes for a certificate that was not accepted. */
const tlsAdvice: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'The API server’s certificate has expired: renew it.',
  CERT_NOT_YET_VALID: 'The API server’s certificate is not valid yet: check the clocks.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'Put the cluster’s CA into certificate-authority-data of the kubeconfig.',
  SELF_SIGNED_CERT_IN_CHAIN: 'Put the cluster’s CA into certificate-authority-data of the kubeconfig.',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'Put the cluster’s CA into certificate-authority-data of the kubeconfig.',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'Put the cluster’s CA into certificate-authority-data of the kubeconfig.',
  CERT_SIGNATURE_FAILURE: 'The CA in the kubeconfig is another one with the same name: replace it.',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'The server address in the kubeconfig is not among the certificate’s names: use one that is, or set tls-server-name.',
};

/** The refusal for a request that got no answer: nobody there, a certificate refused, time over, credentials unreadable. */
export function connectionFailure(asked: Asked, error: unknown, timeoutMs: number): RequestFailure {
  const { cluster, address } = asked;
  const causes = causeChain(error);
  const codes = causes.map(({ code }) => code).filter((code) => code !== undefined);
  const text =
    causes
      .map(({ message }) => message)
      .filter((message) => message !== '')
      .at(-1) ?? '';
  if (/skipTLSVerify/.test(text))
    return new RequestFailure(
      'tls',
      `The kubeconfig of ${cluster} names a server without TLS (${address}).`,
      'Use https, or set insecure-skip-tls-verify: true for that cluster to say that plain http is meant.',
    );
  if (
    causes.some(({ name }) => name === 'TimeoutError') ||
    codes.some((code) => /^(?:UND_ERR_(?:CONNECT|HEADERS|BODY)_TIMEOUT|ETIMEDOUT)$/.test(code))
  )
    return new RequestFailure(
      'deadline',
      `The Kubernetes API of ${cluster} did not answer within ${formatDuration(timeoutMs)}.`,
      `Check that ${address} is reachable from where Quorum runs, or raise requestTimeout.`,
    );
  const tls = codes.find((code) => Object.hasOwn(tlsAdvice, code));
  if (tls !== undefined)
    return new RequestFailure(
      'tls',
      `TLS with the Kubernetes API of ${cluster} failed: ${shownText(text)} (${tls}).`,
      tlsAdvice[tls] ?? '',
    );
  if (
    codes.some((code) => /^ERR_(?:SSL|TLS|OSSL)_/.test(code)) ||
    codes.includes('EPROTO') ||
    /PEM|ssl|tls|certificate/i.test(text)
  )
    return new RequestFailure(
      'tls',
      `TLS with the Kubernetes API of ${cluster} failed: ${shownText(text)}.`,
      'Check the certificates and the key in the kubeconfig, and that the address speaks https.',
    );
  if (codes.includes('ECONNREFUSED'))
    return new RequestFailure(
      'unreachable',
      `Nobody listens at ${address}, the Kubernetes API of ${cluster} (connection refused).`,
      'Check that the API server runs, and the server address in the kubeconfig.',
    );
  if (codes.includes('ENOTFOUND') || codes.includes('EAI_AGAIN'))
    return new RequestFailure(
      'unreachable',
      `The name in ${address}, the Kubernetes API of ${cluster}, cannot be resolved.`,
      'Check the server address in the kubeconfig, and DNS where Quorum runs.',
    );
  if (codes.includes('ENOENT') || codes.includes('EACCES'))
    return new RequestFailure(
      'credentials',
      `The credentials for the Kubernetes API of ${cluster} cannot be read: ${shownText(text)}.`,
      'Check the files and programs that the kubeconfig names, and who may read them.',
    );
  if (codes.some((code) => /^(?:ECONNRESET|EPIPE|EHOSTUNREACH|ENETUNREACH|UND_ERR_SOCKET|UND_ERR_CLOSED)$/.test(code)))
    return new RequestFailure(
      'unreachable',
      `The connection to the Kubernetes API of ${cluster} broke: ${shownText(text)}.`,
      `Check that ${address} is reachable from where Quorum runs, and ask again.`,
    );
  return new RequestFailure(
    'unreachable',
    `The Kubernetes API of ${cluster} could not be asked: ${shownText(text)}.`,
    `Check the kubeconfig and that ${address} is reachable from where Quorum runs.`,
  );
}

type Cause = { readonly name: string; readonly code: string | undefined; readonly message: string };

/**
 * fetch wraps what went wrong: the outer error says "fetch failed", the inner ones what. They are known by their shape, for
 * an error may come from another realm, where it is no instance of this one's Error.
 */
function causeChain(error: unknown): Cause[] {
  const causes: Cause[] = [];
  let at: unknown = error;
  for (let depth = 0; depth < 6 && typeof at === 'object' && at !== null; depth++) {
    causes.push({ name: textOf(at, 'name') ?? '', code: textOf(at, 'code'), message: textOf(at, 'message') ?? '' });
    const errors: unknown = 'errors' in at ? at.errors : undefined;
    const cause: unknown = 'cause' in at ? at.cause : undefined;
    at = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return causes.length > 0 ? causes : [{ name: '', code: undefined, message: String(error) }];
}

function textOf(object: object, key: string): string | undefined {
  const value: unknown = Reflect.get(object, key);
  return typeof value === 'string' ? value : undefined;
}

function shownText(text: string): string {
  return shortened(redact(text.replace(/\s+/g, ' ').trim().replace(/\.$/, '')), 200);
}

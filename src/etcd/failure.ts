import { messageOf } from '../thrown.ts';

/** Why a call to a member failed, told apart by what can be done about it. */
export type FailureKind =
  | 'deadline'
  | 'closed-port'
  | 'no-route'
  | 'unknown-name'
  | 'connection-lost'
  | 'client-certificate-refused'
  | 'server-certificate-expired'
  | 'server-certificate-name'
  | 'server-certificate-untrusted'
  | 'not-tls'
  | 'not-etcd'
  | 'auth-required'
  | 'auth-wrong'
  | 'token-expired'
  | 'auth-disabled'
  | 'permission'
  | 'no-leader'
  | 'learner'
  | MaintenanceRefusal
  | MembershipRefusal
  | 'other';

/** Why etcd refused to change its members: each of these says that nothing was done. */
export type MembershipRefusal =
  | 'unhealthy-cluster'
  | 'peer-urls-exist'
  | 'member-id-exist'
  | 'bad-peer-urls'
  | 'too-many-learners'
  | 'learner-not-ready'
  | 'not-a-learner'
  | 'member-not-found'
  | 'not-leader'
  | 'bad-transferee'
  | 'not-enough-started';

/** Why etcd refused to write or to compact: nothing was done. */
export type MaintenanceRefusal = 'no-space' | 'compacted' | 'future-revision';

export type Failure = {
  readonly kind: FailureKind;
  /** The gRPC status code; 2 (unknown) where there is none. */
  readonly code: number;
  /** What was said, verbatim. */
  readonly said: string;
};

/**
 * Texts are matched before codes: the same situation carries different codes in different versions of etcd,
 * and OpenSSL's and Go's wordings are all that tells one refused certificate from another.
 */
const texts: readonly (readonly [RegExp, FailureKind])[] = [
  [/etcdserver: unhealthy cluster/i, 'unhealthy-cluster'],
  [/peer URLs already exists/i, 'peer-urls-exist'],
  [/member ID already exist/i, 'member-id-exist'],
  [/given member URLs are invalid/i, 'bad-peer-urls'],
  [/too many learner members/i, 'too-many-learners'],
  [/can only promote a learner member which is in sync with leader/i, 'learner-not-ready'],
  [/can only promote a learner member/i, 'not-a-learner'],
  [/etcdserver: member not found/i, 'member-not-found'],
  [/etcdserver: not leader/i, 'not-leader'],
  [/bad leader transferee/i, 'bad-transferee'],
  [/database space exceeded/i, 'no-space'],
  [/required revision has been compacted/i, 'compacted'],
  [/required revision is a future revision/i, 'future-revision'],
  [/re-configuration failed due to not enough started members/i, 'not-enough-started'],
  [
    /alert number (42|43|44|45|46|48|116)|alert (bad certificate|certificate required|certificate expired|unknown ca)/i,
    'client-certificate-refused',
  ],
  [
    /certificate has expired|CERT_HAS_EXPIRED|certificate is not yet valid|CERT_NOT_YET_VALID/i,
    'server-certificate-expired',
  ],
  [/does not match certificate's altnames|ERR_TLS_CERT_ALTNAME/i, 'server-certificate-name'],
  [
    /unable to verify|self[- ]signed certificate|unable to get (local )?issuer|UNABLE_TO_|certificate signature failure|invalid purpose|unsuitable certificate purpose/i,
    'server-certificate-untrusted',
  ],
  [
    /wrong version number|packet length too long|EPROTO|unexpected message|unsupported protocol|tls_get_more_records|http request/i,
    'not-tls',
  ],
  [/user name not found|user name is empty|auth: user not found|user name is required/i, 'auth-required'],
  [/invalid user ID or password|authentication failed/i, 'auth-wrong'],
  [/invalid auth token|revision of auth store is old/i, 'token-expired'],
  [/authentication is not enabled/i, 'auth-disabled'],
  [/permission denied/i, 'permission'],
  [/not supported for learner/i, 'learner'],
  [/no leader|etcdserver: request timed out|leader changed/i, 'no-leader'],
  [
    /HTTP status code|Received HTTP|Protocol error|Parse Error|unknown service|unknown method|invalid wire type|RST_STREAM|Expected HTTP|content-type|no application protocol|alert number 120|index out of range/i,
    'not-etcd',
  ],
  [/ECONNREFUSED/i, 'closed-port'],
  [/EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ETIMEDOUT|EHOSTDOWN/i, 'no-route'],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed|DNS resolution/i, 'unknown-name'],
  [/ECONNRESET|EPIPE|socket hang up|Connection dropped|closed before|socket disconnected|goaway/i, 'connection-lost'],
];

const codes: Readonly<Record<number, FailureKind>> = {
  4: 'deadline',
  7: 'permission',
  12: 'not-etcd',
  16: 'token-expired',
};

/** Sorts an error of a call by its text, then by its gRPC code. */
export function failureOf(error: unknown): Failure {
  const said = messageOf(error);
  const code = codeOf(error, said);
  // A deadline that ran out while connecting carries the connection's own trouble only as an afterthought.
  const byText = code === 4 ? undefined : texts.find(([pattern]) => pattern.test(said))?.[1];
  return { kind: byText ?? codes[code] ?? 'other', code, said: plainText(said) };
}

/** etcd3 drops the code of an error, but the text keeps it as a prefix: `14 UNAVAILABLE: …`. */
function codeOf(error: unknown, said: string): number {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number')
    return error.code;
  const prefix = /^(?:\w+: )?(\d+) [A-Z_]+: /.exec(said);
  return prefix?.[1] === undefined ? 2 : Number(prefix[1]);
}

/** One line, without the addresses OpenSSL puts around its message and without grpc-js' empty afterthought. */
export function plainText(said: string): string {
  return said
    .replace(/[0-9A-F]{8,}:error:[0-9A-F]+:/g, '')
    .replace(/:\.\.\/deps\/openssl\/[^\s:]*:\d+:/g, ': ')
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/g, '')
    .replace(/\.?\s*Resolution note:\s*$/, '')
    .replace(/\s+/g, ' ')
    .trim();
}

const neverDone: readonly FailureKind[] = [
  'unhealthy-cluster',
  'peer-urls-exist',
  'member-id-exist',
  'bad-peer-urls',
  'too-many-learners',
  'learner-not-ready',
  'not-a-learner',
  'member-not-found',
  'not-leader',
  'bad-transferee',
  'not-enough-started',
  'no-space',
  'compacted',
  'future-revision',
  'learner',
  'permission',
  'auth-required',
  'auth-wrong',
  'token-expired',
  'closed-port',
  'no-route',
  'unknown-name',
  'client-certificate-refused',
  'server-certificate-expired',
  'server-certificate-name',
  'server-certificate-untrusted',
  'not-tls',
];

/**
 * Whether a mutation that failed so has certainly changed nothing: etcd refused it, or it never reached etcd. A deadline, a lost
 * connection or etcd's own `request timed out` leave it open: the proposal may still be agreed on.
 */
export function isCertainlyUndone(failure: Failure): boolean {
  return neverDone.includes(failure.kind);
}

/** Whether nothing at all answers at the address (as against something that answers wrongly). */
export function isUnreachable(kind: FailureKind): boolean {
  return kind === 'closed-port' || kind === 'no-route' || kind === 'unknown-name' || kind === 'connection-lost';
}

/** Whether TLS, not etcd, ended the call. */
export function isTlsTrouble(kind: FailureKind): boolean {
  return kind.startsWith('server-certificate') || kind === 'client-certificate-refused' || kind === 'not-tls';
}

/** An answer, or why there is none. */
export type Settled<T> =
  | { readonly value: T; readonly failure?: undefined }
  | { readonly value?: undefined; readonly failure: Failure };

/** A failed call is a result. Of several members' failures the most telling one counts: an answer before silence. */
export async function settled<T>(answer: Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await answer };
  } catch (error) {
    const failures = error instanceof AggregateError ? error.errors.map(failureOf) : [failureOf(error)];
    const rank = ({ kind }: Failure) => (isUnreachable(kind) ? 2 : kind === 'deadline' ? 1 : 0);
    const [telling] = failures.sort((a, b) => rank(a) - rank(b));
    return { failure: telling ?? failureOf(error) };
  }
}

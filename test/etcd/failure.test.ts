import { describe, expect, test } from '@jest/globals';
import { failureOf, isCertainlyUndone } from '../../src/etcd/failure.ts';

const refused = '14 UNAVAILABLE: No connection established. Last error:';

describe('a failed call is told apart', () => {
  test.each([
    ['4 DEADLINE_EXCEEDED: Deadline exceeded after 1.001s,LB pick: 0.001s,remote_addr=10.0.0.3:2379', 'deadline'],
    ['4 DEADLINE_EXCEEDED: Deadline exceeded after 1s. Last error: connect ECONNREFUSED', 'deadline'],
    [`${refused} Error: connect ECONNREFUSED 10.0.0.3:2379. Resolution note: `, 'closed-port'],
    [`${refused} Error: connect EHOSTUNREACH 10.0.0.3:2379`, 'no-route'],
    ['14 UNAVAILABLE: Name resolution failed for target dns:nope:2379', 'unknown-name'],
    [`${refused} SSL alert number 42`, 'client-certificate-refused'],
    [`${refused} SSL alert number 116`, 'client-certificate-refused'],
    [`${refused} SSL alert number 48`, 'client-certificate-refused'],
    [`${refused} SSL alert number 45`, 'client-certificate-refused'],
    [`${refused} Error: unable to verify the first certificate`, 'server-certificate-untrusted'],
    [`${refused} Error: self-signed certificate in certificate chain`, 'server-certificate-untrusted'],
    [`${refused} Error: certificate has expired`, 'server-certificate-expired'],
    [
      `${refused} Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames: IP: 10.0.0.3 is not in the cert's list: 10.0.0.1`,
      'server-certificate-name',
    ],
    [`${refused} Error: SSL routines:ssl3_get_record:wrong version number`, 'not-tls'],
    ['12 UNIMPLEMENTED: unknown service etcdserverpb.Maintenance', 'not-etcd'],
    ['12 UNIMPLEMENTED: Received HTTP status code 404', 'not-etcd'],
    ['16 UNAUTHENTICATED: Received HTTP status code 401', 'not-etcd'],
    ['7 PERMISSION_DENIED: Received HTTP status code 403', 'not-etcd'],
    ['14 UNAVAILABLE: Received HTTP status code 503', 'not-etcd'],
    ['9 FAILED_PRECONDITION: etcdserver: user name not found', 'auth-required'],
    ['2 UNKNOWN: auth: user not found', 'auth-required'],
    ['3 INVALID_ARGUMENT: etcdserver: authentication failed, invalid user ID or password', 'auth-wrong'],
    ['16 UNAUTHENTICATED: etcdserver: invalid auth token', 'token-expired'],
    ['9 FAILED_PRECONDITION: etcdserver: authentication is not enabled', 'auth-disabled'],
    ['7 PERMISSION_DENIED: etcdserver: permission denied', 'permission'],
    ['14 UNAVAILABLE: etcdserver: request timed out', 'no-leader'],
    ['14 UNAVAILABLE: etcdserver: rpc not supported for learner', 'learner'],
    ['13 INTERNAL: something new', 'other'],
  ])('%s', (said, kind) => {
    expect(failureOf(new Error(said)).kind).toBe(kind);
  });

  test('by its code, which etcd3 keeps only at the start of the text', () => {
    expect(failureOf(new Error('14 UNAVAILABLE: etcdserver: request timed out')).code).toBe(14);
    expect(failureOf(Object.assign(new Error('x'), { code: 7 }))).toEqual({ kind: 'permission', code: 7, said: 'x' });
    expect(failureOf('a thrown text')).toEqual({ kind: 'other', code: 2, said: 'a thrown text' });
  });

  test('and quoted without what OpenSSL and grpc-js put around it', () => {
    const said =
      '14 UNAVAILABLE: No connection established. Last error: 801C8281247F0000:error:0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate:../deps/openssl/openssl/ssl/record/rec_layer_s3.c:1601:SSL alert number 42\n (2026-11-21T08:48:11.432Z). Resolution note: ';
    expect(failureOf(new Error(said)).said).toBe(
      '14 UNAVAILABLE: No connection established. Last error: SSL routines:ssl3_read_bytes:sslv3 alert bad certificate: SSL alert number 42',
    );
  });
});

describe('a change of members that failed is told apart by its text, whatever its code', () => {
  test.each([
    ['14 UNAVAILABLE: etcdserver: unhealthy cluster', 'unhealthy-cluster', 'undone'],
    ['9 FAILED_PRECONDITION: etcdserver: Peer URLs already exists', 'peer-urls-exist', 'undone'],
    ['9 FAILED_PRECONDITION: etcdserver: member ID already exist', 'member-id-exist', 'undone'],
    ['3 INVALID_ARGUMENT: etcdserver: given member URLs are invalid', 'bad-peer-urls', 'undone'],
    ['9 FAILED_PRECONDITION: etcdserver: too many learner members in cluster', 'too-many-learners', 'undone'],
    [
      '9 FAILED_PRECONDITION: etcdserver: can only promote a learner member which is in sync with leader',
      'learner-not-ready',
      'undone',
    ],
    ['9 FAILED_PRECONDITION: etcdserver: can only promote a learner member', 'not-a-learner', 'undone'],
    ['5 NOT_FOUND: etcdserver: member not found', 'member-not-found', 'undone'],
    ['9 FAILED_PRECONDITION: etcdserver: not leader', 'not-leader', 'undone'],
    ['9 FAILED_PRECONDITION: etcdserver: bad leader transferee', 'bad-transferee', 'undone'],
    [
      '2 UNKNOWN: etcdserver: re-configuration failed due to not enough started members',
      'not-enough-started',
      'undone',
    ],
    [
      '14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED 10.0.0.1:2379',
      'closed-port',
      'undone',
    ],
    [
      '14 UNAVAILABLE: No connection established. Last error: SSL alert number 42',
      'client-certificate-refused',
      'undone',
    ],
    ['14 UNAVAILABLE: etcdserver: request timed out', 'no-leader', 'unknown'],
    ['14 UNAVAILABLE: read ECONNRESET', 'connection-lost', 'unknown'],
    ['4 DEADLINE_EXCEEDED: Deadline exceeded after 4s', 'deadline', 'unknown'],
    ['4 DEADLINE_EXCEEDED: context deadline exceeded', 'deadline', 'unknown'],
    ['13 INTERNAL: something new', 'other', 'unknown'],
  ])('%s', (said, kind, outcome) => {
    const failure = failureOf(new Error(said));
    expect([failure.kind, isCertainlyUndone(failure) ? 'undone' : 'unknown']).toEqual([kind, outcome]);
  });
});

import { nearest } from '../../nearest.ts';
import { isAtLeast, versionNumbers } from '../version-checks.ts';

type Version = readonly [number, number, number];

const words = (text: string) => text.trim().split(/\s+/);

/** Flags of 3.4 that are there still (etcd --help, 3.4.23 to 3.6). */
const steady = words(`
  advertise-client-urls auth-token auth-token-ttl auto-compaction-mode auto-compaction-retention auto-tls backend-batch-interval
  backend-batch-limit bcrypt-cost cert-file cipher-suites client-cert-allowed-hostname client-cert-auth client-crl-file config-file cors
  data-dir discovery-srv discovery-srv-name election-timeout enable-pprof experimental-compaction-batch-limit
  experimental-corrupt-check-time experimental-enable-lease-checkpoint experimental-initial-corrupt-check
  experimental-peer-skip-client-san-verification experimental-warning-apply-duration experimental-watch-progress-notify-interval
  enable-grpc-gateway force-new-cluster grpc-keepalive-interval grpc-keepalive-min-time grpc-keepalive-timeout heartbeat-interval
  host-whitelist initial-advertise-peer-urls initial-cluster initial-cluster-state initial-cluster-token initial-election-tick-advance
  key-file listen-client-urls listen-metrics-urls listen-peer-urls log-level log-outputs logger max-concurrent-streams max-request-bytes
  max-snapshots max-txn-ops max-wals metrics name peer-auto-tls peer-cert-allowed-cn peer-cert-allowed-hostname peer-cert-file
  peer-client-cert-auth peer-crl-file peer-key-file peer-trusted-ca-file pre-vote quota-backend-bytes snapshot-count
  strict-reconfig-check trusted-ca-file wal-dir unsafe-no-fsync version help`);

const came35: Version = [3, 5, 0];
const came36: Version = [3, 6, 0];

const since35 = words(`
  backend-bbolt-freelist-type client-cert-file client-key-file peer-client-cert-file peer-client-key-file enable-log-rotation
  log-rotation-config-json log-format raft-read-timeout raft-write-timeout self-signed-cert-validity socket-reuse-address
  socket-reuse-port tls-min-version tls-max-version listen-client-http-urls v2-deprecation
  experimental-bootstrap-defrag-threshold-megabytes experimental-compact-hash-check-enabled experimental-compact-hash-check-time
  experimental-compaction-sleep-interval experimental-distributed-tracing-address experimental-distributed-tracing-instance-id
  experimental-distributed-tracing-sampling-rate experimental-distributed-tracing-service-name experimental-downgrade-check-time
  experimental-enable-distributed-tracing experimental-enable-lease-checkpoint-persist experimental-memory-mlock
  experimental-stop-grpc-service-on-defrag experimental-txn-mode-write-with-shared-buffer
  experimental-warning-unary-request-duration experimental-max-learners`);

const since36 = words(`
  feature-gates max-learners memory-mlock peer-skip-client-san-verification watch-progress-notify-interval warning-apply-duration
  warning-unary-request-duration bootstrap-defrag-threshold-megabytes compaction-batch-limit compaction-sleep-interval
  corrupt-check-time compact-hash-check-time downgrade-check-time enable-distributed-tracing distributed-tracing-address
  distributed-tracing-service-name distributed-tracing-instance-id distributed-tracing-sampling-rate discovery-endpoints
  discovery-token discovery-dial-timeout discovery-request-timeout discovery-keepalive-time discovery-keepalive-timeout
  discovery-insecure-transport discovery-insecure-skip-tls-verify discovery-cert discovery-key discovery-cacert discovery-user
  discovery-password snapshot-catchup-entries`);

/** Gone with 3.5, and with 3.6 (no v2 store, no v2 proxy, no v2 discovery). */
const until35 = words('debug log-package-levels experimental-backend-bbolt-freelist-type');
const until36 = words(`
  enable-v2 experimental-enable-v2v3 discovery discovery-fallback discovery-proxy proxy proxy-dial-timeout proxy-failure-wait
  proxy-read-timeout proxy-refresh-interval proxy-write-timeout`);

const booleans = new Set(
  words(`
  auto-tls client-cert-auth debug enable-grpc-gateway enable-log-rotation enable-pprof enable-v2 force-new-cluster
  experimental-initial-corrupt-check experimental-enable-lease-checkpoint experimental-enable-lease-checkpoint-persist
  experimental-peer-skip-client-san-verification experimental-compact-hash-check-enabled experimental-memory-mlock
  experimental-enable-distributed-tracing experimental-stop-grpc-service-on-defrag experimental-txn-mode-write-with-shared-buffer
  initial-election-tick-advance peer-auto-tls peer-client-cert-auth peer-skip-client-san-verification pre-vote socket-reuse-address
  socket-reuse-port strict-reconfig-check unsafe-no-fsync memory-mlock enable-distributed-tracing version help`),
);

const all = [...new Set([...steady, ...since35, ...since36, ...until35, ...until36])];

/** Whether any version from 3.4 on has this flag. */
export function isKnownFlag(name: string): boolean {
  return all.includes(name);
}

/** A flag that stands alone for true: the word behind it is not its value (Go's flag package). */
export function isBooleanFlag(name: string): boolean {
  return booleans.has(name);
}

/** What is wrong with a flag for this version; '' where nothing is, or the version is not known. */
export function flagFault(name: string, version: string | null): string {
  if (!isKnownFlag(name)) {
    const near = nearest(name, all);
    return `etcd has no such flag${near === undefined ? '' : `; did you mean --${near}?`}`;
  }
  if (version === null || versionNumbers(version) === undefined) return '';
  if (since36.includes(name) && !isAtLeast(version, came36)) return 'it came with etcd 3.6';
  if (since35.includes(name) && !isAtLeast(version, came35)) return 'it came with etcd 3.5';
  if (until35.includes(name) && isAtLeast(version, came35)) return 'it went with etcd 3.5';
  if (until36.includes(name) && isAtLeast(version, came36)) return 'it went with etcd 3.6';
  return '';
}

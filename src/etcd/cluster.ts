import type { SnapshotSettings } from '../snapshot/settings.ts';
import type { CertificateFacts } from './certificates.ts';
import type { Failure } from './failure.ts';
import type { MemberMetrics } from './metrics.ts';

/** One etcd cluster as the configuration names it. File paths are read when the cluster is first asked. */
export type EtcdClusterConfig = {
  readonly name: string;
  /** Client URLs, `https://10.0.0.1:2379`. */
  readonly endpoints: readonly string[];
  readonly tls?: TlsFiles | undefined;
  readonly auth?: { readonly username: string; readonly password: string } | undefined;
  /** The deadline of every call. Default 1000. */
  readonly requestTimeoutMs?: number | undefined;
  /** What `--quota-backend-bytes` is set to: before 3.6 a member does not tell. */
  readonly quotaBytes?: number | undefined;
  /** The CA of the peers' certificates where it is another one. */
  readonly peerCa?: string | undefined;
  /** `--listen-metrics-urls` of the members, for clusters whose client port does not show /metrics. */
  readonly metricsUrls?: readonly string[] | undefined;
  /** Under which the API servers keep their events; `/registry/events/` where not given. */
  readonly eventsPrefix?: string | undefined;
  /** How its snapshots are taken and kept, where they are. */
  readonly snapshots?: SnapshotSettings | undefined;
};

/** The PEM files of a TLS client. */
export type TlsFiles = {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
};

/** A member as the cluster's own list has it. Ids are hexadecimal, as etcdctl prints them. */
export type Member = {
  readonly id: string;
  /** '' until the member has started once. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
};

/** What a member says about itself (the Status call). */
export type MemberStatus = {
  readonly clusterId: string;
  readonly memberId: string;
  readonly version: string;
  /** Of the key-value store. */
  readonly revision: number;
  readonly dbSizeBytes: number;
  readonly dbSizeInUseBytes: number;
  /** Only 3.6 and later tell. */
  readonly quotaBytes: number | null;
  /** Id of the leader as this member sees it; null when it sees none. */
  readonly leaderId: string | null;
  readonly raftTerm: number;
  readonly raftIndex: number;
  readonly raftAppliedIndex: number;
  readonly isLearner: boolean;
  readonly errors: readonly string[];
};

export type AlarmKind = 'NOSPACE' | 'CORRUPT';
export type Alarm = { readonly memberId: string; readonly kind: AlarmKind };

/** What a connection attempt met: how far it came, and the certificate the server showed. */
export type Probe = {
  /** How far it came: `closed` is a refused connection, `silent` no answer to the connection itself. */
  readonly reached: 'name' | 'silent' | 'closed' | 'connected' | 'handshake';
  /** What answered: HTTP/2 (which gRPC needs), HTTP/1, TLS where plain text was spoken, nothing, or something else. */
  readonly speaks: 'http2' | 'http1' | 'tls' | 'nothing' | 'other';
  /** The first bytes it sent, printable ones only. */
  readonly said: string;
  /** The server's certificate, leaf first; empty without TLS. */
  readonly chain: readonly CertificateFacts[];
  /** Why that certificate is not trusted, in Node's words; '' when it is. */
  readonly authorizationError: string;
  /** The error that ended the attempt; '' when none did. */
  readonly error: string;
  /** True when the same port speaks the other scheme: TLS where the URL says http, plain text where it says https. */
  readonly speaksOtherScheme: boolean;
  /** TLS was finished, and then no HTTP/2 agreed on (ALPN) or spoken: every client URL of etcd does both, its peer URLs do not. */
  readonly lacksHttp2?: true;
};

/** One endpoint that was asked, and what came back. */
export type Asked = {
  readonly endpoint: string;
  /** Named in the configuration, or found in the member list. */
  readonly isConfigured: boolean;
  /** The member that answered here the last time, within this process. */
  readonly lastMemberId?: string;
  readonly tookMs: number;
  readonly status?: MemberStatus;
  readonly failure?: Failure;
  /** Made only where the call failed or was slow. */
  readonly probe?: Probe;
  /** ISO 8601: when an answer failed to come for the first time after one had come, within this process. */
  readonly failingSince?: string;
};

/** Metrics of one member, or why there are none. */
export type MetricsRead = {
  readonly url: string;
  /** The endpoint whose client URL was read; undefined where it came from a configured metrics URL. */
  readonly endpoint?: string;
  readonly metrics?: MemberMetrics;
  /** An earlier reading of the same process, some minutes old: what the counters have risen by since is what is recent. */
  readonly earlier?: { readonly seenAt: string; readonly metrics: MemberMetrics };
  readonly failure?: string;
};

/** Everything that one look at a cluster saw: plain data, judged elsewhere. */
export type ClusterSeen = {
  readonly cluster: string;
  /** The machine that looked. */
  readonly seenFrom: string;
  readonly requestTimeoutMs: number;
  readonly configuredEndpoints: readonly string[];
  readonly tls: TlsFiles;
  readonly username: string | null;
  readonly configuredQuotaBytes: number | null;
  /** null when no member told who the members are. */
  readonly members: readonly Member[] | null;
  /** As an earlier look of this process had them; null before the first. */
  readonly lastMembers: readonly Member[] | null;
  readonly membersFailure?: Failure;
  readonly asked: readonly Asked[];
  /** null when no member could tell. Asking takes a round of consensus, so an answer proves that writes are possible. */
  readonly alarms: readonly Alarm[] | null;
  readonly alarmsFailure?: Failure;
  readonly metrics: readonly MetricsRead[];
  /** The bot's own certificate and the CAs it trusts, as read from the configured files. */
  readonly clientCertificate: CertificateFacts | null;
  readonly trustedCas: readonly CertificateFacts[];
  /** Why the username and password did not get a token. */
  readonly authFailure?: Failure;
  /** Members that a change of the bot's is defragmenting at this moment, by id, with how long that was expected to take. */
  readonly defragmenting?: readonly { readonly memberId: string; readonly expectedMs: number }[];
  /** Credential files that changed on disk and no longer read; the ones read before are still used. */
  readonly staleCredentials?: string;
};

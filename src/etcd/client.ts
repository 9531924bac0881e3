import { hostname } from 'node:os';
import { Refusal } from '../refusal.ts';
import type { OpenScratch } from '../snapshot/drill.ts';
import type { SnapshotSettings } from '../snapshot/settings.ts';
import { openStorage, type SnapshotStorage } from '../snapshot/storage.ts';
import type { Asked, ClusterSeen, EtcdClusterConfig, Member, MetricsRead, Probe } from './cluster.ts';
import { type Credentials, readCredentials, stampOf } from './credentials-client.ts';
import { canonicalEndpoint, isEndpoint } from './endpoint.ts';
import { type Failure, settled } from './failure.ts';
import { firstAnswer } from './first-answer.ts';
import { createKeys, type Keys } from './keys-client.ts';
import { createMemberClient, type MemberClient } from './member-client.ts';
import { createMembership, type MemberRoute, type Membership } from './membership-client.ts';
import { createMetricsReader, type MetricsReader } from './metrics-client.ts';
import { type PeerUrls, probePeers } from './peer-probe-client.ts';
import type { PeersSeen } from './peers.ts';
import { probeEndpoint } from './probe-client.ts';
import { RecentLook } from './recent-look.ts';
import { createRights, type Rights } from './rights-client.ts';
import type { SnapshotPart, StreamLimits } from './snapshot-client.ts';
import { ClusterToken } from './token-client.ts';
import { createUpkeep, type Upkeep } from './upkeep-client.ts';
import { servesV2 } from './v2-client.ts';

export type { EtcdClusterConfig } from './cluster.ts';

/** A way to one etcd cluster. Every call has a deadline, and a member that is down is a result, not an error. */
export type EtcdCluster = {
  readonly name: string;
  /**
   * Asks every member for its status, the cluster for its members and alarms, and whoever shows them for metrics.
   * @param metrics `fresh` where those that were read some seconds ago will not do; `last` where the ones of the latest reading do, however old:
   *   100 KB a member are then read only of members that have never been
   * @throws Refusal when a credential file cannot be used
   */
  see(signal?: AbortSignal, metrics?: MetricsAge): Promise<ClusterSeen>;
  /** Adds, promotes and removes members, and moves the leader. Nothing is repeated. */
  readonly membership: Membership;
  /** Compacts, defragments, disarms, and writes a key of the bot's own. Nothing is repeated. */
  readonly upkeep: Upkeep;
  /** Reads which keys there are and how large they are; no value ever comes out of it. */
  readonly keys: Keys;
  /** Which roles etcd's own users have. */
  readonly rights: Rights;
  /** Under which API servers of Kubernetes keep their events. */
  readonly eventsPrefix: string;
  /**
   * Reads what is presented at peer URLs, without being let in.
   * @throws Refusal when a credential file cannot be used
   */
  seePeers(peerUrls: PeerUrls): Promise<PeersSeen>;
  /**
   * Reads what is presented at client URLs, without being let in.
   * @throws Refusal when a credential file cannot be used
   */
  seeListeners(clientUrls: readonly string[]): Promise<PeersSeen>;
  /**
   * A member's database as a stream, with the cluster's token.
   * @throws the driver's error (see `failureOf`); what came before it is worthless
   */
  streamSnapshot(endpoint: string, limits: StreamLimits): AsyncIterable<SnapshotPart>;
  /** Whether a member serves etcd's old API too; null where it could not be seen. */
  servesV2(endpoint: string): Promise<boolean | null>;
  /** Where its snapshots are kept and how; null where the config does not say. */
  readonly snapshots: SnapshotKeeping | null;
  close(): void;
};

/**
 * How old what is shown may be. `last`: the metrics are the latest that were read. `at-once`: so they are, and the whole look may be one of the last
 * moment, since when this process has changed nothing.
 */
export type MetricsAge = 'recent' | 'fresh' | 'last' | 'at-once';

/** Where the snapshots of one cluster are, and what is done with them. */
export type SnapshotKeeping = {
  readonly settings: SnapshotSettings;
  readonly storage: SnapshotStorage;
  /** Restores one beside this process, to be looked at. */
  readonly openScratch: OpenScratch;
};

/** How long credential files are taken to be the ones on disk, where not given. */
const defaultCredentialsCheckMs = 5_000;
/** How long metrics are taken to be current while every member answers: a text of 100 KB a member is not read for each look. */
const metricsReuseMs = 10_000;

/**
 * Opens a way to the cluster: reads its credential files, and connects when first asked.
 * @throws Refusal when an endpoint is no client URL or a file cannot be used
 */
export async function connectEtcd(
  config: EtcdClusterConfig,
  { credentialsCheckMs = defaultCredentialsCheckMs }: { readonly credentialsCheckMs?: number } = {},
): Promise<EtcdCluster> {
  if (config.endpoints.length === 0)
    throw new Refusal(
      `The etcd cluster ${config.name} has no endpoints.`,
      'Name at least one client URL under its endpoints.',
    );
  for (const endpoint of [...config.endpoints, ...(config.metricsUrls ?? [])])
    if (!isEndpoint(endpoint))
      throw new Refusal(
        `${endpoint} in etcd cluster ${config.name} is no client URL.`,
        'Write it as https://10.0.0.1:2379.',
      );
  const { snapshots: settings } = config;
  const snapshots =
    settings === undefined
      ? null
      : {
          settings,
          storage: await openStorage(settings.place, config.name),
          openScratch: scratchWith(config.auth),
        };
  return new Connection(config, await readCredentials(config.tls), credentialsCheckMs, snapshots);
}

/** Loaded when the first drill asks for it. */
function scratchWith(auth: EtcdClusterConfig['auth']): OpenScratch {
  return async (...scratch) => {
    const { scratchOpener } = await import('../snapshot/scratch-client.ts');
    return await scratchOpener(auth)(...scratch);
  };
}

class Connection implements EtcdCluster {
  readonly name: string;
  readonly membership: Membership;
  readonly upkeep: Upkeep;
  readonly keys: Keys;
  readonly rights: Rights;
  readonly eventsPrefix: string;
  readonly snapshots: SnapshotKeeping | null;
  private readonly config: EtcdClusterConfig;
  private readonly timeoutMs: number;
  private readonly configured: readonly string[];
  private readonly clients = new Map<string, MemberClient>();
  private readonly token: ClusterToken;
  /** The member that last answered at an endpoint, so that the next look asks every member at once. */
  private readonly memberAt = new Map<string, string>();
  private readonly failingSince = new Map<string, string>();
  private readonly credentialsCheckMs: number;
  private readonly retired = new Set<() => void>();
  private credentials: Credentials;
  private credentialsCheckedAt = Date.now();
  private staleCredentials: string | undefined;
  private metricsReader: MetricsReader;
  private lastMetrics: { readonly at: number; readonly reads: readonly MetricsRead[] } | undefined;
  private latestReads: readonly MetricsRead[] = [];
  private lastMembers: readonly Member[] | null = null;
  private preferred: string | undefined;
  private readonly recentLook = new RecentLook();

  constructor(
    config: EtcdClusterConfig,
    credentials: Credentials,
    credentialsCheckMs: number,
    snapshots: SnapshotKeeping | null,
  ) {
    this.snapshots = snapshots;
    this.credentialsCheckMs = credentialsCheckMs;
    this.name = config.name;
    this.config = config;
    this.timeoutMs = config.requestTimeoutMs ?? 1000;
    this.token = new ClusterToken(config.auth, this.timeoutMs, () =>
      this.knownEndpoints().map((endpoint) => this.client(endpoint)),
    );
    this.configured = [...new Set(config.endpoints.map(canonicalEndpoint))];
    this.credentials = credentials;
    this.metricsReader = createMetricsReader(credentials);
    const route: MemberRoute = {
      client: (endpoint) => this.client(endpoint),
      carry: (call) => this.token.carry(call),
      askAny: (call) => this.askAny(this.knownEndpoints(), call),
    };
    const changing: MemberRoute = { ...route, carry: (call) => this.recentLook.changing(() => route.carry(call)) };
    this.membership = createMembership(changing);
    this.upkeep = createUpkeep(changing, this.timeoutMs);
    this.keys = createKeys(changing);
    this.rights = createRights(route, this.timeoutMs);
    this.eventsPrefix = config.eventsPrefix ?? '/registry/events/';
  }

  async seePeers(peerUrls: PeerUrls): Promise<PeersSeen> {
    return await probePeers(peerUrls, this.config, this.timeoutMs);
  }

  async seeListeners(clientUrls: readonly string[]): Promise<PeersSeen> {
    return await probePeers({ members: clientUrls, fresh: [] }, { tls: this.config.tls }, this.timeoutMs);
  }

  async servesV2(endpoint: string): Promise<boolean | null> {
    return await servesV2(endpoint, this.credentials, this.timeoutMs);
  }

  async *streamSnapshot(endpoint: string, limits: StreamLimits): AsyncGenerator<SnapshotPart> {
    await this.refreshCredentials();
    await this.token.ensure();
    // A token that is no longer known is refused before the first piece.
    const begun = await this.token.carry(async () => {
      const parts = this.client(endpoint).snapshot(limits)[Symbol.asyncIterator]();
      return { parts, first: await parts.next() };
    });
    try {
      for (let part = begun.first; part.done !== true; part = await begun.parts.next()) yield part.value;
    } finally {
      await begun.parts.return?.();
    }
  }

  async see(signal?: AbortSignal, age: MetricsAge = 'recent'): Promise<ClusterSeen> {
    signal?.throwIfAborted();
    const recent = age === 'at-once' ? this.recentLook.at(performance.now()) : undefined;
    if (recent !== undefined) return recent;
    const keepLook = this.recentLook.begin(performance.now());
    if (age === 'fresh') this.lastMetrics = undefined;
    await this.refreshCredentials();
    const authFailure = await this.token.ensure();
    signal?.throwIfAborted();
    const known = this.knownEndpoints();
    // Clients are made before the clock runs: the first ones load code and parse certificates.
    for (const endpoint of known) this.client(endpoint);
    const deadline = new Date(Date.now() + this.timeoutMs);
    const asking = new Map(known.map((endpoint) => [endpoint, this.ask(endpoint, deadline)]));
    const alarming = settled(this.askAny(known, (client) => client.alarms(deadline)));
    const isKnown =
      (age === 'last' || age === 'at-once') &&
      known.every((endpoint) => this.latestReads.some((read) => read.endpoint === endpoint));
    const metering = isKnown || this.metricsAreCurrent() ? undefined : this.readMetrics(known);
    const listed = await settled(this.askAny(known, (client) => client.memberList(deadline)));
    const members = listed.value ?? null;
    for (const endpoint of this.unaskedEndpoints(members ?? [], known))
      asking.set(endpoint, this.ask(endpoint, deadline));
    const asked = await Promise.all(asking.values());
    const alarms = await alarming;
    this.remember(asked, members);
    // What was read before a member came or went does not know of it.
    if (members !== null && listing(members) !== listing(this.lastMembers ?? [])) this.lastMetrics = undefined;
    this.lastMembers = members ?? this.lastMembers;
    const metrics = isKnown ? this.latestReads : await this.currentMetrics(asked, metering);
    this.latestReads = metrics;
    const seen: ClusterSeen = {
      cluster: this.name,
      seenFrom: hostname(),
      requestTimeoutMs: this.timeoutMs,
      configuredEndpoints: this.configured,
      tls: this.config.tls ?? {},
      username: this.config.auth?.username ?? null,
      configuredQuotaBytes: this.config.quotaBytes ?? null,
      members,
      lastMembers: this.lastMembers,
      ...(listed.failure === undefined ? {} : { membersFailure: listed.failure }),
      asked,
      alarms: alarms.value ?? null,
      ...(alarms.failure === undefined ? {} : { alarmsFailure: alarms.failure }),
      metrics,
      clientCertificate: this.credentials.clientCertificate,
      trustedCas: this.credentials.trustedCas,
      ...(authFailure === undefined ? {} : { authFailure }),
      ...(this.staleCredentials === undefined ? {} : { staleCredentials: this.staleCredentials }),
    };
    keepLook(seen);
    return seen;
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
    for (const closeRetired of this.retired) closeRetired();
    this.clients.clear();
    this.retired.clear();
    this.metricsReader.close();
    this.snapshots?.storage.close();
  }

  /** Asks one endpoint for its status; where that fails or is slow, a probe tells why, within the same deadline. */
  private async ask(endpoint: string, deadline: Date): Promise<Asked> {
    const startedAt = performance.now();
    let probing: Promise<Probe> | undefined;
    const probe = () => (probing ??= probeEndpoint(endpoint, this.credentials, deadline.getTime() - Date.now()));
    const call = () => settled(this.token.carry(() => this.client(endpoint).status(deadline)));
    let slow: NodeJS.Timeout | undefined;
    const outdone = new Promise<undefined>((resolve) => {
      slow = setTimeout(async () => {
        if (isWelcome(await probe()) && !this.client(endpoint).isConnected()) resolve(undefined);
      }, this.timeoutMs * 0.4);
    });
    let answer = await Promise.race([call(), outdone]);
    clearTimeout(slow);
    // A channel repeats its last error, or sticks to a connection that comes to nothing, while the probe has just got in.
    if (
      answer === undefined ||
      (answer.failure?.code === 14 && isWelcome(await probe()) && Date.now() < deadline.getTime())
    ) {
      this.dropClient(endpoint);
      answer = await call();
    }
    const tookMs = Math.round(performance.now() - startedAt);
    const lastMemberId = this.memberAt.get(endpoint);
    const base = {
      endpoint,
      isConfigured: this.configured.includes(endpoint),
      tookMs,
      ...(lastMemberId === undefined ? {} : { lastMemberId }),
    };
    if (answer.value !== undefined) {
      this.failingSince.set(endpoint, '');
      return { ...base, status: answer.value };
    }
    // A connection whose other end went silent would stay until TCP gives up, a quarter of an hour later.
    if (answer.failure.kind === 'deadline' && this.client(endpoint).isConnected()) this.dropClient(endpoint);
    const since = this.noteFailure(endpoint);
    const seen = probing === undefined && !needsProbe(answer.failure) ? undefined : await probe();
    return {
      ...base,
      failure: answer.failure,
      ...(seen === undefined ? {} : { probe: seen }),
      ...(since === '' ? {} : { failingSince: since }),
    };
  }

  /** @returns when the endpoint first failed after it had answered; '' when it never answered to this process */
  private noteFailure(endpoint: string): string {
    const known = this.failingSince.get(endpoint);
    if (known === undefined) return '';
    const since = known === '' ? new Date().toISOString() : known;
    this.failingSince.set(endpoint, since);
    return since;
  }

  private async askAny<T>(endpoints: readonly string[], call: (client: MemberClient) => Promise<T>): Promise<T> {
    const first = this.preferred;
    const inOrder =
      first === undefined || !endpoints.includes(first)
        ? endpoints
        : [first, ...endpoints.filter((other) => other !== first)];
    return await firstAnswer(inOrder, this.timeoutMs / 8, (endpoint) =>
      this.token.carry(() => call(this.client(endpoint))),
    );
  }

  private client(endpoint: string): MemberClient {
    const known = this.clients.get(endpoint);
    if (known !== undefined) return known;
    const client = createMemberClient(endpoint, this.credentials, this.token);
    this.clients.set(endpoint, client);
    return client;
  }

  private dropClient(endpoint: string): void {
    const client = this.clients.get(endpoint);
    this.clients.delete(endpoint);
    if (client !== undefined) this.retire(() => client.close());
  }

  /** Another look may be in the middle of a call: what is replaced is closed once every such call has ended. */
  private retire(close: () => void): void {
    this.retired.add(close);
    setTimeout(() => {
      if (this.retired.delete(close)) close();
    }, 2 * this.timeoutMs).unref();
  }

  /** The configured endpoints and those found before, except where a configured one leads to the same member. */
  private knownEndpoints(): string[] {
    const reached = new Set(this.configured.map((endpoint) => this.memberAt.get(endpoint)));
    const found = [...this.memberAt].filter(
      ([endpoint, id]) => !this.configured.includes(endpoint) && !reached.has(id),
    );
    return [...this.configured, ...found.map(([endpoint]) => endpoint)];
  }

  /** Client URLs of members that none of the endpoints asked so far is known to lead to. */
  private unaskedEndpoints(members: readonly Member[], asked: readonly string[]): string[] {
    const reached = new Set(asked.map((endpoint) => this.memberAt.get(endpoint)));
    const unasked = members
      .filter((member) => !reached.has(member.id))
      .map((member) => member.clientUrls.filter(isEndpoint).map(canonicalEndpoint))
      .filter((urls) => !urls.some((url) => asked.includes(url)));
    return [...new Set(unasked.flat())];
  }

  private remember(asked: readonly Asked[], members: readonly Member[] | null): void {
    for (const { endpoint, status } of asked) if (status !== undefined) this.memberAt.set(endpoint, status.memberId);
    if (members !== null) {
      // A removed member is not asked for again; its client is closed unless the configuration names it.
      for (const [endpoint, id] of this.memberAt)
        if (!members.some((member) => member.id === id)) {
          this.memberAt.delete(endpoint);
          if (!this.configured.includes(endpoint)) this.dropClient(endpoint);
        }
    }
    const leader = asked.find(({ status }) => status !== undefined && status.memberId === status.leaderId);
    this.preferred = leader?.endpoint ?? asked.find(({ status }) => status !== undefined)?.endpoint;
  }

  private metricsAreCurrent(): boolean {
    return this.lastMetrics !== undefined && performance.now() - this.lastMetrics.at < metricsReuseMs;
  }

  private async readMetrics(endpoints: readonly string[]): Promise<readonly MetricsRead[]> {
    const urls = this.config.metricsUrls ?? [];
    return await Promise.all([
      ...urls.map((url) => this.metricsReader.read(url, this.timeoutMs)),
      ...endpoints.map(async (endpoint) => ({
        ...(await this.metricsReader.read(endpoint, this.timeoutMs)),
        endpoint,
      })),
    ]);
  }

  /** When a member does not answer, what the others see of it has to be fresh; else a recent reading does. */
  private async currentMetrics(
    asked: readonly Asked[],
    metering: Promise<readonly MetricsRead[]> | undefined,
  ): Promise<readonly MetricsRead[]> {
    const answering = asked.filter(({ status }) => status !== undefined).map(({ endpoint }) => endpoint);
    const isRecent = this.metricsAreCurrent() && metering === undefined && answering.length === asked.length;
    const early = isRecent ? (this.lastMetrics?.reads ?? []) : ((await metering) ?? []);
    const missing = answering.filter((endpoint) => !early.some((read) => read.endpoint === endpoint));
    if (isRecent && missing.length === 0) return early;
    const reads = [...early, ...(await this.readMetrics(missing))];
    const isCalm = asked.every(({ status }) => status?.errors.length === 0) && reads.every(showsNoBrokenLink);
    this.lastMetrics = isCalm ? { at: performance.now(), reads } : undefined;
    return reads;
  }

  /** A renewed certificate is taken up; a broken one is told, and the one read before stays in use. */
  private async refreshCredentials(): Promise<void> {
    if (this.config.tls === undefined || Date.now() - this.credentialsCheckedAt < this.credentialsCheckMs) return;
    this.credentialsCheckedAt = Date.now();
    const stamp = await stampOf(this.config.tls);
    if (stamp === this.credentials.stamp) {
      this.staleCredentials = undefined;
      return;
    }
    try {
      this.credentials = await readCredentials(this.config.tls);
      this.staleCredentials = undefined;
      for (const endpoint of [...this.clients.keys()]) this.dropClient(endpoint);
      const { metricsReader } = this;
      this.retire(() => metricsReader.close());
      this.metricsReader = createMetricsReader(this.credentials);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.staleCredentials = error.message;
    }
  }
}

const listing = (members: readonly Member[]) => members.map(({ id, name }) => `${id} ${name}`).join();

/** Whether the probe got in: its certificate and ours taken, HTTP/2 spoken. */
function isWelcome({ speaks, error, authorizationError, speaksOtherScheme }: Probe): boolean {
  return speaks === 'http2' && error === '' && authorizationError === '' && !speaksOtherScheme;
}

/** Metrics that tell of a trouble are not kept: it may be over by the next look. */
function showsNoBrokenLink({ metrics }: MetricsRead): boolean {
  return Object.values(metrics?.activePeers ?? {}).every((isActive) => isActive);
}

/** Whether a connection attempt can tell more than the failed call does. */
function needsProbe(failure: Failure): boolean {
  return failure.code === 14 || failure.kind === 'not-etcd' || failure.kind === 'deadline' || failure.kind === 'other';
}

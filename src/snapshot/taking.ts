import { randomBytes } from 'node:crypto';
import type { EtcdCluster, SnapshotKeeping } from '../etcd/client.ts';
import { failureOf } from '../etcd/failure.ts';
import { grantRoot } from '../etcd/grants.ts';
import { type MemberView, viewCluster } from '../etcd/view.ts';
import type { Context } from '../job.ts';
import { Refusal } from '../refusal.ts';
import { formatBytes } from '../report/text.ts';
import { messageOf } from '../thrown.ts';
import { beyondKeeping, isGood, readCatalogue, removeSnapshot, writeFacts } from './catalogue.ts';
import { Damage } from './damage.ts';
import { DatabaseCheck } from './database-check.ts';
import { fileNames, markOf, nameOfFile, readFacts, type SnapshotFacts, snapshotName } from './facts.ts';
import { keyIdOf, seal, sealedBytes } from './sealing.ts';
import { chooseSource, type SnapshotSource } from './source.ts';
import type { SnapshotStorage, StoredFile } from './storage.ts';

/** A snapshot that is wanted. */
export type SnapshotWish = {
  /** The cluster's name in the config. */
  readonly cluster: string;
  /** Of the request (a ticket, a change with its step, a time of the schedule): however often it is asked for, one snapshot is made. */
  readonly id: string;
  readonly why: SnapshotFacts['why'];
};

/** A snapshot that was taken and verified. */
export type Taken = {
  readonly facts: SnapshotFacts;
  readonly where: string;
  /** It had been taken before, under the same id. */
  readonly isKnown: boolean;
  /** Names of those that went, beyond what is to be kept. */
  readonly removed: readonly string[];
  /** What went wrong afterwards and costs the snapshot nothing. */
  readonly remarks: readonly string[];
};

export type TakingContext = Pick<Context, 'clients' | 'now' | 'signal' | 'progress'>;

/** What was begun by somebody and not touched for so long is nobody's any more. */
const abandonedAfterMs = 3_600_000;
/** How long a member may send nothing. */
const stalledAfterMs = 30_000;
const mebi = 1024 ** 2;

/** How long a stream may take: 2 minutes and 200 ms a megabyte, which is 5 MB a second. */
export function streamTimeoutMs(databaseBytes: number): number {
  return 120_000 + Math.ceil(databaseBytes / mebi) * 200;
}

/**
 * Takes a snapshot of a cluster, verified and encrypted as it passes, and gives it back once it counts; one that was taken under the same id before is
 * given back as it is. Changes nothing in etcd. May be called again after a crash: what the crash left is removed.
 * @throws Refusal where no snapshot came of it: then nothing of it is left
 */
export async function takeSnapshot(wish: SnapshotWish, context: TakingContext): Promise<Taken> {
  const { now, signal } = context;
  const etcd = await context.clients.etcd(wish.cluster);
  const keeping = requireKeeping(etcd);
  const { storage } = keeping;
  const known = await knownSnapshot(storage, wish.id);
  if (known !== undefined) return { facts: known, where: storage.where, isKnown: true, removed: [], remarks: [] };

  const before = viewCluster(await etcd.see(signal));
  const source = chooseSource(before);
  await clearUnfinished(storage, wish.id, now());
  await requireSpace(storage, source);
  const v2 = await etcd.servesV2(source.endpoint);
  const startedAt = now();
  const copy = await store(etcd, keeping, source, snapshotName(wish.id, startedAt), context);
  // Another worker may have been as far: one request, one snapshot.
  const theirs = await knownSnapshot(storage, wish.id);
  if (theirs !== undefined) {
    await storage.remove(copy.file);
    return { facts: theirs, where: storage.where, isKnown: true, removed: [], remarks: [] };
  }
  const facts: SnapshotFacts = {
    version: 1,
    id: wish.id,
    why: wish.why,
    cluster: wish.cluster,
    clusterId: source.status.clusterId,
    etcdVersion: source.status.version,
    member: factsOfMember(source),
    members: before.members.flatMap((member) => (member.member === null ? [] : [factsOfMember(member)])),
    revision: source.status.revision,
    revisionAfter: (await revisionOf(etcd, source, signal)) ?? source.status.revision,
    ...copy,
    startedAt: startedAt.toISOString(),
    endedAt: now().toISOString(),
    v2,
    lastRead: null,
    lastDrill: null,
  };
  await writeFacts(storage, facts);
  return { facts, where: storage.where, isKnown: false, ...(await thinOut(keeping, now())) };
}

/** @throws Refusal where the config names no place for this cluster's snapshots */
export function requireKeeping({ name, snapshots }: EtcdCluster): SnapshotKeeping {
  if (snapshots !== null) return snapshots;
  throw new Refusal(
    `No place for snapshots of ${name} is configured.`,
    `Add etcd.clusters.${name}.snapshots to quorum.yaml: where to, and the key that they are encrypted with; docs/configuration.md has an example.`,
  );
}

/** The snapshot that was taken under this id, where it counts and is not known to be bad. */
async function knownSnapshot(storage: SnapshotStorage, id: string): Promise<SnapshotFacts | undefined> {
  const files = (await storage.list()).map(({ name }) => name);
  for (const name of files.filter((file) => file.endsWith(`-${markOf(id)}.json`))) {
    const facts = readFacts(await storage.readText(name));
    if (facts?.id === id && files.includes(facts.file) && isGood(facts)) return facts;
  }
  return undefined;
}

/** What an earlier run of this request left, and what others left long ago. */
async function clearUnfinished(storage: SnapshotStorage, id: string, now: Date): Promise<void> {
  const isOurs = (file: string) => nameOfFile(file)?.endsWith(`-${markOf(id)}`) === true;
  const isAbandoned = ({ name, modifiedAt }: StoredFile) =>
    nameOfFile(name) !== undefined && now.getTime() - Date.parse(modifiedAt) > abandonedAfterMs;
  for (const file of await storage.unfinished())
    if (isOurs(file.name) || isAbandoned(file)) await storage.removeUnfinished(file.name);
  for (const file of (await readCatalogue(storage)).strays)
    if (isOurs(file.name) || isAbandoned(file)) await storage.remove(file.name);
}

/** @throws Refusal where it is known that it would not fit */
async function requireSpace(storage: SnapshotStorage, { status }: SnapshotSource): Promise<void> {
  const freeBytes = await storage.freeBytes();
  const neededBytes = sealedBytes(status.dbSizeBytes);
  if (freeBytes === null || freeBytes >= neededBytes) return;
  throw new Refusal(
    `The disk is too full: the snapshot takes ${formatBytes(neededBytes)}, and ${formatBytes(freeBytes)} are free in ${storage.where}.`,
    'Free some, or name another place under snapshots.to in quorum.yaml. Nothing was begun.',
  );
}

/** Streams, verifies, encrypts and stores, a piece at a time; a file stands there only when all of it has passed. */
async function store(
  etcd: EtcdCluster,
  { settings, storage }: SnapshotKeeping,
  source: SnapshotSource,
  name: string,
  context: TakingContext,
): Promise<Pick<SnapshotFacts, 'name' | 'file' | 'bytes' | 'sha256' | 'storedBytes' | 'keyId'>> {
  const [key] = settings.keys;
  const check = new DatabaseCheck();
  const plain = streamed(etcd, source, check, context);
  const file = key === undefined ? fileNames.plain(name) : fileNames.sealed(name);
  const stored = key === undefined ? plain : seal(plain, key, randomBytes(32));
  const storedBytes = await storage.write(file, stored, context.signal);
  return { name, file, ...check.finish(), storedBytes, keyId: key === undefined ? null : keyIdOf(key) };
}

/**
 * The bytes of the stream, looked at as they pass.
 * @throws Refusal at its end where they are not a whole snapshot, so that whoever stores them does not keep them
 */
async function* streamed(
  etcd: EtcdCluster,
  { label, endpoint, status }: SnapshotSource,
  check: DatabaseCheck,
  { signal, progress }: TakingContext,
): AsyncGenerator<Uint8Array> {
  const timeoutMs = streamTimeoutMs(status.dbSizeBytes);
  let doneBytes = 0;
  let remaining: number | undefined;
  try {
    for await (const part of etcd.streamSnapshot(endpoint, { signal, timeoutMs, stalledAfterMs })) {
      check.take(part.bytes);
      doneBytes += part.bytes.length;
      remaining = part.remainingBytes;
      progress(Math.floor(doneBytes / mebi), Math.ceil((doneBytes + remaining) / mebi), `MiB streamed from ${label}`);
      yield part.bytes;
    }
  } catch (error) {
    signal.throwIfAborted();
    const { kind, said } = failureOf(error);
    const isPermission = kind === 'permission' || kind.startsWith('auth');
    throw new Refusal(
      `The snapshot was refused: ${label} ended the stream after ${formatBytes(doneBytes)}: ${said}.`,
      isPermission
        ? `The etcd user of the config has to be one with the role root: etcd.clusters.${etcd.name}.auth.${kind === 'permission' ? ` Grant it with ${grantRoot}, or name another; then ask again.` : ''}`
        : 'Nothing of it was kept. `/etcd health` tells how the member is; then ask again.',
    );
  }
  try {
    if (remaining !== 0) throw new Damage(`${formatBytes(remaining ?? 0)} of it did not come`);
    check.finish();
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    throw new Refusal(
      `The snapshot was refused: what ${label} sent is not whole: ${error.message}.`,
      'Nothing of it was kept. `/etcd health` tells how the member is; then ask again.',
    );
  }
}

/** How far the store was by the time it was done; undefined where the member does not say. */
async function revisionOf(
  etcd: EtcdCluster,
  { status }: SnapshotSource,
  signal: AbortSignal,
): Promise<number | undefined> {
  const seen = await etcd.see(signal);
  return seen.asked.find((asked) => asked.status?.memberId === status.memberId)?.status?.revision;
}

function factsOfMember({ member, status, endpoint, label }: MemberView): SnapshotFacts['member'] {
  return {
    id: member?.id ?? status?.memberId ?? '',
    name: member?.name ?? label,
    peerUrls: [...(member?.peerUrls ?? [])],
    clientUrls: [...(member?.clientUrls ?? (endpoint === null ? [] : [endpoint]))],
  };
}

/** Removes what is beyond the limits. The new snapshot counts by now: what goes wrong here is only told. */
async function thinOut({ settings, storage }: SnapshotKeeping, now: Date): Promise<Pick<Taken, 'removed' | 'remarks'>> {
  const removed: string[] = [];
  try {
    for (const old of beyondKeeping(await readCatalogue(storage), settings.keep, now)) {
      await removeSnapshot(storage, old);
      removed.push(old.name);
    }
    return { removed, remarks: [] };
  } catch (error) {
    return { removed, remarks: [`Older snapshots could not be removed: ${messageOf(error)}`] };
  }
}

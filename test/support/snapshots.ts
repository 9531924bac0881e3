import { createHash, randomBytes } from 'node:crypto';
import type { Config } from '../../src/config.ts';
import { type SnapshotsConfig, snapshotsConfig } from '../../src/snapshot/config.ts';
import type { SnapshotFacts } from '../../src/snapshot/facts.ts';

/** A key as the config has it, the same in every run. */
export const testKey = Buffer.alloc(32, 7).toString('base64');

/** `snapshots:` of a cluster in the config: into this folder, encrypted, and whatever else is said. */
export function snapshotsTo(directory: string, more: Partial<SnapshotsConfig> = {}): SnapshotsConfig {
  return { ...snapshotsConfig.parse({ to: { directory }, encryption: { key: testKey } }), ...more };
}

/** The same config with snapshots for one of its clusters. */
export function withSnapshots(config: Config, cluster: string, snapshots: SnapshotsConfig): Config {
  const found = config.etcd.clusters[cluster];
  if (found === undefined) throw new Error(`there is no cluster ${cluster}`);
  return { ...config, etcd: { clusters: { ...config.etcd.clusters, [cluster]: { ...found, snapshots } } } };
}

/** Bytes that pass for a snapshot of etcd: both meta pages, and the sha256 behind. */
export function databaseBytes(pages = 4, pageBytes = 4096): Buffer {
  const database = randomBytes(pages * pageBytes);
  for (const page of [0, pageBytes]) {
    database.writeUInt32LE(0xed0cdaed, page + 16);
    database.writeUInt32LE(2, page + 20);
    database.writeUInt32LE(pageBytes, page + 24);
  }
  return Buffer.concat([database, createHash('sha256').update(database).digest()]);
}

/** Bytes in pieces of a size, as a stream gives them. */
export async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function joined(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Facts of a snapshot that was taken on this day of November 2026, at three. */
export function factsOn(day: number, more: Partial<SnapshotFacts> = {}): SnapshotFacts {
  const name = `202611${String(day).padStart(2, '0')}T030000Z-0000000${day % 10}`;
  const at = `2026-11-${String(day).padStart(2, '0')}T03:00:00.000Z`;
  const member = {
    id: 'a1',
    name: 'etcd-1',
    peerUrls: ['https://10.0.0.1:2380'],
    clientUrls: ['https://10.0.0.1:2379'],
  };
  return {
    version: 1,
    name,
    id: `ticket-${day}`,
    why: 'asked',
    cluster: 'prod',
    clusterId: 'c1',
    etcdVersion: '3.4.23',
    member,
    members: [member],
    revision: day * 100,
    revisionAfter: day * 100,
    bytes: 20_512,
    sha256: 'ab'.repeat(32),
    file: `${name}.db.sealed`,
    storedBytes: 20_700,
    keyId: '0a1b2c3d',
    startedAt: at,
    endedAt: at,
    v2: null,
    lastRead: null,
    lastDrill: null,
    ...more,
  };
}

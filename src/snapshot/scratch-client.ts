import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readSync } from 'node:fs';
import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { fromJSON, type MethodDefinition } from '@grpc/proto-loader';
import { Refusal } from '../refusal.ts';
import { formatBytes } from '../report/text.ts';
import { messageOf } from '../thrown.ts';
import type { OpenScratch, Scratch } from './drill.ts';
import type { SnapshotFacts } from './facts.ts';
import { KeyTally, type StoredKey, sumDatabase } from './key-digest.ts';

/** Where a file system in memory is, on Linux: what is restored is in the clear. */
const memoryFolder = '/dev/shm';
/** The file, and the member's folder with its log of writes. */
const spaceFactor = 2.2;
const logBytes = 192 * 1024 ** 2;
const readyWithinMs = 60_000;
const pageOfKeys = 100;

/** Finds the programs on PATH and restores with them: into a folder 0700, in memory where it fits; the member listens on sockets in it. */
export function scratchOpener(
  auth: { readonly username: string; readonly password: string } | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): OpenScratch {
  return async (database, facts, signal) => {
    const tools = findTools(environment);
    await demandVersion(tools.server, facts, environment);
    const folder = await mkdtemp(join(await roomyFolder(facts), 'quorum-drill-'));
    let member: ChildProcess | undefined;
    const close = async () => {
      await endProcess(member);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    };
    try {
      const file = join(folder, 'snapshot.db');
      await store(file, database);
      const expected = sumFile(file);
      await run(tools.restore, restoreWords(file), folder, environment, signal);
      await rm(file);
      member = spawn(tools.server, serverWords, { cwd: folder, env: cleaned(environment), stdio: 'ignore' });
      const restored = await untilReady(member, join(folder, socket), auth, signal);
      return {
        etcdVersion: restored.version,
        revision: restored.revision,
        expected,
        readKeys: (revision, until) => restored.readKeys(revision, until),
        async close() {
          restored.close();
          await close();
        },
      } satisfies Scratch;
    } catch (error) {
      await close();
      throw error;
    }
  };
}

/** etcd makes a socket of that name in the folder where it runs: nobody but its user gets in. */
const socket = 'client:1';
const url = 'http://127.0.0.1:1';
const serverWords = [
  ...['--name', 'drill', '--data-dir', 'data', '--log-level', 'error'],
  ...['--listen-client-urls', `unix://${socket}`, '--advertise-client-urls', url],
  ...['--listen-peer-urls', 'unix://peer:1', '--initial-advertise-peer-urls', url, '--initial-cluster', `drill=${url}`],
  ...['--quota-backend-bytes', String(16 * 1024 ** 3), '--heartbeat-interval', '50', '--election-timeout', '500'],
];

const restoreWords = (file: string) => [
  ...['snapshot', 'restore', file, '--name', 'drill', '--data-dir', 'data'],
  ...['--initial-cluster', `drill=${url}`, '--initial-advertise-peer-urls', url],
];

type Tools = { readonly server: string; readonly restore: string };

/** @throws Refusal where a program is missing */
function findTools(environment: NodeJS.ProcessEnv): Tools {
  const find = (name: string) =>
    (environment.PATH ?? '')
      .split(delimiter)
      .map((folder) => join(folder, name))
      .find(isExecutable);
  const server = find('etcd');
  const restore = find('etcdutl') ?? find('etcdctl');
  if (server !== undefined && restore !== undefined) return { server, restore };
  throw new Refusal(
    `A drill needs the programs of etcd beside the worker, and ${server === undefined ? 'etcd' : 'etcdutl or etcdctl'} is not on its PATH.`,
    'Install etcd of the cluster’s version there (only the programs: nothing is to run), or drill by hand: docs/restore.md.',
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** An older etcd may not read what a newer one wrote. */
async function demandVersion(server: string, facts: SnapshotFacts, environment: NodeJS.ProcessEnv): Promise<void> {
  const said = await output(server, ['--version'], undefined, environment);
  const version = /etcd Version: (\d+)\.(\d+)/.exec(said);
  const needed = /^(\d+)\.(\d+)/.exec(facts.etcdVersion);
  if (version === null || needed === null) return;
  const rank = (found: RegExpExecArray) => Number(found[1]) * 1000 + Number(found[2]);
  if (rank(version) >= rank(needed)) return;
  throw new Refusal(
    `The snapshot is of etcd ${facts.etcdVersion}, and the etcd beside the worker is ${version[1]}.${version[2]}: too old to restore it.`,
    'Install etcd of the cluster’s version beside the worker.',
  );
}

/** Memory first, the temporary folder else. @throws Refusal where neither has the room */
async function roomyFolder({ bytes }: SnapshotFacts): Promise<string> {
  const needed = bytes * spaceFactor + logBytes;
  for (const folder of [memoryFolder, tmpdir()]) {
    const found = await statfs(folder).catch(() => undefined);
    if (found !== undefined && found.bavail * found.bsize > needed) return folder;
  }
  throw new Refusal(
    `A drill of this snapshot needs ${formatBytes(Math.ceil(needed))} for a while, and neither ${memoryFolder} nor ${tmpdir()} has that free.`,
    'Free some, or point TMPDIR of the worker to where there is more.',
  );
}

async function store(file: string, database: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    for await (const bytes of database) await handle.writeFile(bytes);
  } finally {
    await handle.close();
  }
}

function sumFile(file: string): ReturnType<typeof sumDatabase> {
  const descriptor = openSync(file, 'r');
  try {
    return sumDatabase((at, bytes) => {
      const buffer = Buffer.alloc(bytes);
      return buffer.subarray(0, readSync(descriptor, buffer, 0, bytes, at));
    });
  } finally {
    closeSync(descriptor);
  }
}

/** A setting of the worker's own etcd, given as a variable, would stop this one. */
function cleaned(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(
    ([name]) => !/^ETCD(CTL|UTL)?_/.test(name) || name === 'ETCD_UNSUPPORTED_ARCH',
  );
  return { ...Object.fromEntries(kept), ETCDCTL_API: '3' };
}

async function run(
  program: string,
  words: readonly string[],
  folder: string,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<void> {
  try {
    await output(program, words, folder, environment, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new Refusal(
      `The restore failed: ${messageOf(error).split('\n').slice(-3).join(' ').slice(0, 300)}`,
      'Look at the versions: etcd beside the worker has to be that of the cluster.',
    );
  }
}

function output(
  program: string,
  words: readonly string[],
  folder: string | undefined,
  environment: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      program,
      [...words],
      { cwd: folder, env: cleaned(environment), maxBuffer: 1024 ** 2, ...(signal === undefined ? {} : { signal }) },
      (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(new Error(stderr.trim() || error.message))),
    );
  });
}

/** SIGTERM, and SIGKILL where that does not do. */
async function endProcess(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
  await ended;
  clearTimeout(timer);
}

type Restored = {
  readonly version: string;
  readonly revision: number;
  readKeys(revision: number, signal: AbortSignal): ReturnType<Scratch['readKeys']>;
  close(): void;
};

async function untilReady(
  member: ChildProcess,
  path: string,
  auth: { readonly username: string; readonly password: string } | undefined,
  signal: AbortSignal,
): Promise<Restored> {
  const client = new grpc.Client(`unix:${path}`, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 200,
  });
  const giveUpAt = Date.now() + readyWithinMs;
  const metadata = new grpc.Metadata();
  for (;;) {
    signal.throwIfAborted();
    if (member.exitCode !== null || Date.now() > giveUpAt) {
      client.close();
      throw new Refusal(
        member.exitCode === null
          ? `The restored member was not ready within ${readyWithinMs / 1000} s.`
          : `The restored member ended at its start (exit code ${member.exitCode}).`,
        'Look at the versions: etcd beside the worker has to be that of the cluster.',
      );
    }
    try {
      const { version } = await call(client, methods.Status, {}, metadata);
      if (auth !== undefined) {
        const { token } = await call(
          client,
          methods.Authenticate,
          { name: auth.username, password: auth.password },
          metadata,
        );
        if (token !== '') metadata.set('token', token);
      }
      const { header } = await call(
        client,
        methods.Range,
        { key: Buffer.from([0]), limit: '1', keys_only: true },
        metadata,
      );
      return {
        version,
        revision: Number(header?.revision ?? 0),
        readKeys: (revision, until) => readKeys(client, metadata, revision, until),
        close: () => client.close(),
      };
    } catch (error) {
      // Without authentication there is no token to be had, and none is needed.
      if (auth !== undefined && /authentication is not enabled/.test(messageOf(error))) {
        client.close();
        return await untilReady(member, path, undefined, signal);
      }
      await wait(50);
    }
  }
}

async function readKeys(client: grpc.Client, metadata: grpc.Metadata, revision: number, signal: AbortSignal) {
  const tally = new KeyTally();
  let key = Buffer.from([0]);
  for (;;) {
    signal.throwIfAborted();
    const request = { key, range_end: Buffer.from([0]), limit: String(pageOfKeys), revision: String(revision) };
    const { kvs, more } = await call(client, methods.Range, request, metadata);
    for (const { key: name, value, create_revision, mod_revision, version, lease } of kvs) {
      const stored: StoredKey = {
        key: name,
        value,
        createRevision: create_revision,
        modRevision: mod_revision,
        version,
        lease,
      };
      tally.add(stored);
    }
    const last = kvs.at(-1);
    if (!more || last === undefined) return tally.totals();
    key = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

function call<Request, Reply>(
  client: grpc.Client,
  method: MethodDefinition<Request, Reply>,
  request: Request,
  metadata: grpc.Metadata,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<Request, Reply>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + 30_000 },
      (error, reply) =>
        error === null && reply !== undefined ? resolve(reply) : reject(error ?? new Error('no reply')),
    );
  });
}

type WireKey = {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly create_revision: string;
  readonly mod_revision: string;
  readonly version: string;
  readonly lease: string;
};
type RangeRequest = {
  readonly key: Buffer;
  readonly range_end?: Buffer;
  readonly limit: string;
  readonly revision?: string;
  readonly keys_only?: boolean;
};
type Methods = {
  readonly Status: MethodDefinition<object, { readonly version: string }>;
  readonly Authenticate: MethodDefinition<
    { readonly name: string; readonly password: string },
    { readonly token: string }
  >;
  readonly Range: MethodDefinition<
    RangeRequest,
    { readonly header: { readonly revision: string } | null; readonly kvs: readonly WireKey[]; readonly more: boolean }
  >;
};

const methods = loadMethods();

/** The three calls that a drill makes; field numbers are those of etcd's api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto. */
function loadMethods(): Methods {
  const field = (type: string, id: number) => ({ type, id });
  const method = (name: string) => ({ requestType: `${name}Request`, responseType: `${name}Response`, comment: '' });
  const loaded = fromJSON(
    {
      nested: {
        etcdserverpb: {
          nested: {
            ResponseHeader: { fields: { revision: field('int64', 3) } },
            KeyValue: {
              fields: {
                key: field('bytes', 1),
                create_revision: field('int64', 2),
                mod_revision: field('int64', 3),
                version: field('int64', 4),
                value: field('bytes', 5),
                lease: field('int64', 6),
              },
            },
            RangeRequest: {
              fields: {
                key: field('bytes', 1),
                range_end: field('bytes', 2),
                limit: field('int64', 3),
                revision: field('int64', 4),
                keys_only: field('bool', 8),
              },
            },
            RangeResponse: {
              fields: {
                header: field('ResponseHeader', 1),
                kvs: { rule: 'repeated', ...field('KeyValue', 2) },
                more: field('bool', 3),
              },
            },
            StatusRequest: { fields: {} },
            StatusResponse: { fields: { version: field('string', 2) } },
            AuthenticateRequest: { fields: { name: field('string', 1), password: field('string', 2) } },
            AuthenticateResponse: { fields: { token: field('string', 2) } },
            KV: { methods: { Range: method('Range') } },
            Auth: { methods: { Authenticate: method('Authenticate') } },
            Maintenance: { methods: { Status: method('Status') } },
          },
        },
      },
    },
    { keepCase: true, longs: String, enums: String, defaults: true },
  );
  const service = (name: string): unknown => loaded[`etcdserverpb.${name}`];
  return {
    ...(service('KV') as Pick<Methods, 'Range'>),
    ...(service('Auth') as Pick<Methods, 'Authenticate'>),
    ...(service('Maintenance') as Pick<Methods, 'Status'>),
  };
}

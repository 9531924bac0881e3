import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { WebClient } from '@slack/web-api';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import type { Clusters } from '../../src/clusters-client.ts';
import type { EtcdCluster } from '../../src/etcd/client.ts';
import { etcdWith } from './etcd-fake.ts';

/** Where worker processes end themselves with SIGKILL, or stop themselves with SIGSTOP; each point once, whichever process is there. */
export type CrashPlan = {
  /**
   * `every call`: before each, and after each that changes anything; `every step`: when the proposal, the start, a step or the end is done,
   * before the record knows it.
   */
  readonly at: 'every call' | 'every step' | 'nowhere';
  /** Right before each of these calls a process stops itself, once. */
  readonly stopBefore?: readonly string[];
  /** Every call that was sent, one a line, by all the processes. */
  readonly callsPath: string;
  /** The points at which one has ended or stopped. */
  readonly reachedPath: string;
  /** None ends itself any more once this file is there. */
  readonly overPath: string;
};

/** What stands in a record as it is stored: how far it is. */
type Stored = {
  readonly state: string;
  readonly steps: readonly { readonly title: string; readonly state: string }[];
  readonly intent: object;
  readonly toldAt?: number;
};

/** Kept here and not in the bot: its own code holds no faults. To be called once, in the process that is to end. */
export function crashAt(plan: CrashPlan, prefix: string, clusters: Clusters): Clusters {
  const points = createPoints(plan);
  watchRedis(points, prefix);
  watchQueue(points);
  watchSlack(points);
  return watchedClusters(clusters, points);
}

/** Tells of the calls of one process, by names that come again in the next process where the same call is made. */
type Points = {
  around<Value>(call: string, send: () => Promise<Value>): Promise<Value>;
  /** The record is about to be stored so. */
  storing<Value>(record: Stored, send: () => Promise<Value>): Promise<Value>;
  /** Something is half done. */
  midway(point: string): void;
};

function createPoints(plan: CrashPlan): Points {
  let phase = 'asked';
  let times = new Map<string, number>();
  const wasReached = (point: string) =>
    existsSync(plan.reachedPath) && readFileSync(plan.reachedPath, 'utf8').split('\n').includes(point);

  function signalOnce(point: string, signal: 'SIGKILL' | 'SIGSTOP'): void {
    if (existsSync(plan.overPath) || wasReached(point)) return;
    appendFileSync(plan.reachedPath, `${point}\n`);
    process.kill(process.pid, signal);
  }

  function nameOf(call: string): string {
    const time = (times.get(call) ?? 0) + 1;
    times.set(call, time);
    return `[${phase}] ${call}${time === 1 ? '' : ` ${time}`}`;
  }

  async function around<Value>(sent: string, send: () => Promise<Value>): Promise<Value> {
    const call = named(sent);
    const name = nameOf(call);
    if (plan.stopBefore?.includes(call)) signalOnce(`stop before ${call}`, 'SIGSTOP');
    if (plan.at === 'every call') signalOnce(`before ${name}`, 'SIGKILL');
    appendFileSync(plan.callsPath, `${name}\n`);
    try {
      return await send();
    } finally {
      // After a look everything outside is as before it.
      if (plan.at === 'every call' && !isLook.test(call)) signalOnce(`after ${name}`, 'SIGKILL');
    }
  }

  return {
    around,
    midway(point) {
      if (plan.at !== 'nowhere') signalOnce(point, 'SIGKILL');
    },
    async storing(record, send) {
      const next = phaseOf(record);
      const done = record.steps.filter(({ state }) => state === 'done').length;
      // What was done is not written down yet.
      if (plan.at === 'every step' && ['proposed', 'started', 'done'].includes(record.state))
        signalOnce(`before storing ${record.state}, ${done} steps done`, 'SIGKILL');
      const value = await around(`store ${next}`, send);
      if (next !== phase) times = new Map();
      phase = next;
      return value;
    },
  };
}

/** Calls that change nothing outside. */
const isLook =
  /^(Redis get|etcd (look|peers|MemberList)|Slack (\w+\.(info|history|replies|getPermalink|list)|auth\.test))/;

/** Without what is another one in each run: a change's id, a ticket's, a message's. */
function named(call: string): string {
  return call.replace(/\bc-[0-9a-f]{8}\b/g, 'c').replace(/\bticket-[0-9a-f]{20}\b/g, 'ticket');
}

function phaseOf({ state, steps, intent, toldAt }: Stored): string {
  const current = steps.find((step) => step.state !== 'done');
  const at = current === undefined ? 'all steps done' : `${current.title} ${current.state}`;
  return `${state}, ${at}, ${Object.keys(intent).length} written${toldAt === undefined ? '' : ', told'}`;
}

function watchRedis(points: Points, prefix: string): void {
  const send = Redis.prototype.sendCommand;
  const seen = new WeakSet<object>();
  Redis.prototype.sendCommand = function (this: Redis, ...given: Parameters<typeof send>): unknown {
    const [command] = given;
    const args = command.args.map(String);
    const key = command.name === 'eval' ? args[2] : args[0];
    // Of what a change does; the periodic look at the space comes at its own time.
    const isOurs =
      key?.startsWith(`${prefix}:`) === true &&
      !key.startsWith(`${prefix}:space`) &&
      ['eval', 'get', 'set'].includes(command.name);
    // One that waited for the connection comes by again.
    if (!isOurs || seen.has(command)) return send.apply(this, given);
    seen.add(command);
    const forward = async () => await send.apply(this, given);
    const name = key.slice(prefix.length + 1);
    if (command.name === 'eval' && name.startsWith('change:'))
      return points.storing(JSON.parse(args[8] ?? ''), forward);
    const asked = `${command.name}${command.name === 'eval' ? ` ${args.length} arguments` : ''}`;
    return points.around(`Redis ${asked} ${name}`, forward);
  };
}

function watchQueue(points: Points): void {
  const add = Queue.prototype.add;
  Queue.prototype.add = function (this: Queue, ...given: Parameters<typeof add>) {
    return points.around('enqueue', () => add.apply(this, given));
  } as typeof add;
}

function watchSlack(points: Points): void {
  const apiCall = WebClient.prototype.apiCall;
  WebClient.prototype.apiCall = function (this: WebClient, ...given: Parameters<typeof apiCall>) {
    const [method, args] = given;
    const text = typeof args?.text === 'string' ? ` "${args.text.slice(0, 40)}"` : '';
    return points.around(`Slack ${method}${text}`, () => apiCall.apply(this, given));
  };
}

function watchedClusters(clusters: Clusters, points: Points): Clusters {
  const known = new Map<string, EtcdCluster>();
  return {
    ...clusters,
    async etcd(name) {
      const cluster = known.get(name) ?? watchedEtcd(await clusters.etcd(name), points);
      known.set(name, cluster);
      return cluster;
    },
  };
}

function watchedEtcd(etcd: EtcdCluster, points: Points): EtcdCluster {
  const { around } = points;
  const { membership, upkeep, keys } = etcd;
  return etcdWith(etcd, {
    see: (signal, age) => around('etcd look', () => etcd.see(signal, age)),
    seePeers: (urls) => around('etcd peers', () => etcd.seePeers(urls)),
    membership: {
      list: () => around('etcd MemberList', () => membership.list()),
      add: (at, request) => around('etcd MemberAdd', () => membership.add(at, request)),
      promote: (at, id) => around('etcd MemberPromote', () => membership.promote(at, id)),
      remove: (at, id) => around('etcd MemberRemove', () => membership.remove(at, id)),
      moveLeader: (at, id) => around('etcd MoveLeader', () => membership.moveLeader(at, id)),
    },
    upkeep: {
      ...upkeep,
      compact: (at, revision, timeoutMs) => around('etcd Compact', () => upkeep.compact(at, revision, timeoutMs)),
      defragment: (at, timeoutMs) => around('etcd Defragment', () => upkeep.defragment(at, timeoutMs)),
      disarmNoSpace: (at, id) => around('etcd Disarm', () => upkeep.disarmNoSpace(at, id)),
      put: (at, key, value) => around('etcd Put', () => upkeep.put(at, key, value)),
      remove: (at, key) => around('etcd Delete', () => upkeep.remove(at, key)),
    },
    keys: {
      ...keys,
      revoke: (at, id) => around('etcd LeaseRevoke', () => keys.revoke(at, id)),
      removeRange: (at, range) => around('etcd DeleteRange', () => keys.removeRange(at, range)),
    },
    async *streamSnapshot(endpoint, limits) {
      let pieces = 0;
      for await (const piece of etcd.streamSnapshot(endpoint, limits)) {
        yield piece;
        pieces += 1;
        if (pieces === 2) points.midway('in the middle of a snapshot');
      }
    },
  });
}

import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { connectIncidents } from '../../src/redis/incident-client.ts';
import { makeTrouble, seeded, type Trouble } from './chaos.ts';
import { type Conversation, startConversation } from './conversation.ts';
import { dyingPod } from './dying-pods.ts';
import { type KubernetesApi, startKubernetes } from './kubernetes/api.ts';
import { postedTwice } from './posts-made.ts';
import { makeFolder, removeFolder, waitFor } from './process.ts';
import { type RedisServer, startRedis } from './redis.ts';
import { startWorkers } from './worker-pool.ts';
import { startQuorum, writeConfig } from './worker-process.ts';

export type Deaths = {
  readonly kills: number;
  readonly workloads: number;
  /** Namespaces, each with a channel of its own. */
  readonly channels: number;
  readonly seed: number;
};

/** What was told, and what went wrong meanwhile. */
export type DeathsTold = {
  readonly threads: number;
  /** As the records count them. */
  readonly counted: number;
  /** As the first messages count them. */
  readonly told: number;
  readonly postedTwice: readonly string[];
  readonly troubles: Readonly<Record<string, number>>;
};

/**
 * Pods die one after another while the API server, Redis, Slack and the workers fail at random; back when all of it is mended and every
 * thread counts what died, or when it does not within its time.
 */
export async function dieInTrouble({ kills, workloads, channels, seed }: Deaths): Promise<DeathsTold> {
  const folder = makeFolder('quorum-watch-room');
  const [redis, api] = await Promise.all([startRedis({ appendonly: true, own: true }), startKubernetes()]);
  const kubeconfig = join(folder, 'kubeconfig');
  await api.writeKubeconfig(kubeconfig);
  const names = Array.from({ length: channels }, (_, index) => ({ id: `C0N${index}`, name: `n${index}` }));
  const room = await startConversation({
    redisUrl: redis.url,
    prefix: redis.prefix,
    kubeconfigs: { prod: kubeconfig },
    channels: names,
    halves: ['bot'],
    configure: (config) => ({
      ...config,
      watch: names.map(({ id, name }) => ({ channel: id, namespaces: [name], labels: {}, annotations: {} })),
      incidents: { ...config.incidents, burst: { incidents: 1000, within: 1000 } },
    }),
  });
  const configPath = join(folder, 'quorum.json');
  writeConfig(configPath, room.config);
  const workers = await startWorkers(2, () => startQuorum('worker', configPath));
  const random = seeded(seed);
  try {
    const trouble = makeTrouble(troublesOf(api, redis, room, workers, random), random, 600);
    for (let index = 0; index < kills; index++) {
      const workload = index % workloads;
      const namespace = names[workload % channels]?.name ?? '';
      const pod = { namespace, name: `app-${workload}`, suffix: `p${Math.floor(index / workloads)}` };
      api.load([dyingPod({ ...pod, ended: { at: new Date() } })]);
      await wait(random() * 120);
    }
    const troubles = Object.fromEntries(await trouble.stop());
    room.slack.clearFaults();
    const told = () => names.reduce((sum, { id }) => sum + toldIn(room, id), 0);
    await waitFor('every death in a thread', () => told() >= kills, { timeoutMs: 180_000, everyMs: 250 }).catch(
      () => {},
    );
    return {
      threads: names.reduce((sum, { id }) => sum + room.slack.channel(id).length, 0),
      counted: await counted(redis),
      told: told(),
      postedTwice: postedTwice(room.slack),
      troubles,
    };
  } finally {
    await workers.stop();
    await room.stop();
    await Promise.all([redis.stop(), api.stop()]);
    removeFolder(folder);
  }
}

/** How often, as the first messages of a channel say it: `5th time since`, else once. */
function toldIn({ slack }: Conversation, channel: string): number {
  return slack
    .channel(channel)
    .map(({ ts }) => Number(/(\d+)(?:st|nd|rd|th) time since/.exec(slack.threadText(channel, ts))?.[1] ?? 1))
    .reduce((sum, times) => sum + times, 0);
}

/** How often, as the open incidents count it. */
async function counted({ url, prefix }: RedisServer): Promise<number> {
  const store = connectIncidents({ url, prefix }, () => {});
  try {
    return (await store.unfinished()).reduce((sum, { count }) => sum + count, 0);
  } finally {
    await store.close();
  }
}

function troublesOf(
  api: KubernetesApi,
  redis: RedisServer,
  { slack }: Conversation,
  workers: Awaited<ReturnType<typeof startWorkers>>,
  random: () => number,
): Trouble[] {
  const some = (ms: number) => wait(100 + random() * ms);
  return [
    { name: 'watches reset', happen: async () => void api.breakWatches('reset') },
    { name: 'history forgotten', happen: async () => api.compact() },
    {
      name: 'API server down',
      async happen() {
        await api.down();
        await some(1000);
        await api.up();
      },
    },
    {
      name: 'Redis killed',
      async happen() {
        await redis.kill();
        await some(700);
        await redis.restart();
      },
    },
    {
      name: 'Slack refuses',
      happen: async () => slack.fault({ method: '*', kind: 'http_500', times: 3 }),
    },
    {
      name: 'Slack loses answers',
      happen: async () => slack.fault({ method: 'chat.postMessage', kind: 'drop_after_commit', times: 2 }),
    },
    {
      name: 'Slack limits',
      happen: async () =>
        slack.fault({ method: 'chat.postMessage', kind: 'rate_limited', retryAfterSeconds: 1, times: 2 }),
    },
    {
      name: 'worker killed',
      async happen() {
        if (workers.running().length === 2) await workers.killOne();
      },
    },
  ];
}

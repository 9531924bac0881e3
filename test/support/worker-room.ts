import { join } from 'node:path';
import { type Conversation, startConversation } from './conversation.ts';
import { type KubernetesApi, startKubernetes } from './kubernetes/api.ts';
import { loadRecorded, recordedPods } from './kubernetes/recorded.ts';
import { makeFolder, type RunningProcess, removeFolder, waitFor } from './process.ts';
import { type RedisServer, startRedis } from './redis.ts';
import { loggedBy, shortTimes, startQuorum, startShortWorker, writeConfig } from './worker-process.ts';

/** A Redis and a Kubernetes API that the rooms of one test file share. */
export interface WorkerStage {
  readonly redis: RedisServer;
  readonly kubernetes: KubernetesApi;
  open(): Promise<WorkerRoom>;
  stop(): Promise<void>;
}

/** A conversation whose bot runs in this process and whose workers are processes of their own, with channels to ask in. */
export interface WorkerRoom extends Conversation {
  readonly configPath: string;
  readonly workers: readonly RunningProcess[];
  /** The executable's worker, with its own times. */
  worker(): Promise<RunningProcess>;
  shortWorker(): Promise<RunningProcess>;
  /** Bot and worker in one process, as the executable starts them. */
  both(): Promise<RunningProcess>;
  addRoom(name: string): string;
  /** Types a line; it has to be taken without a word. */
  types(channel: string, line: string): Promise<void>;
  /** Back when the root says "asked" and the Kubernetes API has been asked, which does not answer. */
  looksInVain(channel: string): Promise<void>;
  /** Whether Slack was called so, and answered with this error or not at all. */
  failed(method: string, channel: string, error: string): boolean;
}

export async function startWorkerStage(): Promise<WorkerStage> {
  const folder = makeFolder('quorum-worker-room');
  const [redis, kubernetes] = await Promise.all([startRedis(), startKubernetes(loadRecorded({ now: new Date() }))]);
  const kubeconfig = join(folder, 'kubeconfig');
  await kubernetes.writeKubeconfig(kubeconfig);
  let rooms = 0;
  return {
    redis,
    kubernetes,
    open: () => {
      rooms += 1;
      return openWorkerRoom(redis, kubernetes, kubeconfig, join(folder, `quorum-${rooms}.yaml`), rooms);
    },
    async stop() {
      await Promise.all([redis.stop(), kubernetes.stop()]);
      removeFolder(folder);
    },
  };
}

async function openWorkerRoom(
  redis: RedisServer,
  kubernetes: KubernetesApi,
  kubeconfig: string,
  configPath: string,
  number: number,
): Promise<WorkerRoom> {
  const conversation = await startConversation({
    redisUrl: redis.url,
    prefix: `${redis.prefix}-${number}`,
    kubeconfigs: { prod: kubeconfig },
    halves: ['bot'],
  });
  const { slack, ann } = conversation;
  writeConfig(configPath, conversation.config);
  const workers: RunningProcess[] = [];
  async function keep(starting: Promise<RunningProcess>): Promise<RunningProcess> {
    const started = await starting;
    workers.push(started);
    return started;
  }
  async function types(channel: string, line: string): Promise<void> {
    const { status, shown } = await slack.slash(ann.id, channel, line);
    if (status !== 'ok' || shown !== null) throw new Error(`${line}: ${status} ${shown?.plain ?? ''}`);
  }
  return {
    ...conversation,
    configPath,
    workers,
    worker: () => keep(startQuorum('worker', configPath)),
    shortWorker: () => keep(startShortWorker(configPath, shortTimes)),
    both: () => keep(startQuorum('start', configPath)),
    addRoom: (name) => slack.addChannel({ name, members: [ann.id], botIsMember: true }).id,
    types,
    async looksInVain(channel) {
      const before = kubernetes.requests().length;
      kubernetes.fault({ resource: 'pods', kind: 'hang', times: 1 });
      await types(channel, `/oom why ${recordedPods.unaware}`);
      // Its driver is loaded by the first look.
      await waitFor(
        'the Kubernetes API is asked',
        () => kubernetes.requests().length > before && slack.channel(channel).length === 1,
        { timeoutMs: 15_000 },
      );
    },
    failed: (method, channel, error) =>
      slack.calls().some((call) => call.method === method && call.channel === channel && call.error === error),
    async stop() {
      kubernetes.clearFaults();
      await Promise.all(workers.map((worker) => worker.kill()));
      await conversation.stop();
    },
  };
}

/** How many requests a worker has answered. */
export function answersOf(running: RunningProcess): number {
  return loggedBy(running).filter(({ event }) => event === 'answered').length;
}

import pino from 'pino';
import { connectClusters } from '../../src/clusters-client.ts';
import type { Config } from '../../src/config.ts';
import type { TellingTimes } from '../../src/incident/incidents.ts';
import type { WorkerTimes } from '../../src/redis/queue-client.ts';
import { type Half, type Running, start } from '../../src/serve.ts';
import type { EtcdTestCluster } from './etcd.ts';
import { localConfig } from './local-config.ts';
import { waitFor } from './process.ts';
import type { ChannelOptions, Person, Thread } from './slack/model.ts';
import { type SlackOptions, type SlackWorkspace, startSlack } from './slack/server.ts';

export type ConversationOptions = {
  readonly redisUrl: string;
  readonly prefix: string;
  readonly mode?: 'socket' | 'http';
  readonly etcd?: Readonly<Record<string, EtcdTestCluster>>;
  /** Kubeconfig files by cluster name. */
  readonly kubeconfigs?: Readonly<Record<string, string>>;
  /** Whether workloads of the Kubernetes clusters may be changed. */
  readonly allowFixes?: boolean;
  /** Whether commands may be run in their containers. */
  readonly allowExec?: boolean;
  /** Addresses of Prometheus by the Kubernetes cluster's name. */
  readonly prometheus?: Readonly<Record<string, string>>;
  /** Namespaces whose memory is sampled, and how often. */
  readonly sampled?: { readonly namespaces: readonly string[]; readonly everyMs: number };
  readonly access?: Partial<Config['access']>;
  readonly links?: Config['links'];
  /** Whatever else the config is to say. */
  readonly configure?: (config: Config, channel: string) => Config;
  /** Further channels; the bot is in them. */
  readonly channels?: readonly ChannelOptions[];
  /** Their ids, where the config has to name them. */
  readonly people?: { readonly ann: string; readonly bob: string };
  readonly halves?: readonly Half[];
  readonly workerTimes?: WorkerTimes;
  readonly sweepEveryMs?: number;
  readonly tellingTimes?: TellingTimes;
  readonly slack?: SlackOptions;
};

/** A workspace with a channel, two people and the bot, as a person sees it. */
export type Conversation = {
  readonly slack: SlackWorkspace;
  readonly running: Running;
  readonly config: Config;
  readonly channel: string;
  readonly ann: Person;
  readonly bob: Person;
  /** What the bot logged, one object a line. */
  readonly logged: readonly Readonly<Record<string, unknown>>[];
  /** Types a slash command and waits for its thread to hold the answer. */
  ask(text: string, who?: Person, channel?: string): Promise<Thread>;
  /** Waits for the thread, of those that began after `sinceTs`, whose root is no longer "asked" and that has its details. */
  answered(channel: string, sinceTs: string): Promise<Thread>;
  stop(): Promise<void>;
};

/** The whole bot in this process, against a real Redis and the local Slack workspace. */
export async function startConversation(options: ConversationOptions): Promise<Conversation> {
  const slack = await startSlack({ postsPerSecond: Number.POSITIVE_INFINITY, ...options.slack });
  const ann = slack.addUser({ name: 'ann', ...(options.people === undefined ? {} : { id: options.people.ann }) });
  const bob = slack.addUser({ name: 'bob', ...(options.people === undefined ? {} : { id: options.people.bob }) });
  const channel = slack.addChannel({ name: 'ops', members: [ann.id, bob.id], botIsMember: true }).id;
  for (const each of options.channels ?? [])
    slack.addChannel({ members: [ann.id, bob.id], botIsMember: true, ...each });
  const { configure = (made) => made } = options;
  const config = configure(
    localConfig({
      slack,
      mode: options.mode ?? 'socket',
      redis: { url: options.redisUrl, prefix: options.prefix },
      etcd: options.etcd ?? {},
      kubeconfigs: options.kubeconfigs ?? {},
      allowFixes: options.allowFixes ?? false,
      allowExec: options.allowExec ?? false,
      prometheus: options.prometheus ?? {},
      ...(options.sampled === undefined ? {} : { sampled: options.sampled }),
      access: options.access ?? {},
      links: options.links ?? {},
    }),
    channel,
  );
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => logged.push(JSON.parse(line)) });
  const running = await start(config, options.halves ?? ['bot', 'worker'], {
    log,
    clusters: connectClusters(config),
    ...(options.workerTimes === undefined ? {} : { workerTimes: options.workerTimes }),
    ...(options.tellingTimes === undefined ? {} : { tellingTimes: options.tellingTimes }),
    ...(options.sweepEveryMs === undefined ? {} : { sweepEveryMs: options.sweepEveryMs }),
  }).catch(async (error: unknown) => {
    await slack.stop();
    throw error;
  });
  const slackUrl = running.slackUrl();
  if (slackUrl !== undefined) slack.setRequestUrl(`${slackUrl}/slack/events`);

  async function answered(where: string, sinceTs: string): Promise<Thread> {
    // The thread has its last message when the worker says so, and the root's button names the ticket.
    const thread = await waitFor(
      `an answer in ${where}`,
      () =>
        slack
          .channel(where)
          .find(
            ({ ts, blocks }) =>
              Number(ts) > Number(sinceTs) &&
              logged.some(({ event, id }) => event === 'answered' && JSON.stringify(blocks).includes(String(id))),
          ),
      { timeoutMs: 10_000 },
    );
    return slack.thread(where, thread.ts);
  }

  return {
    slack,
    running,
    config,
    channel,
    ann,
    bob,
    logged,
    answered,
    async ask(text, who = ann, where = channel) {
      const before = slack.channel(where).at(-1)?.ts ?? '0';
      const acked = await slack.slash(who.id, where, text);
      if (acked.status !== 'ok' || acked.shown !== null)
        throw new Error(`${text}: ${acked.status} ${acked.shown?.plain ?? ''}`);
      return await answered(where, before);
    },
    async stop() {
      await running.stop();
      await slack.stop();
    },
  };
}

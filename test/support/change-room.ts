import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pino from 'pino';
import { verifyAudit } from '../../src/audit.ts';
import { type ChangeRecord, isEnded } from '../../src/change-record.ts';
import { type Clusters, connectClusters } from '../../src/clusters-client.ts';
import type { Config } from '../../src/config.ts';
import { type ChangeClient, connectChanges } from '../../src/redis/change-client.ts';
import { type Running, start } from '../../src/serve.ts';
import { type Conversation, type ConversationOptions, startConversation } from './conversation.ts';
import type { CrashPlan } from './crash-points.ts';
import type { EtcdTestCluster } from './etcd.ts';
import { postedTwice } from './posts-made.ts';
import { makeFolder, type RunningProcess, removeFolder, Stop, waitFor } from './process.ts';
import type { RedisServer } from './redis.ts';
import { shortTimes, startShortWorker, writeConfig } from './worker-process.ts';

/** A change that was asked for: its record and where its messages stand. */
export type AskedFor = { readonly id: string; readonly rootTs: string };

/** What has to hold of every change, whatever was killed on its way. */
export type Tally = {
  readonly state: string;
  /** Root messages of this request. */
  readonly threads: number;
  /** Replies that tell the asker how it ended. */
  readonly ends: number;
  readonly postedTwice: readonly string[];
  readonly audit: 'whole' | 'broken';
  readonly actions: readonly string[];
  readonly claim: 'released' | 'held';
};

/** A channel in which Ann asks for changes and Bob and Cat approve them; the bot runs here, its workers are processes. */
export interface ChangeRoom extends Conversation {
  readonly changes: ChangeClient;
  readonly folder: string;
  /** The files that workers which end themselves share. */
  crashes(at: CrashPlan['at'], more?: Pick<CrashPlan, 'stopBefore'>): CrashPlan;
  worker(crashes?: CrashPlan): Promise<RunningProcess>;
  /** A worker in this process. */
  work(clusters?: Clusters): Promise<Running>;
  /** From now on no worker ends itself any more. */
  endCrashes(crashes: CrashPlan): void;
  asks(line: string, timeoutMs?: number): Promise<AskedFor>;
  /** Back when Bob's yes counts. */
  approves(change: AskedFor): Promise<void>;
  /** Bob does, where nobody is named. */
  clicks(change: AskedFor, action: string, who?: string): Promise<void>;
  /** Back with the record once the change has ended and its thread says so. */
  ended(change: AskedFor, timeoutMs: number): Promise<ChangeRecord>;
  tally(change: AskedFor): Promise<Tally>;
}

export async function openChangeRoom(
  redis: RedisServer,
  etcd: EtcdTestCluster,
  options: Partial<ConversationOptions> = {},
): Promise<ChangeRoom> {
  const folder = makeFolder('quorum-change-room');
  const conversation = await startConversation({
    redisUrl: redis.url,
    prefix: redis.prefix,
    etcd: { prod: etcd },
    halves: ['bot'],
    people: { ann: 'U0ANN', bob: 'U0BOB' },
    access: { operators: ['U0ANN'], approvers: ['U0BOB', 'U0CAT'] },
    ...options,
  });
  const { slack, channel, ann, bob } = conversation;
  const config = withPatience(conversation.config);
  slack.invite(channel, slack.addUser({ id: 'U0CAT', name: 'cat' }).id);
  const { url, prefix } = config.redis;
  const changes = connectChanges(
    { url, prefix },
    () => {},
    () => {},
  );
  const configPath = join(folder, 'quorum.yaml');
  writeConfig(configPath, config);
  let plans = 0;

  const threadOf = ({ rootTs }: AskedFor) => slack.thread(channel, rootTs);
  const endsOf = (change: AskedFor) => threadOf(change).replies.filter(({ text }) => text.startsWith(`<@${ann.id}> `));

  /** On a busy machine the bot’s socket is lost, or Slack does not tell in time who somebody is: whoever asked asks again. */
  async function types(line: string): Promise<void> {
    await waitFor(
      `${line} to be taken`,
      async () => {
        const { status, shown } = await slack.slash(ann.id, channel, line);
        if (status === 'ok' && shown === null) return true;
        if (status !== 'ok' || shown?.plain.includes('Slack did not tell who you are')) return false;
        throw new Stop(new Error(`${line}: ${shown?.plain ?? ''}`));
      },
      { timeoutMs: 60_000, everyMs: 1000 },
    );
  }

  async function clicks(change: AskedFor, action: string, who = bob.id): Promise<void> {
    const message = threadOf(change).replies.find(({ blocks }) => JSON.stringify(blocks).includes(action));
    await slack.click(who, channel, message?.ts ?? '', action, change.id);
  }

  async function actionsOf(id: string): Promise<string[]> {
    const actions: string[] = [];
    for await (const page of changes.audit())
      for (const { changeId, action, details } of page.map((text) => JSON.parse(text)))
        if (changeId === id) actions.push(action === 'step' ? details.step : action);
    return actions;
  }

  return {
    ...conversation,
    config,
    changes,
    folder,
    crashes(at, more = {}) {
      plans += 1;
      const path = (name: string) => join(folder, `${name}-${plans}`);
      const plan = { at, ...more, callsPath: path('calls'), reachedPath: path('reached'), overPath: path('over') };
      writeFileSync(plan.callsPath, '');
      writeFileSync(plan.reachedPath, '');
      return plan;
    },
    worker: (crashes) => startShortWorker(configPath, shortTimes, crashes),
    work: (clusters = connectClusters(config)) =>
      start(config, ['worker'], { log: pino({ level: 'silent' }), clusters, workerTimes: shortTimes }),
    endCrashes: ({ overPath }) => writeFileSync(overPath, ''),
    async asks(line, timeoutMs = 30_000) {
      const before = Number(slack.channel(channel).at(-1)?.ts ?? 0);
      await types(line);
      const latest = () => slack.channel(channel).findLast(({ ts }) => Number(ts) > before);
      let givenUpTs = '';
      const thread = await waitFor(
        `buttons for ${line}`,
        async () => {
          const told = latest();
          if (told === undefined) return undefined;
          if (JSON.stringify(told.replies).includes('change-approve')) return told;
          // A request that has ended eleven workers is given up, and asked anew by whoever wants it.
          if (told.ts !== givenUpTs && /^Failed, id ticket-/.test(told.text)) {
            givenUpTs = told.ts;
            await types(line);
          }
          return undefined;
        },
        { timeoutMs, everyMs: 50 },
      ).catch((error: Error) => {
        throw new Error(
          `${error.message}\n${slack
            .channel(channel)
            .map(({ text }) => text)
            .join('\n')}`,
        );
      });
      const [, id = ''] = /"action_id":"change-approve".*?"value":"([^"]+)"/.exec(JSON.stringify(thread.replies)) ?? [];
      return { id, rootTs: thread.ts };
    },
    async approves(change) {
      await waitFor(
        'the yes to count',
        async () => {
          await clicks(change, 'change-approve');
          return await waitFor('it', async () => (await changes.read(change.id))?.state !== 'proposed', {
            timeoutMs: 3000,
          }).catch(() => undefined);
        },
        { timeoutMs: 60_000 },
      ).catch((error: Error) => {
        const told = slack.ephemerals(bob.id, channel).map(({ text }) => text);
        throw new Error(`${error.message}; Bob was told: ${told.join('; ')}`);
      });
    },
    clicks,
    async ended(change, timeoutMs) {
      const record = await waitFor(
        `the end of ${change.id}`,
        async () => {
          const known = await changes.read(change.id);
          return known !== undefined && isEnded(known) && endsOf(change).length > 0 && known;
        },
        { timeoutMs, everyMs: 25 },
      ).catch(async (error: Error) => {
        const left = await changes.read(change.id);
        throw new Error(
          `${error.message}: it is ${left?.state}, ${JSON.stringify(left?.steps.map(({ title, state, note }) => [title, state, note]))}`,
        );
      });
      return record;
    },
    async tally(change) {
      const record = await changes.read(change.id);
      const raw = new Redis(url);
      const owner = await raw.get(`${prefix}:claim:etcd:${record?.target.identity}`);
      raw.disconnect();
      return {
        state: record?.state ?? 'unknown',
        threads: slack.channel(channel).filter(({ blocks }) => JSON.stringify(blocks).includes(change.id)).length,
        ends: endsOf(change).length,
        postedTwice: postedTwice(slack),
        audit: (await verifyAudit(changes.audit())).kind === 'whole' ? 'whole' : 'broken',
        // A click on what is approved already is refused, and told so in the audit.
        actions: (await actionsOf(change.id)).filter((action) => action !== 'approve refused'),
        claim: owner === null ? 'released' : 'held',
      };
    },
    async stop() {
      await changes.close();
      await conversation.stop();
      removeFolder(folder);
    },
  };
}

/** A member that a busy machine keeps from answering within a second would stand in the way of the change. */
function withPatience(config: Config): Config {
  const clusters = Object.entries(config.etcd.clusters).map(([name, each]) => [
    name,
    { ...each, requestTimeout: 5000 },
  ]);
  return { ...config, etcd: { ...config.etcd, clusters: Object.fromEntries(clusters) } };
}

/** The lines of a file that crash points share. */
export function linesOf(path: string): string[] {
  return existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
}

/** How often members were added, promoted and removed, by the log of a member that has run from the first moment on. */
export function membershipLog(log: string): {
  readonly added: number;
  readonly promoted: number;
  readonly removed: number;
} {
  const lines = (message: string) => log.split('\n').filter((line) => line.includes(`"msg":"${message}"`)).length;
  return { added: lines('added member'), promoted: lines('promote member'), removed: lines('removed member') };
}

/** The members as the cluster lists them; a learner by its name and the word. */
export async function membersOf(etcd: EtcdTestCluster): Promise<string[]> {
  const { members } = JSON.parse((await etcd.etcdctl(['member', 'list', '-w', 'json'])).stdout);
  return members
    .map(
      ({ name, isLearner }: { name: string; isLearner?: boolean }) => `${name}${isLearner === true ? ' learner' : ''}`,
    )
    .sort();
}

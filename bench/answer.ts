import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { redisOptions } from '../src/redis/connection-client.ts';
import { connectQueue } from '../src/redis/queue-client.ts';
import { ticketId } from '../src/ticket.ts';
import { type Ground, prefixOf, startNode, writeConfig } from './ground.ts';
import { alternate, timeMs } from './rounds.ts';
import { type Row, row } from './row.ts';

const rounds = 6;
const perRound = 12;
/** A worker that has just finished goes back to wait for the next job; asked before that, it would not be idle. */
const idleMs = 15;

/** From the ticket's enqueue to the first message in the channel, with a worker that has nothing else to do. */
export async function benchAnswer(ground: Ground): Promise<Row[]> {
  const { slack, redis, person } = ground;
  const bareQueueName = 'bare';
  const barePrefix = prefixOf(redis, 'bare');
  const [worker, bare] = await Promise.all([
    startNode(ground, 'product', ['worker', '--config', writeConfig(ground, 'answer', 'http')]),
    startNode(ground, 'bare-worker', [redis.url, barePrefix, bareQueueName, slack.apiUrl, slack.botToken]),
  ]);
  const tellFault = (error: Error) => process.stderr.write(`Redis: ${error.message}\n`);
  const tickets = connectQueue({ url: redis.url, prefix: prefixOf(redis, 'answer') }, tellFault);
  const jobs = new Queue(bareQueueName, { prefix: barePrefix, connection: redisOptions(redis.url, {}) });
  await jobs.waitUntilReady();

  /** A channel a round, for the emulator searches the messages of a channel; its first answer warms it. */
  const newChannel = (name: string) =>
    slack.addChannel({ name: `${name}-${randomUUID().slice(0, 8)}`, members: [person], botIsMember: true }).id;
  const firstMessage = (channel: string, before: number) =>
    slack.waitFor(() => slack.channel(channel).length > before, { what: 'a first message', timeoutMs: 10_000 });
  const samples = async (once: (channel: string, before: number) => Promise<number>, name: string) => {
    const channel = newChannel(name);
    const times: number[] = [];
    for (let before = 0; before <= perRound; before += 1) {
      times.push(await once(channel, before));
      await wait(idleMs);
    }
    return times.slice(1);
  };
  const ask = async (channel: string, before: number) => {
    const ticket = {
      kind: 'ask' as const,
      id: ticketId(randomUUID()),
      command: 'etcd health',
      line: '/etcd health',
      cluster: 'prod',
      input: { cluster: 'prod' },
      requester: { userId: person },
      place: { channelId: channel },
      askedAt: new Date().toISOString(),
    };
    const tookMs = await timeMs(() => Promise.all([tickets.add(ticket), firstMessage(channel, before)]));
    await slack.waitFor(() => slack.channel(channel).at(-1)?.replies.length, { what: 'the answer' });
    await waitUntilIdle(() => tickets.counts());
    return tookMs;
  };
  const askBare = async (channel: string, before: number) => {
    const tookMs = await timeMs(() =>
      Promise.all([jobs.add('post', { channel, text: '/etcd health: asked' }), firstMessage(channel, before)]),
    );
    await waitUntilIdle(() => jobs.getJobCounts('active', 'waiting'));
    return tookMs;
  };
  try {
    await samples(ask, 'warm');
    await samples(askBare, 'warm');
    const measured = await alternate(
      rounds,
      () => samples(ask, 'ours'),
      () => samples(askBare, 'bare'),
    );
    return [
      row(measured, {
        what: 'ticket to first thread message',
        baselineIs: 'idle BullMQ job and one API call',
        aim: { kind: 'ratio', atMost: 2 },
        note: 'an idle worker; the post is keyed (its intent is in Redis before it is sent), and the look at etcd has begun beside it',
      }),
    ];
  } finally {
    await Promise.allSettled([tickets.close(), jobs.close()]);
    await Promise.all([worker.stop(), bare.stop()]);
  }
}

async function waitUntilIdle(counts: () => Promise<Record<string, number>>): Promise<void> {
  const giveUpAt = performance.now() + 5000;
  for (;;) {
    const { active = 0, waiting = 0 } = await counts();
    if (active + waiting === 0) return;
    if (performance.now() > giveUpAt) throw new Error('the queue did not run empty within 5 s');
    await wait(2);
  }
}

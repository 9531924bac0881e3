import { createHmac, randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { Redis } from 'ioredis';
import { type Ground, prefixOf, startNode, writeConfig } from './ground.ts';
import { alternate } from './rounds.ts';
import { type Row, row } from './row.ts';

const warmUp = 1500;
/** At a time, rounds, requests a round. */
const loads = [
  { atATime: 1, rounds: 15, perRound: 150 },
  { atATime: 50, rounds: 9, perRound: 1000 },
] as const;

/**
 * From a signed slash command to its acknowledgement. Quorum checks the person, parses, and has put a ticket into Redis by then;
 * the baselines call `ack()`, with and without a bare BullMQ job before it. Each is a process of its own, asked by the same client
 * over connections that are kept.
 */
export async function benchAck(ground: Ground): Promise<Row[]> {
  const { slack, redis } = ground;
  const secret = slack.signingSecret;
  const processes = await Promise.all([
    startNode(ground, 'product', ['bot', '--config', writeConfig(ground, 'ack', 'http')]),
    startNode(ground, 'bare-bolt', [secret]),
    startNode(ground, 'bare-bolt', [secret, redis.url, prefixOf(redis, 'ack-bare')]),
  ]);
  const [ours, bare, bareQueued] = processes.map(({ ready }) => new URL('/slack/events', String(ready.slack)));
  const client = new Redis(redis.url);
  const agent = new Agent({ keepAlive: true, maxSockets: 50 });
  const channel = slack.addChannel({ name: 'ack', members: [ground.person], botIsMember: true }).id;
  let asked = 0;
  const send = (url: URL | undefined, count: number, atATime: number) => {
    if (url === undefined) throw new Error('a process is missing');
    if (url === ours) asked += count;
    const bodies = Array.from({ length: count }, () => bodyOf(ground, channel));
    return acksMs(url, secret, bodies, atATime, agent);
  };
  try {
    for (const url of [ours, bare, bareQueued]) await send(url, warmUp, 50);
    const rows: Row[] = [];
    for (const { atATime, rounds, perRound } of loads) {
      const against = (baseline: URL | undefined) =>
        alternate(
          rounds,
          () => send(ours, perRound, atATime),
          () => send(baseline, perRound, atATime),
        );
      const what = `ack, ${atATime} at a time, p50`;
      rows.push(
        row(await against(bare), { what, baselineIs: 'Bolt’s bare ack', aim: { kind: 'ratio', atMost: 2 } }),
        row(await against(bareQueued), { what, baselineIs: 'the same after a bare BullMQ add', aim: { kind: 'none' } }),
      );
    }
    const queued = await client.llen(`${prefixOf(redis, 'ack')}:tickets:wait`);
    if (queued !== asked)
      throw new Error(`${asked} requests were acknowledged, and ${queued} tickets are in the queue`);
    const note = `signed HTTP; each ticket is in Redis before its ack: ${queued} of ${asked} were there in the end`;
    return rows.map((each, index) => (index === 0 ? { ...each, note } : each));
  } finally {
    agent.destroy();
    client.disconnect();
    await Promise.all(processes.map((each) => each.stop()));
  }
}

/** A slash command as Slack sends it; each with a trigger of its own, so that none is a repetition. */
function bodyOf({ slack, person }: Ground, channel: string): string {
  return new URLSearchParams({
    token: 'verification-token',
    team_id: slack.teamId,
    team_domain: 'local',
    channel_id: channel,
    channel_name: 'ack',
    user_id: person,
    user_name: 'ann',
    command: '/etcd',
    text: 'health',
    api_app_id: 'A0BENCH',
    is_enterprise_install: 'false',
    response_url: `${new URL(slack.apiUrl).origin}/commands/${randomUUID()}`,
    trigger_id: randomUUID(),
  }).toString();
}

/** Sends the bodies, so many at a time. Signed beforehand: only the wait for the answer is measured. */
async function acksMs(
  url: URL,
  signingSecret: string,
  bodies: readonly string[],
  atATime: number,
  agent: Agent,
): Promise<number[]> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signed = bodies.map((body) => ({
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': Buffer.byteLength(body),
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': `v0=${createHmac('sha256', signingSecret).update(`v0:${timestamp}:${body}`).digest('hex')}`,
    },
  }));
  const times: number[] = [];
  const waiting = signed.values();
  const sendAll = async () => {
    for (const { body, headers } of waiting) {
      const startedAt = performance.now();
      await post(url, body, headers, agent);
      times.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: atATime }, sendAll));
  return times;
}

function post(url: URL, body: string, headers: Record<string, string | number>, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sending = request(url, { method: 'POST', agent, headers, timeout: 5000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        // A refusal would be an ack with a body: then nothing was queued.
        if (response.statusCode === 200 && text === '') resolve();
        else reject(new Error(`${url} answered ${response.statusCode}: ${text.slice(0, 300)}`));
      });
      response.on('error', reject);
    });
    sending.on('timeout', () => sending.destroy(new Error(`${url} did not answer within 5 s`)));
    sending.on('error', reject);
    sending.end(body);
  });
}

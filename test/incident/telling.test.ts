import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Incident } from '../../src/incident/incident.ts';
import { createIncidents, defaultTellingTimes, type Incidents } from '../../src/incident/incidents.ts';
import type { Occurrence } from '../../src/incident/occurrence.ts';
import type { Route } from '../../src/incident/routing.ts';
import { connectIncidents, type IncidentClient } from '../../src/redis/incident-client.ts';
import type { Report } from '../../src/report/report.ts';
import { SlackFailure } from '../../src/slack/web.ts';
import type { Ticket } from '../../src/ticket.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let redis: RedisServer;
let store: IncidentClient | undefined;
let incidents: Incidents;
let now = 0;
let round = 0;
let answer: Report;
let tickets: { ticket: Ticket; afterMs: number }[] = [];
let posted: string[] = [];
let asked: string[] = [];
let isWatched = true;
let isArchived = false;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await store?.close();
  await redis.stop();
});
beforeEach(async () => {
  round += 1;
  now = Date.parse('2026-11-29T23:00:00Z');
  [tickets, posted, asked, isWatched, isArchived] = [[], [], [], true, false];
  await store?.close();
  const client = connectIncidents(
    { url: redis.url, prefix: `telling-${round}` },
    () => {},
    () => now,
  );
  store = client;
  const reports = new Map<string, Report>();
  incidents = createIncidents({
    store: client,
    times: defaultTellingTimes,
    burst: { incidents: 5, within: 120_000 },
    resolveAfterMs: 3_600_000,
    delivery: {
      async put(key, { channelId }, { text }) {
        if (isArchived || channelId === 'C0OLD') throw new SlackFailure('chat.postMessage', 'refused', 'is_archived');
        posted.push(`${key.split('-').at(-1)}: ${text}`);
        return '1.1';
      },
    },
    isWatched: async () => isWatched,
    async look({ line }) {
      asked.push(line ?? '');
      return answer;
    },
    isForMemory: ({ data }) => data.cause === 'heap',
    async keep({ id }, report) {
      reports.set(id, report);
    },
    kept: async (id) => reports.get(id),
    links: () => [],
    offers: () => [],
    illustrate: async () => {},
    upload: async () => {},
    defaultChannelId: 'C0OPS',
    async add(ticket, afterMs) {
      tickets.push({ ticket, afterMs });
    },
    now: () => new Date(now),
    log: () => {},
    fault: (_id, error) => {
      throw error;
    },
  });
});

const hourMs = 3_600_000;
const toOps: Route = { channelId: 'C0OPS', mention: null, quietHours: undefined, because: 'default' };
const atNight: Route = { ...toOps, quietHours: { from: '22:00', to: '07:00', timeZone: 'UTC' } };

function ended(key: string, more: Partial<Occurrence> = {}): Occurrence {
  return {
    key,
    source: 'watch',
    cluster: 'prod',
    subject: 'shop/deploy/cart',
    title: 'shop/deploy/cart',
    at: now,
    note: `${key} ended with exit code 3`,
    line: `oom why shop/${key}`,
    isSuspected: true,
    isMissed: false,
    namespace: 'shop',
    node: 'node-a',
    member: null,
    details: null,
    ...more,
  };
}

function report(verdict: Report['verdict'], summary: string, cause?: string): Report {
  return {
    command: '/oom why',
    verdict,
    title: 'Why',
    summary,
    asOf: new Date(now).toISOString(),
    findings: [],
    sections: [],
    data: cause === undefined ? {} : { cause },
  };
}

const refused = () => report('refused', 'The API server of prod cannot be reached.');
const forHeap = () => report('findings', 'The JVM ran out of heap.', 'heap');

async function only(): Promise<Incident> {
  const [incident, ...others] = (await store?.unfinished()) ?? [];
  if (incident === undefined || others.length > 0) throw new Error('one incident was expected');
  return incident;
}

/** Carries out what is due now, edits that wait for their second too. */
async function work(): Promise<void> {
  const due = tickets.filter(({ afterMs }) => afterMs <= defaultTellingTimes.editEveryMs);
  tickets = [];
  for (const { ticket } of due) if (ticket.kind === 'incident') await incidents.tell(ticket.incidentId);
}

describe('an end that only its log explains', () => {
  test('is asked about again while the answer is not to be had, and told when it is', async () => {
    answer = refused();
    await incidents.take([ended('cart-1')], async () => toOps);
    await work();
    expect((await only()).state).toBe('suspected');
    answer = forHeap();
    now += 30_000;
    await incidents.sweep();
    await work();
    expect((await only()).state).toBe('open');
    expect(posted[0]).toBe('root: The JVM ran out of heap.');
  });

  test('is left when there is no answer for ten minutes', async () => {
    answer = refused();
    await incidents.take([ended('cart-1')], async () => toOps);
    await work();
    now += 600_000;
    await incidents.sweep();
    await work();
    expect(await store?.unfinished()).toEqual([]);
    expect(posted).toEqual([]);
  });

  test('is asked about for as long as its cluster cannot be reached', async () => {
    answer = refused();
    isWatched = false;
    await incidents.take([ended('cart-1')], async () => toOps);
    await work();
    now += 2 * hourMs;
    await incidents.sweep();
    await work();
    expect((await only()).state).toBe('suspected');
    [answer, isWatched] = [forHeap(), true];
    now += 30_000;
    await incidents.sweep();
    await work();
    expect(posted[0]).toBe('root: The JVM ran out of heap.');
  });

  test('is looked at in quiet hours too, while its log is there, and told when they are over', async () => {
    answer = forHeap();
    await incidents.take([ended('cart-1')], async () => atNight);
    await work();
    expect(asked).toEqual(['oom why shop/cart-1']);
    expect(posted).toEqual([]);
    expect(await only()).toMatchObject({ state: 'open', dueAt: Date.parse('2026-11-30T07:00:00Z') });
    now = Date.parse('2026-11-30T07:00:00Z');
    await incidents.sweep();
    await work();
    expect(posted[0]).toContain('The JVM ran out of heap.');
  });
});

describe('an incident', () => {
  test('is not over while nobody watches its cluster', async () => {
    answer = forHeap();
    await incidents.take([ended('cart-1', { isSuspected: false })], async () => toOps);
    isWatched = false;
    now += 2 * hourMs;
    await incidents.sweep();
    expect((await only()).state).toBe('open');
    isWatched = true;
    await incidents.sweep();
    expect((await only()).state).toBe('resolved');
  });

  test('that goes on for days is brought up to date every day, so that its thread is not forgotten', async () => {
    const firing = {
      source: 'alert',
      isSuspected: false,
      line: null,
      member: { id: 'm', label: 'm', isOn: true },
    } as const;
    await incidents.take([ended('a', firing)], async () => toOps);
    await work();
    now += 20 * hourMs;
    await incidents.sweep();
    expect(tickets).toEqual([]);
    now += 4 * hourMs;
    await incidents.sweep();
    expect(tickets.map(({ ticket }) => ticket.id)).toEqual([expect.stringMatching(/-day-1$/)]);
    posted = [];
    await work();
    expect(posted[0]).toMatch(/^root: /);
    now += hourMs;
    await incidents.sweep();
    expect(tickets).toEqual([]);
  });

  test('whose channel takes no messages is told in the default one by a ticket of its own, for the first is still at work', async () => {
    answer = forHeap();
    await incidents.take([ended('cart-1', { isSuspected: false })], async () => ({ ...toOps, channelId: 'C0OLD' }));
    const first = tickets.map(({ ticket }) => ticket.id);
    await work();
    expect(tickets).toHaveLength(1);
    expect(first).not.toContain(tickets[0]?.ticket.id);
    await work();
    expect(posted[0]).toMatch(/^root: /);
  });

  test('that no channel takes is given up a day after its end', async () => {
    answer = forHeap();
    isArchived = true;
    await incidents.take([ended('cart-1', { isSuspected: false })], async () => toOps);
    for (const hours of [0, 1, 20]) {
      now += hours * hourMs;
      await incidents.sweep();
      await work();
      expect((await only()).told).toBe(0);
    }
    now += 25 * hourMs;
    await incidents.sweep();
    await work();
    expect(await store?.unfinished()).toEqual([]);
  });
});

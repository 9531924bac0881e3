import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Incident } from '../../src/incident/incident.ts';
import type { Occurrence } from '../../src/incident/occurrence.ts';
import type { Route } from '../../src/incident/routing.ts';
import { suspicion } from '../../src/incident/suspicion.ts';
import { takeOccurrences, touchBurst } from '../../src/incident/taking.ts';
import { dismissed, lookedAt, resolved, silenced } from '../../src/incident/transitions.ts';
import { connectIncidents, type IncidentClient } from '../../src/redis/incident-client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let redis: RedisServer;
let store: IncidentClient;
let second: IncidentClient;
let now = Date.parse('2096-11-29T10:00:00Z');
let round = 0;
const woken: Incident[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await store.close();
  await second.close();
  await redis.stop();
});
beforeEach(async () => {
  round += 1;
  now = Date.parse('2096-11-29T10:00:00Z');
  woken.length = 0;
  await store?.close();
  await second?.close();
  const at = { url: redis.url, prefix: `taking-${round}` };
  store = connectIncidents(
    at,
    () => {},
    () => now,
  );
  second = connectIncidents(
    at,
    () => {},
    () => now,
  );
});
const toOps: Route = { channelId: 'C0OPS', mention: null, quietHours: undefined, because: 'default' };

function died(subject: string, key: string, more: Partial<Occurrence> = {}): Occurrence {
  return {
    key,
    source: 'watch',
    cluster: 'prod',
    subject,
    title: subject,
    at: now,
    note: `${key} OOM-killed`,
    line: `oom why ${subject}`,
    isSuspected: false,
    isMissed: false,
    namespace: 'shop',
    node: 'node-a',
    member: null,
    details: null,
    ...more,
  };
}

function alert(id: string, isOn: boolean, startsAt = '1'): Occurrence {
  return died('group', `${id} ${isOn} ${startsAt}`, { source: 'alert', member: { id, label: id, isOn } });
}

async function take(list: readonly Occurrence[], by = store, route: Route | undefined = toOps) {
  return await takeOccurrences(list, {
    store: by,
    route: async () => route,
    burst: { incidents: 3, within: 120_000 },
    now: () => new Date(now),
    async wake(incident) {
      woken.push(incident);
    },
  });
}

const open = async () => (await store.unfinished()).filter(({ state }) => state === 'open');

describe('what happened becomes incidents', () => {
  test('each once, whoever saw it and how often', async () => {
    const lists = Array.from({ length: 20 }, () => [died('a', 'k1'), died('a', 'k2'), died('b', 'k3')]);
    const counts = await Promise.all(lists.map((list, index) => take(list, index % 2 === 0 ? store : second)));
    expect(counts.reduce((sum, { taken }) => sum + taken, 0)).toBe(3);
    expect(counts.reduce((sum, { known }) => sum + known, 0)).toBe(57);
    expect((await open()).map(({ subject, count }) => [subject, count]).sort()).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
  });

  test('each once also where several take it at the same moment', async () => {
    for (let round = 0; round < 60; round++)
      await Promise.all([store, second, store, second].map((by) => take([died('a', `k${round}`)], by)));
    expect((await open()).map(({ count }) => count)).toEqual([60]);
  });

  test('what is over begins anew with the next one, and what it counted stays counted', async () => {
    await take([died('a', 'k1')]);
    const [first] = await open();
    if (first === undefined) throw new Error('nothing is open');
    const over = resolved(first, now);
    if (over === undefined) throw new Error('it was over');
    expect(await store.commit(first, over)).toBe(true);
    now += 1000;
    await take([died('a', 'k1'), died('a', 'k2')]);
    const [again] = await open();
    expect(again?.id).not.toBe(first.id);
    expect(again?.count).toBe(1);
  });

  test('where the open one cannot be read, for another version wrote it, what happens next opens another', async () => {
    await take([died('a', 'k1')]);
    const [unreadable] = await open();
    const raw = new Redis(redis.url);
    await raw.set(`taking-${round}:incident:record:${unreadable?.id}`, '{"revision":1,"shape":"of tomorrow"}');
    raw.disconnect();
    expect(await take([died('a', 'k2'), died('b', 'k3')])).toMatchObject({ taken: 2 });
    expect((await open()).map(({ subject, count }) => [subject, count]).sort()).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
  });

  test('nobody hears of it: then it is nobody’s, and may be taken when somebody does', async () => {
    expect(await take([died('a', 'k1')], store, { ...toOps, channelId: 'C0OPS' })).toMatchObject({ taken: 1 });
    const parts = { store, burst: { incidents: 3, within: 1 }, now: () => new Date(now), wake: async () => {} };
    expect(await takeOccurrences([died('b', 'k2')], { ...parts, route: async () => undefined })).toEqual({
      taken: 0,
      known: 0,
      unrouted: 1,
    });
    expect(await take([died('b', 'k2')])).toEqual({ taken: 1, known: 0, unrouted: 0 });
  });

  test('an alert group is over when none of it is on, and counts each alert once', async () => {
    await take([alert('x', true), alert('y', true), alert('x', true)]);
    expect((await open())[0]).toMatchObject({ count: 2, members: { known: 2, on: 2 } });
    await take([alert('x', false)]);
    expect((await open())[0]).toMatchObject({ count: 2, members: { known: 2, on: 1 } });
    await take([alert('x', false), alert('y', false)]);
    expect(await open()).toEqual([]);
    // Its end again, or an end without a beginning, opens nothing.
    expect(await take([alert('y', false), alert('z', false)])).toMatchObject({ taken: 0 });
    await take([alert('x', true, '2')]);
    expect((await open())[0]).toMatchObject({ count: 1, members: { known: 1, on: 1 } });
  });

  test('what opens while many others do is told with them; when that is over, by itself', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await take([died(name, name)]);
    const all = await open();
    const burst = all.find(({ source }) => source === 'burst');
    const alone = all.filter(({ source, burstId }) => source === 'watch' && burstId === null);
    expect(alone.map(({ subject }) => subject).sort()).toEqual(['a', 'b', 'c']);
    expect((await store.children(burst?.id ?? '')).map(({ subject }) => subject).sort()).toEqual(['d', 'e']);
    if (burst === undefined) throw new Error('no burst');
    const over = resolved((await store.read(burst.id)) ?? burst, now);
    if (over === undefined) throw new Error('it was over');
    await store.commit((await store.read(burst.id)) ?? burst, over);
    now += 600_000;
    await take([died('d', 'd-again')]);
    expect((await open()).find(({ subject }) => subject === 'd')?.burstId).toBeNull();
    expect((await store.children(burst.id)).map(({ subject }) => subject)).toEqual(['e']);
  });

  test('of many that open at the same moment no more are told by themselves than of many one after another', async () => {
    const groups = Array.from({ length: 40 }, (_, index) =>
      died(`group ${index}`, `k${index}`, { source: 'alert', member: { id: `m${index}`, label: 'm', isOn: true } }),
    );
    await Promise.all(groups.map((occurrence) => take([occurrence])));
    const all = await open();
    const burst = all.find(({ source }) => source === 'burst');
    expect(all.filter(({ source, burstId }) => source === 'alert' && burstId === null)).toHaveLength(3);
    expect(await store.children(burst?.id ?? '')).toHaveLength(37);
    if (burst === undefined) throw new Error('no burst');
    // What all of them say at once is written down once or twice.
    const before = burst.content;
    const wakes: Incident[] = [];
    const parts = { store, now: () => new Date(now), wake: async (incident: Incident) => void wakes.push(incident) };
    await Promise.all(Array.from({ length: 30 }, () => touchBurst(burst.id, parts)));
    expect(wakes.map(({ content }) => content - before)).toEqual([1, 2]);
  });

  test('what was told with others and is over later has no thread of its own to say so', async () => {
    const group = (index: number, isOn: boolean) =>
      died(`group ${index}`, `k${index} ${isOn}`, { source: 'alert', member: { id: `m${index}`, label: 'm', isOn } });
    await take(Array.from({ length: 5 }, (_, index) => group(index, true)));
    const burst = (await open()).find(({ source }) => source === 'burst');
    if (burst === undefined) throw new Error('no burst');
    const over = resolved(burst, now);
    if (over === undefined) throw new Error('it was over');
    await store.commit(burst, over);
    const [before] = await store.children(burst.id);
    woken.length = 0;
    await take([group(3, false), group(4, false)]);
    expect((await store.children(burst.id)).map(({ state }) => state)).toEqual(['resolved', 'resolved']);
    expect(before?.burstId).toBe(burst.id);
    expect(woken.map(({ id }) => id)).toEqual([burst.id]);
  });

  test('a silenced subject opens its next incident, and is told when the silence is over', async () => {
    await take([died('a', 'k1')]);
    const [first] = await open();
    if (first === undefined) throw new Error('nothing is open');
    const quiet = silenced(first, now + 3_600_000, 'U1');
    await store.commit(first, quiet);
    await store.silence(first, now + 3_600_000);
    const over = resolved(quiet, now);
    if (over === undefined) throw new Error('it was over');
    await store.commit(quiet, over);
    now += 60_000;
    await take([died('a', 'k2')]);
    expect((await open())[0]?.dueAt).toBe(Date.parse('2096-11-29T11:00:00Z'));
  });

  test('a silenced subject among many at once does not keep the others waiting', async () => {
    await store.silence({ source: 'watch', cluster: 'prod', subject: 'd' }, now + 3_600_000);
    for (const name of ['a', 'b', 'c', 'd', 'e']) await take([died(name, name)]);
    const burst = (await open()).find(({ source }) => source === 'burst');
    expect(burst?.dueAt).toBe(now);
    expect((await store.children(burst?.id ?? '')).map(({ subject }) => subject).sort()).toEqual(['d', 'e']);
  });

  test('what may be told now does not wait with many that wait for the end of quiet hours', async () => {
    const quiet: Route = { ...toOps, quietHours: { from: '09:00', to: '18:00', timeZone: 'UTC' } };
    for (const name of ['a', 'b', 'c', 'd', 'e']) await take([died(name, name)], store, quiet);
    await take([died('urgent', 'u')]);
    const urgent = (await open()).find(({ subject }) => subject === 'urgent');
    const teller = urgent?.burstId == null ? urgent : await store.read(urgent.burstId);
    expect(teller?.dueAt).toBe(now);
    // And what is quiet stays so.
    const [d] = (await open()).filter(({ subject }) => subject === 'd');
    expect((await store.read(d?.burstId ?? ''))?.dueAt).toBe(Date.parse('2096-11-29T18:00:00Z'));
  });

  test('what calls somebody does so, also among many that call nobody', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await take([died(name, name)]);
    await take([died('urgent', 'u')], store, { ...toOps, mention: 'S0ONCALL' });
    const urgent = (await open()).find(({ subject }) => subject === 'urgent');
    const teller = urgent?.burstId == null ? urgent : await store.read(urgent.burstId);
    expect(teller?.mention).toBe('S0ONCALL');
  });

  test('a burst that goes on for hours takes nobody in who opens much later, unless many do again', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await take([died(name, name)]);
    for (let minute = 0; minute < 60; minute += 5) {
      now += 300_000;
      await take(['d', 'e'].map((name) => died(name, `${name}${minute}`)));
    }
    await take([died('another', 'k')]);
    const told = async (name: string) => (await open()).find(({ subject }) => subject === name)?.burstId;
    expect(await told('another')).toBeNull();
    for (const name of ['f', 'g', 'h']) await take([died(name, name)]);
    expect(await told('g')).toBeNull();
    expect(await told('h')).toBe(await told('d'));
  });

  test('a suspicion opens nothing that is told, until it is certain', async () => {
    await take([died('a', 'k1', { isSuspected: true })]);
    expect((await store.unfinished()).map(({ state }) => state)).toEqual(['suspected']);
    await take([died('a', 'k2')]);
    expect((await store.unfinished()).map(({ state, count }) => [state, count])).toEqual([['open', 2]]);
  });
});

describe('a kill that is called so only after it was suspected', () => {
  const suspected = died('a', 'k1', { isSuspected: true });
  const sure = died('a', 'k1');

  test('is told where the suspicion came to nothing', async () => {
    await take([suspected]);
    await take([sure]);
    const [undecided] = await store.unfinished();
    if (undecided?.state !== 'suspected') throw new Error('it is suspected');
    await store.commit(undecided, dismissed(undecided));
    await store.dismiss(suspicion(undecided), 600_000);
    expect(await take([sure])).toMatchObject({ taken: 1 });
    expect(await take([sure, suspected])).toMatchObject({ taken: 0 });
    expect((await open()).map(({ count }) => count)).toEqual([1]);
  });

  test('counts once where the suspicion was right, also when that is over', async () => {
    await take([suspected]);
    const [before] = await store.unfinished();
    if (before === undefined) throw new Error('it is suspected');
    const confirmed = lookedAt(before, { summary: 'heap', verdict: 'findings', at: now });
    await store.commit(before, confirmed);
    expect(await take([sure, suspected])).toMatchObject({ taken: 0, known: 2 });
    const [known] = await open();
    if (known === undefined) throw new Error('it is open');
    expect(known.count).toBe(1);
    const over = resolved(known, now);
    if (over === undefined) throw new Error('it was open');
    await store.commit(known, over);
    expect(await take([sure, suspected])).toMatchObject({ taken: 0 });
  });

  test('counts once where it is not called so any more', async () => {
    await take([sure]);
    expect(await take([suspected])).toMatchObject({ taken: 0 });
    expect(await take([died('b', 'k2', { isSuspected: true }), died('b', 'k2')])).toMatchObject({ taken: 1, known: 1 });
    expect((await open()).map(({ subject, count }) => [subject, count]).sort()).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
  });
});

describe('turns', () => {
  test('one after another, over all workers; whoever would wait too long takes none', async () => {
    const waits = [];
    for (let index = 0; index < 4; index++) waits.push(await (index % 2 === 0 ? store : second).turn('x', 1000, 2500));
    expect(waits).toEqual([0, 1000, 2000, 3000]);
    // The last one took none.
    now += 3000;
    expect(await store.turn('x', 1000, 2500)).toBe(0);
  });

  test('the next one no sooner than after what was done', async () => {
    expect(await store.turn('lane', 1000, 2500)).toBe(0);
    now += 700;
    await store.rest('lane', 1000);
    expect(await second.turn('lane', 1000, 2500)).toBe(1000);
    await store.rest('lane', 1000);
    expect(await store.turn('lane', 1000, 2500)).toBe(2000);
  });

  test('one holder of a lock, until it lets go', async () => {
    expect(await store.lock('i', 'a', 60_000)).toBe(true);
    expect(await store.lock('i', 'a', 60_000)).toBe(true);
    expect(await second.lock('i', 'b', 60_000)).toBe(false);
    await second.unlock('i', 'b');
    expect(await second.lock('i', 'b', 60_000)).toBe(false);
    await store.unlock('i', 'a');
    expect(await second.lock('i', 'b', 60_000)).toBe(true);
  });
});

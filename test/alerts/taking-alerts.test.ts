import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readAlerts } from '../../src/alerts/payload.ts';
import { type TakingAlertsParts, takeAlerts } from '../../src/alerts/taking-alerts.ts';
import { takeOccurrences } from '../../src/incident/taking.ts';
import { type AlertClient, connectAlerts } from '../../src/redis/alert-client.ts';
import { connectIncidents, type IncidentClient } from '../../src/redis/incident-client.ts';
import { alertBody, firing, resolved } from '../support/alerts.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let redis: RedisServer;
let incidents: IncidentClient;
let alerts: AlertClient;

beforeAll(async () => {
  redis = await startRedis();
  incidents = connectIncidents({ url: redis.url, prefix: redis.prefix }, () => {});
  alerts = connectAlerts({ url: redis.url, prefix: redis.prefix }, () => {});
});
afterAll(async () => {
  await incidents.close();
  await alerts.close();
  await redis.stop();
});

const logged: Readonly<Record<string, unknown>>[] = [];

/** A worker that tells everything in one channel. */
function worker(): TakingAlertsParts {
  return {
    facts: { rules: {}, clusterLabel: 'cluster', etcd: [], kubernetes: [] },
    rules: [{ channel: 'C0OPS', namespaces: [], labels: {}, annotations: {} }],
    choices: async () => [],
    store: alerts,
    take: (occurrences, route) =>
      takeOccurrences(occurrences, {
        store: incidents,
        route,
        burst: { incidents: 1000, within: 1000 },
        now: () => new Date(),
        async wake() {},
      }),
    now: () => new Date(),
    log: (event, details) => logged.push({ event, ...details }),
  };
}

function ticketOf(alert: ReturnType<typeof firing>) {
  const [ticket] = readAlerts(alertBody([alert], { groupKey: JSON.stringify(alert.labels) }));
  if (ticket === undefined) throw new Error('there is a ticket');
  return ticket;
}

const standing = async (alertname: string) =>
  (await incidents.unfinished())
    .filter(({ title }) => title === alertname)
    .map(({ state, count, members }) => [state, count, members.on]);

test('an alert whose end another worker takes first is over all the same', async () => {
  const alert = firing({ alertname: 'Overtaken' });
  const usual = worker();
  await takeAlerts(ticketOf(alert), {
    ...usual,
    async take(occurrences, route) {
      if (occurrences.some(({ member }) => member?.isOn === true)) await takeAlerts(ticketOf(resolved(alert)), usual);
      return await usual.take(occurrences, route);
    },
  });
  expect(await standing('Overtaken')).toEqual([['resolved', 1, 0]]);
});

test('a worker that is killed before or after the taking is made up for', async () => {
  for (const [point, alertname] of ['before', 'after'].map((each) => [each, `Killed ${each}`] as const)) {
    const ticket = ticketOf(firing({ alertname }));
    const usual = worker();
    const dying = takeAlerts(ticket, {
      ...usual,
      async take(occurrences, route) {
        if (point === 'after') await usual.take(occurrences, route);
        throw new Error('killed');
      },
    });
    await expect(dying).rejects.toThrow('killed');
    await takeAlerts(ticket, usual);
    await takeAlerts(ticket, usual);
    expect(await standing(alertname)).toEqual([['open', 1, 1]]);
  }
});

test('an alert that nobody hears of is said to be untold, and is told when somebody does', async () => {
  const ticket = ticketOf(firing({ alertname: 'Unheard' }));
  await takeAlerts(ticket, { ...worker(), rules: [] });
  expect(logged.at(-1)).toMatchObject({ event: 'alerts taken', taken: 0, known: 0, untold: 1 });
  await takeAlerts(ticket, worker());
  expect(await standing('Unheard')).toEqual([['open', 1, 1]]);
});

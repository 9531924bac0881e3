import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { etcdCompare as command } from '../../commands/etcd/compare.ts';
import { etcdCompare } from '../../jobs/etcd/compare.ts';
import { type Clusters, connectClusters } from '../../src/clusters-client.ts';
import { emptyConfig } from '../../src/config.ts';
import type { Context, Desk } from '../../src/job.ts';
import { Refusal } from '../../src/refusal.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { type FilledKey, grantLease, putKeys } from '../support/etcd-keys.ts';
import { failed } from '../support/etcd-seen.ts';

// A machine that is busy with other tests is slow, not wrong.
jest.setTimeout(60_000);

let old: EtcdTestCluster;
let mirror: EtcdTestCluster;
let clusters: Clusters;

beforeAll(async () => {
  [old, mirror] = await Promise.all([startEtcd({ own: true, members: 1 }), startEtcd({ own: true, members: 1 })]);
  const entry = ({ endpoints, tls }: EtcdTestCluster) => ({
    endpoints: [...endpoints],
    requestTimeout: 3000,
    ...(tls === undefined ? {} : { tls: { ...tls } }),
  });
  clusters = connectClusters({
    ...emptyConfig(),
    etcd: { clusters: { old: entry(old), mirror: entry(mirror), same: entry(old) } },
  });
});
afterAll(async () => {
  await clusters.close();
  await Promise.all([old.stop(), mirror.stop()]);
});

function contextFor(role: 'viewer' | 'operator' = 'viewer', more: Partial<Context> = {}): Context {
  return {
    clients: clusters,
    now: () => new Date('2026-11-29T12:00:00Z'),
    signal: new AbortController().signal,
    progress() {},
    desk: { roles: async () => [{ role, because: '' }] } as unknown as Desk,
    ...more,
  };
}

const wish = { a: 'old', b: 'mirror', prefix: '', naming: 'namespaces' as const };
const pods: readonly FilledKey[] = Array.from({ length: 300 }, (_, index) => ({
  key: `/registry/pods/shop/web-${String(index).padStart(4, '0')}`,
  value: `value-${index}`,
}));

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Refusal) return `${error.message} ${error.advice}`;
  throw error ?? new Error('nothing was refused');
}

test('two clusters with the same keys are in step once writes have stopped; what a mirror loses is named', async () => {
  const lease = await grantLease(old, 3600);
  await putKeys(old, [...pods, { key: '/registry/events/shop/web.1', lease }]);
  await putKeys(mirror, [...pods, { key: '/registry/events/shop/web.1' }]);
  // A mirror comes to the same keys by other revisions.
  await putKeys(mirror, [{ key: '/registry/pods/shop/web-0000', value: 'value-0' }]);
  const report = await etcdCompare.run(wish, contextFor());
  expect(report.summary).toBe('old and mirror are in step: 301 keys, the same sha256');
  expect(report.findings.map(({ claim }) => claim)).toEqual([
    'Hanging on a lease in old and on none in mirror: 1 of the keys. There they never expire.',
    'Their revisions are not the same: whoever moves over has to start its watches anew.',
  ]);
  expect(report.data).toMatchObject({ keys: { a: 301, b: 301 }, leasesLost: { a: 0, b: 1 } });
});

test('while writes go on nothing is called in step', async () => {
  let hasWritten = false;
  const writing = new Proxy(clusters, {
    get: (real, name) =>
      name !== 'etcd'
        ? Reflect.get(real, name)
        : async (cluster: string) => {
            const etcd = await real.etcd(cluster);
            if (cluster !== 'old') return etcd;
            return Object.assign(Object.create(etcd), {
              keys: {
                ...etcd.keys,
                async head(...args: Parameters<typeof etcd.keys.head>) {
                  if (!hasWritten) await putKeys(old, [{ key: '/registry/pods/shop/web-0000', value: 'value-0' }]);
                  hasWritten = true;
                  return await etcd.keys.head(...args);
                },
              },
            });
          },
  });
  const report = await etcdCompare.run(wish, contextFor('viewer', { clients: writing }));
  expect(report.summary).toMatch(/^old and mirror are in step as of revisions \d+ and \d+, but writes go on: 301 keys/);
  expect(report.findings.map(({ claim }) => claim)).toContain(
    'Writes go on: whether they are in step now is not known.',
  );
});

test('where a member does not tell its revision afterwards, writes may go on', async () => {
  const silent = new Proxy(clusters, {
    get: (real, name) =>
      name !== 'etcd'
        ? Reflect.get(real, name)
        : async (cluster: string) => {
            const etcd = await real.etcd(cluster);
            const head = async () => ({ failure: failed('deadline', '4 DEADLINE_EXCEEDED', 4) });
            return Object.assign(Object.create(etcd), { keys: { ...etcd.keys, head } });
          },
  });
  const report = await etcdCompare.run(wish, contextFor('viewer', { clients: silent }));
  expect(report.summary).toMatch(/^old and mirror are in step as of revisions \d+ and \d+, but writes may go on: 301/);
  expect(report.findings[0]).toMatchObject({
    grade: 'unknown',
    claim: 'Whether writes go on is not known, and so not whether they are in step now.',
    evidence:
      'old: etcd-1 did not tell its revision afterwards: 4 DEADLINE_EXCEEDED. mirror: etcd-1 did not tell its revision afterwards: 4 DEADLINE_EXCEEDED.',
  });
});

describe('of clusters that differ', () => {
  beforeAll(async () => {
    await putKeys(old, [{ key: '/registry/secrets/shop/db-pass', value: 'hunter2' }]);
    await putKeys(mirror, [
      { key: '/registry/secrets/shop/other-pass', value: 'hunter3' },
      { key: '/registry/pods/shop/web-0007', value: 'another' },
    ]);
  });

  test('it is told where, and to everybody no key', async () => {
    const report = await etcdCompare.run(wish, contextFor());
    expect(report).toMatchObject({ verdict: 'findings', summary: 'old and mirror differ in 3 keys of 302' });
    expect(report.findings[0]?.claim).toBe(
      'They are not in step: 1 only in old, 1 only in mirror, 1 with another value.',
    );
    const [table] = report.sections.flatMap((section) => (section.kind === 'table' ? [section.rows] : []));
    expect(table?.map((row) => row.slice(0, 3))).toEqual([
      ['/registry/secrets/', '1 / 1', '2'],
      ['/registry/pods/', '300 / 300', '1'],
      ['/registry/events/', '1 / 1', '0'],
    ]);
    expect(JSON.stringify(report)).not.toMatch(/db-pass|other-pass|web-0007|hunter/);
  });

  test('an operator is told the keys, to them alone, and no value', async () => {
    const asked = { ...wish, naming: 'keys' as const };
    expect(etcdCompare.isForAskerAlone?.(asked)).toBe(true);
    const text = JSON.stringify(await etcdCompare.run(asked, contextFor('operator')));
    expect(text).toContain('["/registry/secrets/shop/db-pass","only old"]');
    expect(text).toContain('["/registry/pods/shop/web-0007","value"]');
    expect(text).not.toContain('hunter');
    expect(await refusalOf(etcdCompare.run(asked, contextFor('viewer')))).toContain('is for operators');
  });

  test('within a prefix that is alike they are in step', async () => {
    const report = await etcdCompare.run({ ...wish, prefix: '/registry/events/' }, contextFor());
    expect(report.summary).toBe('old and mirror under /registry/events/ are in step: 1 key, the same sha256');
  });
});

test('the same cluster under two names is told', async () => {
  expect(await refusalOf(etcdCompare.run({ ...wish, b: 'same' }, contextFor()))).toMatch(
    /^old and same are the same cluster: both have the id [0-9a-f]+\./,
  );
});

test('an unknown cluster and one that is down are refused by name', async () => {
  expect(await refusalOf(etcdCompare.run({ ...wish, b: 'nowhere' }, contextFor()))).toContain(
    'There is no etcd cluster `nowhere` in the config.',
  );
  await mirror.members[0]?.kill();
  expect(await refusalOf(etcdCompare.run(wish, contextFor()))).toContain('No voter of mirror answers');
});

test.each<[string[], string]>([
  [[], 'Two clusters are wanted.'],
  [['old'], 'Two clusters are wanted.'],
  [['old', 'old'], '"old" is named twice.'],
  [['old', 'mirror', '/a/', '/b/'], '"/b/" is one word too many.'],
])('%j is refused', (positionals, said) => {
  expect(() =>
    command.input(
      { positionals, rest: [], flag: () => undefined, flags: () => [], isSet: () => false },
      '',
      emptyConfig().changes,
    ),
  ).toThrow(said);
});

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { etcdKeys as command } from '../../commands/etcd/keys.ts';
import { etcdKeys } from '../../jobs/etcd/keys.ts';
import { type Clusters, connectClusters } from '../../src/clusters-client.ts';
import { emptyConfig } from '../../src/config.ts';
import { prefixRange } from '../../src/etcd/keys/key-range.ts';
import { Walk } from '../../src/etcd/keys/walk.ts';
import { viewCluster } from '../../src/etcd/view.ts';
import type { Context, Desk } from '../../src/job.ts';
import { Refusal } from '../../src/refusal.ts';
import type { Report } from '../../src/report/report.ts';
import { type EtcdTestCluster, startEtcd } from '../support/etcd.ts';
import { putKeys } from '../support/etcd-keys.ts';

// A machine that is busy with other tests is slow, not wrong.
jest.setTimeout(60_000);

let etcd: EtcdTestCluster;
let clusters: Clusters;

const secretValue = 'hunter2-hunter2';
const names = (amount: number, prefix: string) => Array.from({ length: amount }, (_, index) => `${prefix}${index}`);

beforeAll(async () => {
  etcd = await startEtcd({ own: true });
  clusters = connectClusters({
    ...emptyConfig(),
    etcd: {
      clusters: {
        prod: {
          endpoints: [...etcd.endpoints],
          requestTimeout: 5000,
          ...(etcd.tls === undefined ? {} : { tls: { ...etcd.tls } }),
        },
      },
    },
  });
});
afterAll(async () => {
  await clusters.close();
  await etcd.stop();
});

function contextFor(role: 'viewer' | 'operator' | 'terminal' = 'viewer', more: Partial<Context> = {}): Context {
  const desk = { roles: async () => [{ role, because: 'the config says so' }] } as unknown as Desk;
  return {
    clients: clusters,
    now: () => new Date('2026-11-29T12:00:00Z'),
    signal: new AbortController().signal,
    progress() {},
    ...(role === 'terminal' ? {} : { desk }),
    ...more,
  };
}

const asked = { cluster: 'prod', prefix: '', depth: null, top: 20 };

function tableOf({ sections }: Report): string[] {
  return sections.flatMap((section) => (section.kind === 'table' ? section.rows.map((row) => row.join(' | ')) : []));
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Refusal) return `${error.message} ${error.advice}`;
  throw error ?? new Error('nothing was refused');
}

test('an empty store has no keys', async () => {
  const report = await etcdKeys.run(asked, contextFor());
  expect(report).toMatchObject({ verdict: 'ok', summary: 'prod: no keys at all', sections: [] });
});

describe('of a store with keys of Kubernetes and others', () => {
  beforeAll(() =>
    putKeys(etcd, [
      ...names(700, '/registry/events/shop/web.').map((key) => ({ key, value: 'x'.repeat(400) })),
      ...names(30, '/registry/pods/shop/web-').map((key) => ({ key, value: 'x'.repeat(900) })),
      ...names(3, '/registry/minions/node-').map((key) => ({ key })),
      { key: '/registry/secrets/shop/db-pass', value: secretValue },
      { key: '/registry/services/specs/shop/web' },
      { key: Buffer.from([0xff, 0x00, 0x2f, 0xfe]) },
    ]),
  );

  test('the largest prefixes come first, by their names, read from a follower', async () => {
    const progress: string[] = [];
    const report = await etcdKeys.run(
      asked,
      contextFor('viewer', { progress: (...all) => progress.push(all.join(' ')) }),
    );
    expect(report.summary).toBe('prod: 736 keys, 320.4 KiB; 91% in events');
    expect(tableOf(report)).toEqual([
      '/registry/events/ | events | 700 | 293.2 KiB',
      '/registry/pods/ | pods | 30 | 27.1 KiB',
      '/registry/minions/ | nodes | 3 | 75 bytes',
      '/registry/secrets/ | secrets | 1 | 45 bytes',
      '/registry/services/ | services and endpoints | 1 | 34 bytes',
      '\\xff\\x00/ |  | 1 | 5 bytes',
    ]);
    expect(JSON.stringify(report.sections)).toMatch(/Read from etcd-\d, a follower, in pages/);
    expect(progress.at(-1)).toMatch(/^736 736 keys read from etcd-\d$/);
  });

  test('deeper than the namespace a viewer is told no name, and an operator is', async () => {
    const wish = { ...asked, prefix: '/registry/secrets/', depth: 2 };
    const viewed = await etcdKeys.run(wish, contextFor('viewer'));
    expect(tableOf(viewed)).toEqual(['/registry/secrets/shop/ | secrets in shop | 1 | 45 bytes']);
    expect(viewed.findings[0]?.claim).toBe('Names below the namespace are not shown: they are for operators.');
    expect(JSON.stringify(viewed)).not.toContain('db-pass');
    for (const role of ['operator', 'terminal'] as const)
      expect(tableOf(await etcdKeys.run(wish, contextFor(role)))).toEqual([
        '/registry/secrets/shop/db-pass | secrets in shop | 1 | 45 bytes',
      ]);
  });

  test('a viewer cannot find out a name by guessing it', async () => {
    expect(await refusalOf(etcdKeys.run({ ...asked, prefix: '/registry/secrets/shop/db' }, contextFor()))).toBe(
      'What lies below a namespace is for operators: names of keys can be secrets themselves. Name a shorter prefix, down to the namespace.',
    );
    expect(
      JSON.stringify(await etcdKeys.run({ ...asked, prefix: '/registry/minions/node' }, contextFor())),
    ).not.toContain('node-');
  });

  test('no value is in any answer', async () => {
    const reports = [asked, { ...asked, prefix: '/registry/secrets/shop/', depth: 3 }].map((wish) =>
      etcdKeys.run(wish, contextFor('operator')),
    );
    expect(JSON.stringify(await Promise.all(reports))).not.toContain(secretValue);
  });

  test('what does not fit is summed up', async () => {
    const report = await etcdKeys.run({ ...asked, top: 1 }, contextFor());
    expect(tableOf(report)).toEqual(['/registry/events/ | events | 700 | 293.2 KiB', '5 more |  | 36 | 27.3 KiB']);
    expect(report.data).toMatchObject({ keys: 736, prefixesInAll: 6 });
  });

  test.each([
    ['/registry/pod/', 'No key of prod begins with `/registry/pod/`; nearest: `/registry/pods/`.'],
    ['registry/pods/', 'No key of prod begins with `registry/pods/`; nearest: `/registry/pods/`.'],
    ['/registry/pods/shopp/', 'No key of prod begins with `/registry/pods/shopp/`; nearest: `/registry/pods/shop/`.'],
    ['/regstry/', 'No key of prod begins with `/regstry/`; nearest: `/registry/`.'],
    ['\\xfe', 'No key of prod begins with `\\xfe`.'],
  ])('%s is refused with what there is', async (prefix, said) => {
    expect(await refusalOf(etcdKeys.run({ ...asked, prefix }, contextFor()))).toContain(said);
  });

  test('what a compaction takes away under a walk is read at a later revision, and told', async () => {
    const cluster = await clusters.etcd('prod');
    const walk = new Walk(viewCluster(await cluster.see()), (at, request) =>
      cluster.keys.page(at, { ...request, content: 'names' }),
    );
    let read = 0;
    for await (const page of walk.pages(prefixRange(Buffer.alloc(0)), new AbortController().signal)) {
      if (read === 0) {
        await putKeys(etcd, [{ key: '/registry/minions/node-0' }]);
        const { exitCode, stderr } = await etcd.etcdctl(['compact', String(walk.revision + 1), '--physical']);
        if (exitCode !== 0) throw new Error(stderr);
      }
      read += page.keys.length;
    }
    expect(read).toBe(736);
    expect(walk.remarks).toEqual([
      expect.stringMatching(
        /^Revision \d+ was compacted meanwhile: from \/registry\/events\/shop\/web\.\d+\\x00 on it is a later one\.$/,
      ),
    ]);
  });

  test('a member that hangs in the middle is left for another one', async () => {
    const cluster = await clusters.etcd('prod');
    const walk = new Walk(viewCluster(await cluster.see()), (at, request) =>
      cluster.keys.page(at, { ...request, content: 'sizes' }),
    );
    const first = walk.source;
    const member = etcd.members.find(({ name }) => name === first.label);
    let read = 0;
    for await (const page of walk.pages(prefixRange(Buffer.alloc(0)), new AbortController().signal)) {
      if (read === 0) member?.pause();
      read += page.keys.length;
    }
    member?.resume();
    await etcd.ready();
    expect(read).toBe(736);
    expect(walk.source.label).not.toBe(first.label);
    expect(walk.remarks[0]).toContain(`${first.label} stopped answering`);
  });

  test('it ends where it is stopped', async () => {
    const stop = new AbortController();
    const progress = () => stop.abort();
    await expect(etcdKeys.run(asked, contextFor('viewer', { progress, signal: stop.signal }))).rejects.toThrow(
      /abort/i,
    );
  });
});

describe('as it is typed', () => {
  const typed = (positionals: string[], flags: Record<string, string> = {}) =>
    command.input(
      {
        positionals,
        rest: [],
        flag: (name) => flags[name],
        flags: () => [],
        isSet: (name) => name in flags,
      },
      'prod',
      emptyConfig().changes,
    );

  test('without words it is about all keys', () => {
    expect(typed([])).toEqual({ cluster: 'prod', prefix: '', depth: null, top: 20 });
    expect(typed(['/a/'], { depth: '3', top: '5' })).toEqual({ cluster: 'prod', prefix: '/a/', depth: 3, top: 5 });
  });

  test.each<[string[], Record<string, string>, string]>([
    [[], { depth: '0' }, '--depth "0" is not taken.'],
    [[], { top: '-1' }, '--top "-1" is not taken.'],
    [[], { top: '1e3' }, '--top "1e3" is not taken.'],
    [['/a/', '/b/'], {}, '"/b/" is one word too many.'],
    [['a\\q'], {}, 'has a backslash that stands for nothing.'],
    [['x'.repeat(1001)], {}, 'The prefix has 1001 characters.'],
  ])('%j with %j is refused', (positionals, flags, said) => {
    expect(() => typed(positionals, flags)).toThrow(said);
  });
});

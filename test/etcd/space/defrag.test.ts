import { describe, expect, test } from '@jest/globals';
import { etcdDefrag as defragCommand } from '../../../commands/etcd/defrag.ts';
import { etcdDefrag } from '../../../jobs/etcd/defrag.ts';
import { etcdHealth } from '../../../jobs/etcd/health.ts';
import { emptyConfig } from '../../../src/config.ts';
import type { EtcdCluster } from '../../../src/etcd/client.ts';
import type { ClusterSeen } from '../../../src/etcd/cluster.ts';
import type { Context, Desk } from '../../../src/job.ts';
import { fakeEtcd } from '../../support/etcd-fake.ts';
import { failed, type SeenMember, seenAt, seenCluster } from '../../support/etcd-seen.ts';
import { driveChange } from '../../support/step-driver.ts';

const mebi = 1024 ** 2;
const sized = (dbMebi: number, inUseMebi: number, more: SeenMember = {}): SeenMember => ({
  ...more,
  status: { dbSizeBytes: dbMebi * mebi, dbSizeInUseBytes: inUseMebi * mebi, ...more.status },
});
const loose = sized(1000, 100);
const silent: SeenMember = { failure: failed('deadline', '4 DEADLINE_EXCEEDED', 4), probe: { speaks: 'http2' } };
const members = (more: Readonly<Record<string, SeenMember>> = {}) => ({
  'etcd-1': loose,
  'etcd-2': loose,
  'etcd-3': loose,
  ...more,
});

type Kubernetes = Awaited<ReturnType<Context['clients']['kubernetes']>>;
const noKubernetes = async () => Promise.reject(new Error('There is no Kubernetes cluster `prod`'));

function contextOf(seen: () => ClusterSeen, more: Partial<EtcdCluster> = {}): Context {
  return {
    clients: { etcd: async () => fakeEtcd(seen, more), kubernetes: noKubernetes },
    now: () => seenAt,
    signal: new AbortController().signal,
    progress() {},
  };
}

const propose = (
  word: string | null,
  seen: ClusterSeen = seenCluster(members()),
  { care = 'careful' as 'careful' | 'forced', kubernetes = noKubernetes as () => Promise<Kubernetes> } = {},
) => {
  const context = contextOf(() => seen);
  return etcdDefrag.propose(
    { cluster: 'prod', member: word, care },
    { ...context, clients: { ...context.clients, kubernetes } },
  );
};
const statusOf = (checks: readonly { readonly name: string; readonly status: string }[], name: string) =>
  checks.find((check) => check.name === name)?.status;

describe('the plan to defragment', () => {
  test('names whom and not in which order, and says how long each is expected to be blocked', async () => {
    const { plan, words, sections, approvers } = await propose(null);
    expect(plan).toEqual({ cluster: 'prod', memberIds: ['a1', 'a2', 'a3'], care: 'careful' });
    expect(words).toBe('defragment etcd-1, etcd-2 and etcd-3 of prod, one at a time, the leader last');
    expect(sections[0]).toMatchObject({
      rows: [
        ['etcd-1', '1000 MiB', '100 MiB', '13 s'],
        ['etcd-3', '1000 MiB', '100 MiB', '13 s'],
        ['etcd-2 (leads; leadership moves first)', '1000 MiB', '100 MiB', '13 s'],
      ],
    });
    expect(approvers).toBeUndefined();
  });

  test('is stopped where a member is down: with another one blocked, all of it would stand still', async () => {
    const seen = seenCluster(members({ 'etcd-3': { failure: failed('closed-port', 'ECONNREFUSED') } }));
    const { checks } = await propose('etcd-1', seen);
    expect(checks[0]).toMatchObject({
      name: 'One member can be spared',
      status: 'blocking',
      seen: '2 of 3 voters work, 2 needed; not working: etcd-3: while one is blocked, all of it stands still.',
    });
    const forced = await propose('etcd-1', seen, { care: 'forced' });
    expect(statusOf(forced.checks, 'One member can be spared')).toBe('warning');
    expect(forced.approvers).toBe(2);
  });

  test('is stopped where the liveness probe of its static pod is shorter than the block', async () => {
    const pod = (failureThreshold: number) =>
      ({
        listPods: async () => ({
          pods: ['etcd-1', 'etcd-2', 'etcd-3'].map((name) => ({
            metadata: { name },
            spec: {
              containers: [
                {
                  name: 'etcd',
                  command: ['etcd', `--name=${name}`],
                  args: [],
                  env: [],
                  livenessProbe: { failureThreshold, periodSeconds: 5 },
                },
              ],
            },
          })),
        }),
      }) as unknown as Kubernetes;
    const name = 'No liveness probe ends it in the middle';
    const short = await propose('etcd-1', undefined, { kubernetes: async () => pod(2) });
    expect(short.checks[0]).toMatchObject({ name, status: 'blocking' });
    expect(short.checks[0]?.seen).toContain('ended is etcd-1 after 10 s.');
    expect(statusOf((await propose('etcd-1', undefined, { kubernetes: async () => pod(8) })).checks, name)).toBe('ok');
    expect(statusOf((await propose('etcd-1')).checks, name)).toBe('unknown');
  });

  test('never takes free disk for known', async () => {
    expect(statusOf((await propose('etcd-1')).checks, 'The disk holds a second copy meanwhile')).toBe('unknown');
  });

  test('refuses a learner, no member, and where there is nothing to give back', async () => {
    const learner = seenCluster(members({ 'etcd-4': { isLearner: true } }));
    await expect(propose('etcd-4', learner)).rejects.toThrow('etcd-4 is a learner: etcd does not defragment it.');
    await expect(propose('etcd-7')).rejects.toThrow('prod has no member etcd-7');
    await expect(propose('etcd-1', seenCluster(members({ 'etcd-1': sized(100, 99) })))).rejects.toThrow(
      'Nothing to do: etcd-1 has 1 MiB free inside of 100 MiB.',
    );
  });

  test('is typed with one member or none', () => {
    const typed = (...positionals: string[]) =>
      defragCommand.input(
        { positionals, rest: [], flag: () => undefined, flags: () => [], isSet: (name) => name === 'force' },
        'prod',
        emptyConfig().changes,
      );
    expect(typed()).toEqual({ cluster: 'prod', member: null, care: 'forced' });
    expect(() => typed('etcd-1', 'etcd-2')).toThrow('"etcd-2" is one word too many.');
  });
});

describe('a defragmentation that was sent', () => {
  const plan = { cluster: 'prod', memberIds: ['a1'], care: 'careful' as const };
  const sentIntent = {
    defragmenting: { memberId: 'a1', label: 'etcd-1', sentAt: Date.now(), beforeBytes: 1000 * mebi, attempt: 1 },
  };

  function driven(seen: () => ClusterSeen) {
    const sent: string[] = [];
    const { upkeep } = fakeEtcd(seen);
    const etcd = fakeEtcd(seen, {
      upkeep: {
        ...upkeep,
        async defragment(at) {
          sent.push(at);
          return { kind: 'unknown', failure: failed('deadline', '4 DEADLINE_EXCEEDED', 4) };
        },
      },
    });
    const change = driveChange(etcdDefrag, plan, { etcd: async () => etcd, kubernetes: noKubernetes });
    return { change, sent };
  }

  test('is not sent again by the next worker while its member is silent', async () => {
    const { change, sent } = driven(() => seenCluster(members({ 'etcd-1': silent })));
    change.intent = sentIntent;
    expect(await change.run({ until: 'Defragmented' })).toMatchObject({
      kind: 'waiting',
      reason: 'etcd-1 is defragmenting: it answers nothing for about 13 s.',
    });
    expect(sent).toEqual([]);
  });

  test('nor when a deadline is over: the answer is its status', async () => {
    let now: SeenMember = loose;
    const { change, sent } = driven(() => seenCluster(members({ 'etcd-1': now })));
    expect(await change.run({ until: 'Defragmented' })).toMatchObject({ kind: 'waiting' });
    now = silent;
    await change.run({ until: 'Defragmented', aheadMs: 60_000 });
    now = sized(100, 100);
    expect(await change.run()).toEqual({ kind: 'done' });
    expect(sent).toEqual(['https://10.0.0.1:2379']);
    expect(change.notes.Defragmented).toBe('etcd-1: 1000 MiB → 100 MiB.');
  });

  test('is sent again where it is certain that it never came there, five times at the most with those that were only written down', async () => {
    const { change, sent } = driven(() => seenCluster(members()));
    change.intent = sentIntent;
    await change.run({ until: 'Defragmented', aheadMs: 5000 });
    expect(sent).toEqual(['https://10.0.0.1:2379']);
    // Killed between the writing down and the call.
    change.intent = { ...sentIntent, defragmenting: { ...sentIntent.defragmenting, attempt: 5 } };
    const outcome = await change.run({ aheadMs: 60_000 });
    expect(outcome).toMatchObject({
      kind: 'blocked',
      refusal: {
        message:
          'etcd-1 was asked 5 times and has not become smaller: 1000 MiB, 100 MiB in use. Defragmented: none. Under way: etcd-1.',
      },
    });
    expect(sent).toHaveLength(1);
  });

  test('is given up after 30 s and 100 ms a megabyte, and it says not to restart the member', async () => {
    const { change } = driven(() => seenCluster(members({ 'etcd-1': silent })));
    change.intent = sentIntent;
    expect(await change.run({ aheadMs: 131_000 })).toMatchObject({
      kind: 'blocked',
      refusal: { advice: expect.stringContaining('do not restart it before its log says so') },
    });
  });

  test('is what /etcd health says of a silent member, instead of a failure', async () => {
    const open = async () => [{ target: { kind: 'etcd', name: 'prod', identity: 'c1' }, intent: sentIntent }];
    const context = contextOf(() => seenCluster(members({ 'etcd-1': silent })));
    const ours = await etcdHealth.run({ cluster: 'prod' }, { ...context, desk: { open } as unknown as Desk });
    expect(ours).toMatchObject({ verdict: 'ok', summary: 'prod: 2 of 3 healthy, can lose 0: etcd-1 defragmenting' });
    expect(ours.findings.map(({ advice }) => advice).join(' ')).toContain(
      'a change of mine does it, and about 13 s were expected',
    );
    const unknown = await etcdHealth.run({ cluster: 'prod' }, context);
    expect(unknown.summary).toBe('prod: 2 of 3 healthy, can lose 0: etcd-1 hung (no answer in 1 s)');
    const broken = { open: async () => Promise.reject(new Error('Connection is closed.')) } as unknown as Desk;
    expect((await etcdHealth.run({ cluster: 'prod' }, { ...context, desk: broken })).verdict).toBe('findings');
  });
});

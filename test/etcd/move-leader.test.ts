import { describe, expect, test } from '@jest/globals';
import { etcdMoveLeader as command } from '../../commands/etcd/move-leader.ts';
import { etcdMoveLeader } from '../../jobs/etcd/move-leader.ts';
import { emptyConfig } from '../../src/config.ts';
import type { Context } from '../../src/job.ts';
import { fakeEtcd } from '../support/etcd-fake.ts';
import { failed, type SeenMember, seenAt, seenCluster } from '../support/etcd-seen.ts';

const contextOf = (members: Readonly<Record<string, SeenMember>> = {}): Context => ({
  clients: {
    etcd: async () => fakeEtcd(() => seenCluster(members)),
    kubernetes: async () => Promise.reject(new Error('there is none')),
  },
  now: () => seenAt,
  signal: new AbortController().signal,
  progress() {},
});
const propose = (member: string | null, members?: Readonly<Record<string, SeenMember>>) =>
  etcdMoveLeader.propose({ cluster: 'prod', member }, contextOf(members));

describe('the plan to move the leader', () => {
  test('without a name is to leave the one that leads, and not who comes next: that is chosen at the move', async () => {
    const { plan, words, checks, target } = await propose(null);
    expect(plan).toEqual({ cluster: 'prod', lead: { kind: 'away-from', memberId: 'a2' } });
    expect(words).toBe('move the leadership of prod away from etcd-2, to the fittest other voter');
    expect(checks.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(target).toEqual({ kind: 'etcd', name: 'prod', identity: 'c1' });
  });

  test('takes a member by name or by id', async () => {
    expect((await propose('etcd-3')).plan).toEqual((await propose('A3')).plan);
    expect((await propose('etcd-3')).words).toBe('make etcd-3 the leader of prod');
  });

  test.each<[string, Readonly<Record<string, SeenMember>>, string]>([
    ['a learner', { 'etcd-3': { isLearner: true } }, 'etcd-3 is a learner and cannot lead.'],
    ['one that never started', { 'etcd-3': { neverStarted: true } }, 'a3 has never started.'],
    [
      'one that is down',
      { 'etcd-3': { failure: failed('closed-port', 'connect ECONNREFUSED') } },
      'etcd-3 does not work as seen from here.',
    ],
    ['one that lags', { 'etcd-3': { status: { raftIndex: 100 } } }, 'etcd-3 is 4900 entries behind.'],
  ])('is stopped for %s', async (_title, members, seen) => {
    const { checks } = await propose('a3', members);
    expect(checks[0]).toMatchObject({ name: 'The next leader is fit', status: 'blocking', seen });
  });

  test('is stopped where the leader does not answer: only it can hand over', async () => {
    const { checks } = await propose('etcd-3', { 'etcd-2': { failure: failed('deadline', 'no answer') } });
    expect(checks[0]).toMatchObject({
      name: 'A leader answers',
      status: 'blocking',
      seen: 'etcd-2 leads as the others say, but does not answer the bot.',
    });
  });

  test('refuses the member that leads, and no member', async () => {
    await expect(propose('etcd-2')).rejects.toThrow('etcd-2 leads already.');
    await expect(propose('etcd-7')).rejects.toThrow('prod has no member etcd-7; did you mean etcd-1?');
    await expect(propose(null, { 'etcd-2': { failure: failed('deadline', 'no answer') } })).rejects.toThrow(
      'Who leads prod could not be seen, so it cannot be moved away from there.',
    );
  });
});

describe('/etcd move-leader as it is typed', () => {
  const words = (...positionals: string[]) => ({
    positionals,
    rest: [],
    flag: () => undefined,
    flags: () => [],
    isSet: () => false,
  });

  test('takes one member or none', () => {
    expect(command.input(words(), 'prod', emptyConfig().changes)).toEqual({ cluster: 'prod', member: null });
    expect(command.input(words('etcd-2'), 'prod', emptyConfig().changes)).toEqual({
      cluster: 'prod',
      member: 'etcd-2',
    });
    expect(() => command.input(words('etcd-2', 'etcd-3'), 'prod', emptyConfig().changes)).toThrow(
      '"etcd-3" is one word too many.',
    );
    expect(() => command.input(words('x'.repeat(300)), 'prod', emptyConfig().changes)).toThrow(
      'is too long for a name.',
    );
  });
});

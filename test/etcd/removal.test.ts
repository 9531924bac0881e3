import { describe, expect, test } from '@jest/globals';
import { type ApiServersSeen, etcdServersOf } from '../../src/etcd/api-servers.ts';
import { findMember, requireKnown } from '../../src/etcd/member-reference.ts';
import {
  describeRemoval,
  isDead,
  leftToDo,
  planRemoval,
  removalChecks,
  removalSections,
} from '../../src/etcd/removal.ts';
import type { Check } from '../../src/job.ts';
import { failed, type SeenMember, seenAt, seenCluster } from '../support/etcd-seen.ts';

const down: SeenMember = { failure: failed('closed-port', 'connect ECONNREFUSED') };
const apart: ApiServersSeen = {
  servers: [{ name: 'kube-apiserver-a', etcdServers: ['https://10.0.0.1:2379', 'https://10.0.0.2:2379'] }],
};

function removing(
  word: string,
  members: Readonly<Record<string, SeenMember>> = {},
  apiServers: ApiServersSeen = apart,
) {
  const view = requireKnown(seenCluster(members));
  const member = findMember(view, word);
  const checks = removalChecks({
    view,
    member,
    apiServers,
    snapshot: { ageMs: 60_000, maxAgeMs: 86_400_000, canTake: true },
    now: seenAt,
  });
  return { view, member, checks };
}

const notOk = (checks: readonly Check[]) =>
  checks.filter(({ status }) => status !== 'ok').map(({ status, name }) => `${status}: ${name}`);
const seenOf = (checks: readonly Check[], name: string) => checks.find((check) => check.name === name)?.seen;
const quorum = 'The quorum stands, before and after';

describe('removing a member', () => {
  test('of three that are well leaves two, both needed: a warning', () => {
    const { checks, view, member } = removing('etcd-3');
    expect(notOk(checks)).toEqual([`warning: ${quorum}`]);
    expect(seenOf(checks, quorum)).toBe(
      'Now 3 of 3 voters work, 2 are needed. After it 2 of 2 work and 2 are needed: the loss of one more voter stops all writes.',
    );
    expect(removalSections(view, member)).toEqual([
      {
        kind: 'table',
        title: 'Quorum',
        columns: ['', 'Voters', 'Needed', 'Can lose'],
        rows: [
          ['Now', '3', '2', '1'],
          ['Without etcd-3', '2', '2', '0'],
        ],
      },
    ]);
  });

  test('that is dead is free, and is known for dead', () => {
    const { checks, member } = removing('etcd-3', { 'etcd-3': down });
    expect(isDead(member)).toBe(true);
    expect(notOk(checks)).toEqual(['unknown: Nobody has just restarted', `warning: ${quorum}`]);
  });

  test('that works is stopped while another one is down', () => {
    const { checks } = removing('etcd-1', { 'etcd-3': down });
    expect(notOk(checks).slice(0, 2)).toEqual([`blocking: ${quorum}`, 'blocking: The dead member goes first']);
    expect(seenOf(checks, quorum)).toBe('Now 2 of 3 voters work, 2 are needed. After it 1 of 2 work and 2 are needed.');
  });

  test('is stopped where the quorum is lost already', () => {
    const { checks } = removing('etcd-3', { 'etcd-1': down, 'etcd-3': down });
    expect(seenOf(checks, quorum)).toBe('1 of 3 voters work, 2 are needed.');
    expect(notOk(checks)[0]).toBe(`blocking: ${quorum}`);
  });

  test('that leads says who leads next', () => {
    const { checks } = removing('etcd-2');
    expect(seenOf(checks, 'Leadership moves first')).toBe('etcd-2 leads; leadership is handed to etcd-1 before.');
  });

  test('that a kube-apiserver depends on alone is stopped', () => {
    const alone = { servers: [{ name: 'kube-apiserver-a', etcdServers: ['https://10.0.0.3:2379'] }] };
    const { checks } = removing('etcd-3', {}, alone);
    expect(notOk(checks)).toEqual(['blocking: No kube-apiserver depends on it alone', `warning: ${quorum}`]);
    expect(seenOf(checks, 'No kube-apiserver depends on it alone')).toBe(
      '--etcd-servers of kube-apiserver-a names only etcd-3.',
    );
  });

  test('does not take API servers that cannot be seen for fine', () => {
    const { checks } = removing('etcd-3', {}, { unseen: 'no Kubernetes cluster in the configuration is called prod' });
    expect(notOk(checks)[0]).toBe('unknown: No kube-apiserver depends on it alone');
  });

  test('of a learner or of one that never started is free', () => {
    expect(notOk(removing('etcd-4', { 'etcd-4': { isLearner: true } }).checks)).toEqual([]);
    const { member, view, checks } = removing('0xA4', { 'etcd-4': { neverStarted: true, isLearner: true } });
    expect(notOk(checks)).toEqual([]);
    expect(describeRemoval(planRemoval({ view, member }))).toBe(
      'remove the member that never started (a4, https://10.0.0.4:2380) from prod',
    );
  });

  test('of the last voter is refused', () => {
    const seen = seenCluster();
    const view = requireKnown({ ...seen, members: seen.members?.slice(0, 1) ?? [] });
    expect(() => planRemoval({ view, member: findMember(view, 'etcd-1') })).toThrow(
      'etcd-1 is the last voter of prod: without it there is no cluster.',
    );
  });

  test('tells what is left to do on that node, and of an even number', () => {
    const { view, member } = removing('etcd-3');
    const section = leftToDo(planRemoval({ view, member }), 2);
    expect(section.kind === 'text' ? section.text : '').toMatch(
      /delete its data directory[\s\S]*etcd\.clusters\.prod\.endpoints[\s\S]*2 voters now/,
    );
  });
});

describe('a member as it is typed', () => {
  const view = requireKnown(seenCluster({ 'etcd-3': { neverStarted: true } }));
  test.each([
    ['etcd-1', 'a1'],
    ['a2', 'a2'],
    ['00A2', 'a2'],
    ['0xa3', 'a3'],
  ])('%s is the member %s', (word, id) => {
    expect(findMember(view, word).member.id).toBe(id);
  });

  test.each([
    ['etcd-9', 'prod has no member etcd-9; did you mean etcd-1?'],
    ['8211f1d0f64f3269', 'prod has no member 8211f1d0f64f3269.'],
    ['x'.repeat(100), `prod has no member ${'x'.repeat(59)}….`],
  ])('%s is refused', (word, said) => {
    expect(() => findMember(view, word)).toThrow(said);
  });

  test('a name that two have is refused, with their ids', () => {
    const seen = seenCluster();
    const twins = requireKnown({
      ...seen,
      members: (seen.members ?? []).map((member) => ({ ...member, name: 'etcd' })),
    });
    expect(() => findMember(twins, 'etcd')).toThrow('3 members of prod are called etcd.');
  });

  test('nothing is proposed where nobody tells who the members are', () => {
    expect(() =>
      requireKnown({ ...seenCluster(), members: null, membersFailure: failed('deadline', 'no answer in 1 s') }),
    ).toThrow('Who the members of prod are could not be seen: no answer in 1 s.');
  });
});

test('the endpoints of a kube-apiserver are read from its flags, joined or apart', () => {
  expect(
    etcdServersOf(['kube-apiserver', '--etcd-servers=https://10.0.0.1:2379, https://10.0.0.2:2379/', '--v=2']),
  ).toEqual(['https://10.0.0.1:2379', 'https://10.0.0.2:2379']);
  expect(
    etcdServersOf(['--etcd-servers', 'https://[::1]:2379', '--etcd-servers-overrides=/events#https://x:1']),
  ).toEqual(['https://[::1]:2379']);
});

import { describe, expect, test } from '@jest/globals';
import { type AddPlan, defaultStartTimeoutMs } from '../../src/etcd/add-plan.ts';
import { ensureAdded } from '../../src/etcd/addition.ts';
import type { EtcdCluster } from '../../src/etcd/client.ts';
import type { Member } from '../../src/etcd/cluster.ts';
import { failureOf } from '../../src/etcd/failure.ts';
import type { Mutation } from '../../src/etcd/membership-client.ts';
import { ensurePromoted } from '../../src/etcd/promotion.ts';
import { ensureRemoved } from '../../src/etcd/removal.ts';
import type { Outcome, StepContext } from '../../src/job.ts';
import type { JsonObject } from '../../src/report/report.ts';
import { fakeEtcd } from '../support/etcd-fake.ts';
import { type SeenMember, seenAt, seenCluster } from '../support/etcd-seen.ts';

const plan: AddPlan = {
  cluster: 'prod',
  name: 'etcd-4',
  peerUrls: ['https://10.0.0.4:2380'],
  as: 'learner-then-promote',
  spare: [],
  startTimeoutMs: defaultStartTimeoutMs,
};
const newcomer: Member = { id: 'ad4', name: '', peerUrls: ['https://10.0.0.4:2380'], clientUrls: [], isLearner: true };
const voters = seenCluster().members ?? [];
const said = (text: string): Mutation<never> => ({ kind: 'refused', failure: failureOf(new Error(text)) });
const lost: Mutation<never> = {
  kind: 'unknown',
  failure: failureOf(new Error('4 DEADLINE_EXCEEDED: Deadline exceeded')),
};

/** One run of a step against a cluster that lists these members and answers a mutation so; `sent` counts mutations. */
function given({
  listed = voters,
  answer = lost,
  intent = {},
  waitedMs = 0,
  members = {},
  fence = async () => undefined,
}: {
  listed?: readonly Member[] | 'unreadable';
  answer?: Mutation<never> | { readonly kind: 'done'; readonly value: Member };
  intent?: JsonObject;
  waitedMs?: number;
  members?: Readonly<Record<string, SeenMember>>;
  fence?: () => Promise<void>;
}) {
  const happened: string[] = [];
  let written = intent;
  const mutate = async () => {
    happened.push('sent');
    return answer;
  };
  const etcd: EtcdCluster = fakeEtcd(() => seenCluster(members), {
    membership: {
      list: async () =>
        listed === 'unreadable'
          ? { failure: failureOf(new Error('14 UNAVAILABLE: etcdserver: request timed out')) }
          : { value: listed },
      add: async () => (await mutate()) as Mutation<Member>,
      promote: async () => (await mutate()) as Mutation<void>,
      remove: async () => (await mutate()) as Mutation<void>,
      moveLeader: async () => (await mutate()) as Mutation<void>,
    },
  });
  const context: StepContext = {
    clients: { etcd: async () => etcd, kubernetes: async () => Promise.reject(new Error('there is none')) },
    now: () => new Date(seenAt.getTime() + waitedMs),
    signal: new AbortController().signal,
    progress() {},
    startedAt: seenAt,
    intent: {
      get value() {
        return written;
      },
      async write(more) {
        happened.push(`wrote ${Object.keys(more).join(', ')}`);
        written = { ...written, ...more };
      },
    },
    async fence() {
      happened.push('fence');
      await fence();
    },
  };
  return { etcd, context, happened, intent: () => written };
}

const told = (outcome: Outcome) =>
  outcome.kind === 'done' ? outcome.note : outcome.kind === 'waiting' ? outcome.reason : outcome.refusal.message;

describe('the step that adds a member', () => {
  test('writes its intent, asks whether it is still its turn, and then sends, once', async () => {
    const { etcd, context, happened, intent } = given({ answer: { kind: 'done', value: newcomer } });
    const outcome = await ensureAdded(etcd, plan, context);
    expect(outcome).toEqual({ kind: 'done', note: 'etcd-4 is member ad4, a learner.' });
    expect(happened).toEqual(['wrote addingPeerUrls, healthBefore', 'fence', 'sent', 'wrote addedMemberId']);
    expect(intent()).toEqual({
      addingPeerUrls: 'https://10.0.0.4:2380',
      healthBefore: expect.stringMatching(/^prod: 3 of 3 healthy, can lose 1, leader etcd-2/),
      addedMemberId: 'ad4',
    });
  });

  test('sends nothing where it is no longer its turn', async () => {
    const { etcd, context, happened } = given({ fence: async () => Promise.reject(new Error('taken over')) });
    await expect(ensureAdded(etcd, plan, context)).rejects.toThrow('taken over');
    expect(happened).not.toContain('sent');
  });

  test('knows what it sent before by its intent, and sends nothing again', async () => {
    const { etcd, context, happened, intent } = given({
      listed: [...voters, newcomer],
      intent: { addingPeerUrls: 'https://10.0.0.4:2380' },
    });
    expect((await ensureAdded(etcd, plan, context)).kind).toBe('done');
    expect(happened).toEqual(['wrote addedMemberId']);
    expect(intent().addedMemberId).toBe('ad4');
  });

  test('does nothing at all once it knows the id', async () => {
    const intent = { addingPeerUrls: 'https://10.0.0.4:2380', addedMemberId: 'ad4' };
    const { etcd, context, happened } = given({ listed: [...voters, newcomer], intent });
    expect((await ensureAdded(etcd, plan, context)).kind).toBe('done');
    expect(happened).toEqual([]);
  });

  test.each<[string, Parameters<typeof given>[0], Outcome['kind'], string]>([
    [
      'somebody else’s member at its peer URL',
      { listed: [...voters, newcomer] },
      'blocked',
      'Somebody else has added https://10.0.0.4:2380 already, as a learner (ad4).',
    ],
    [
      'a voter where it meant a learner',
      { listed: [...voters, { ...newcomer, isLearner: false }], intent: { addingPeerUrls: 'https://10.0.0.4:2380' } },
      'blocked',
      'Somebody else has added https://10.0.0.4:2380 already, as a voter (ad4).',
    ],
    [
      'its member removed by somebody else',
      { intent: { addingPeerUrls: 'https://10.0.0.4:2380', addedMemberId: 'ad4' } },
      'blocked',
      'etcd-4 (ad4) was added and has been removed since, by somebody else.',
    ],
    [
      'a lost reply',
      {},
      'waiting',
      'How it came out is looked up before anything else is done: 4 DEADLINE_EXCEEDED: Deadline exceeded.',
    ],
    [
      'a lost reply, and no answer for a minute',
      { listed: 'unreadable', intent: { addingPeerUrls: 'https://10.0.0.4:2380' }, waitedMs: 60_000 },
      'blocked',
      'Whether etcd-4 was added could not be found out in 1 min.',
    ],
    [
      'no list before anything was sent',
      { listed: 'unreadable', waitedMs: 60_000 },
      'blocked',
      'etcd-4 was not added: etcd did not take it in 1 min.',
    ],
    [
      'a member that has just restarted',
      { answer: said('14 UNAVAILABLE: etcdserver: unhealthy cluster') },
      'waiting',
      'etcd refuses for now (14 UNAVAILABLE: etcdserver: unhealthy cluster): every member has to be connected for 5 s.',
    ],
    [
      'an unhealthy cluster for a minute',
      { answer: said('14 UNAVAILABLE: etcdserver: unhealthy cluster'), waitedMs: 60_000 },
      'blocked',
      'etcd-4 was not added: etcd did not take it in 1 min.',
    ],
    [
      'peer URLs that exist since a moment ago',
      { answer: said('9 FAILED_PRECONDITION: etcdserver: Peer URLs already exists') },
      'waiting',
      'etcd knows it already (9 FAILED_PRECONDITION: etcdserver: Peer URLs already exists): the list tells whose it is.',
    ],
    [
      'the id of a member that was added and removed within the same second',
      { answer: said('5 NOT_FOUND: etcdserver: member not found') },
      'waiting',
      'The same was added and removed within this second (5 NOT_FOUND: etcdserver: member not found).',
    ],
    [
      'a second learner',
      { answer: said('9 FAILED_PRECONDITION: etcdserver: too many learner members in cluster') },
      'blocked',
      'etcd refused to add etcd-4: 9 FAILED_PRECONDITION: etcdserver: too many learner members in cluster.',
    ],
    [
      'a voter that is down when it starts',
      { members: { 'etcd-3': { failure: failureOf(new Error('14 UNAVAILABLE: connect ECONNREFUSED')) } } },
      'waiting',
      'All voters answer: etcd-3 does not answer (14 UNAVAILABLE: connect ECONNREFUSED).',
    ],
    [
      'members without learners',
      {
        members: Object.fromEntries(
          ['etcd-1', 'etcd-2', 'etcd-3'].map((name) => [name, { status: { version: '3.3.27' } }]),
        ),
      },
      'blocked',
      'etcd-4 was not added: etcd-1 runs etcd 3.3.27, which has no learners.',
    ],
  ])('with %s', async (_title, more, kind, text) => {
    const { etcd, context } = given(more);
    const outcome = await ensureAdded(etcd, plan, context);
    expect([outcome.kind, told(outcome)]).toEqual([kind, text]);
  });
});

describe('the step that promotes', () => {
  const promoting = { memberId: 'ad4', name: 'etcd-4' };
  const voter = { ...newcomer, name: 'etcd-4', isLearner: false };

  test.each<[string, Parameters<typeof given>[0], Outcome['kind'], string, boolean]>([
    [
      'a learner',
      { listed: [...voters, newcomer], answer: { kind: 'done', value: voter } },
      'done',
      'etcd-4 votes.',
      true,
    ],
    ['what was promoted already', { listed: [...voters, voter] }, 'done', 'etcd-4 votes.', false],
    ['what was removed', {}, 'blocked', 'etcd-4 (ad4) is no member any more: somebody has removed it.', false],
    [
      'one that lags',
      {
        listed: [...voters, newcomer],
        answer: said(
          '9 FAILED_PRECONDITION: etcdserver: can only promote a learner member which is in sync with leader',
        ),
      },
      'waiting',
      'etcd says that it has not caught up yet: 9 FAILED_PRECONDITION: etcdserver: can only promote a learner member which is in sync with leader.',
      true,
    ],
    [
      'and loses the reply',
      { listed: [...voters, newcomer] },
      'waiting',
      'How it came out is looked up: 4 DEADLINE_EXCEEDED: Deadline exceeded.',
      true,
    ],
  ])('%s', async (_title, more, kind, text, isSent) => {
    const { etcd, context, happened } = given(more);
    const outcome = await ensurePromoted(etcd, promoting, context);
    expect([outcome.kind, told(outcome), happened.includes('sent')]).toEqual([kind, text, isSent]);
  });
});

describe('the step that removes', () => {
  const removing = { cluster: 'prod', memberId: 'a3', name: 'etcd-3', peerUrls: ['https://10.0.0.3:2380'] };
  const others = voters.filter(({ id }) => id !== 'a3');

  test.each<[string, Parameters<typeof given>[0], Outcome['kind'], string, boolean]>([
    ['a member', { answer: { kind: 'done', value: newcomer } }, 'done', 'etcd-3 is no member any more.', true],
    ['what is gone already', { listed: others }, 'done', 'etcd-3 is no member any more.', false],
    [
      'nothing while another member is down',
      { members: { 'etcd-1': { failure: failureOf(new Error('14 UNAVAILABLE: connect ECONNREFUSED')) } } },
      'waiting',
      'Now 2 of 3 voters work, 2 are needed. After it 1 of 2 work and 2 are needed.',
      false,
    ],
    [
      'and loses the reply',
      {},
      'waiting',
      'How it came out is looked up: 4 DEADLINE_EXCEEDED: Deadline exceeded.',
      true,
    ],
    [
      'and does not know for a minute how it came out',
      { listed: 'unreadable', intent: { removing: 'a3' }, waitedMs: 60_000 },
      'blocked',
      'Whether etcd-3 was removed could not be found out in 1 min.',
      false,
    ],
  ])('%s', async (_title, more, kind, text, isSent) => {
    const { etcd, context, happened } = given(more);
    const outcome = await ensureRemoved(etcd, removing, context);
    expect([outcome.kind, told(outcome), happened.includes('sent')]).toEqual([kind, text, isSent]);
  });

  test('hands leadership over before it removes the leader', async () => {
    const { etcd, context, happened } = given({ answer: { kind: 'done', value: newcomer } });
    const outcome = await ensureRemoved(etcd, { ...removing, memberId: 'a2', name: 'etcd-2' }, context);
    expect([outcome.kind, told(outcome)]).toEqual(['waiting', 'etcd-2 led again.']);
    expect(happened).toEqual(['wrote leaderBefore, leaderWanted', 'fence', 'sent']);
  });
});

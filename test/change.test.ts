import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { approve, cancel, deny, expire, proposed, started, type Transition } from '../src/change.ts';
import { type ChangeRecord, changeDigest } from '../src/change-record.ts';
import { carryOn } from '../src/change-work.ts';
import { emptyConfig } from '../src/config.ts';
import { demandStanding } from '../src/deciding.ts';
import { type Change, change, type Outcome, type Proposal, type Step } from '../src/job.ts';
import { Refusal } from '../src/refusal.ts';
import { remindersDue, sweep } from '../src/sweep.ts';
import { undoOf } from '../src/undo.ts';
import { memoryChanges } from './support/memory-changes.ts';

const minute = 60_000;

function job(steps: readonly Step[] = [], proposal: Partial<Proposal> = {}): Change {
  return change({
    name: 'etcd move-leader',
    input: z.object({}),
    plan: z.record(z.string(), z.json()) as z.ZodType<Proposal['plan']>,
    planVersion: 1,
    propose: async () => ({
      target: { kind: 'etcd', name: 'prod', identity: 'c1' },
      plan: { to: 'm2' },
      checks: [],
      words: 'move the leader of prod to etcd-2',
      sections: [],
      ...proposal,
    }),
    steps: () => steps,
  });
}

const asking = {
  id: 'c-1',
  line: '/etcd move-leader',
  requester: 'UANN',
  place: { channelId: 'C1', rootKey: 'r' },
  required: 1,
  expiresInMs: 15 * minute,
};

async function fresh(of: Change = job(), more: Partial<typeof asking> = {}): Promise<ChangeRecord> {
  return proposed(of, {}, await of.propose({}, undefined as never), { ...asking, ...more }, 0).record;
}

const bob = { userId: 'UBOB', mayApproveOwn: false };

describe('an approval', () => {
  test('takes the claim with the deciding yes', async () => {
    const { record, claim, notes } = approve(await fresh(), bob, 15 * minute, minute);
    expect([record.state, claim, record.startBy, record.wake]).toEqual(['approved', 'take', 16 * minute, 1]);
    expect(notes.map(({ actor, action }) => [actor, action])).toEqual([['UBOB', 'approved']]);
  });

  test('counts each approver once where two are needed', async () => {
    const first = approve(await fresh(job(), { required: 2 }), bob, minute, 1);
    expect([first.record.state, first.claim]).toEqual(['proposed', 'keep']);
    expect(() => approve(first.record, bob, minute, 2)).toThrow('You have approved this already');
    const second = approve(first.record, { ...bob, userId: 'UCAT' }, minute, 3);
    expect([second.record.state, second.claim]).toEqual(['approved', 'take']);
  });

  test.each<[string, (record: ChangeRecord) => Transition, string]>([
    [
      'by whoever asked',
      (record) => approve(record, { userId: 'UANN', mayApproveOwn: false }, minute, 1),
      'You asked for this change: somebody else has to approve it.',
    ],
    ['after its time', (record) => approve(record, bob, minute, 16 * minute), 'This expired 1 min ago.'],
    [
      'a second time',
      (record) => approve(approve(record, bob, minute, 1).record, { ...bob, userId: 'UCAT' }, minute, 2),
      'This has been decided: it is approved.',
    ],
    [
      'after a no',
      (record) => approve(deny(record, 'UCAT', 'not tonight', 1).record, bob, minute, 2),
      'This has been decided: it is denied.',
    ],
    [
      'after a cancel',
      (record) => approve(cancel(record, 'UANN', 1).record, bob, minute, 2),
      'This has been decided: it is cancelled.',
    ],
  ])('is refused %s', async (_, act, message) => {
    const record = await fresh();
    expect(() => act(record)).toThrow(message);
  });

  test('expires, and so does one that did not start', async () => {
    const record = await fresh();
    expect(expire(record, 14 * minute)).toBeUndefined();
    expect(expire(record, 15 * minute)?.record.state).toBe('expired');
    const approved = approve(record, bob, minute, minute).record;
    expect(expire(approved, 90_000)).toBeUndefined();
    expect(expire(approved, 2 * minute)).toMatchObject({ record: { state: 'expired' }, claim: 'release' });
  });
});

describe('the digest', () => {
  test('is bound to the job, the target, the input and the plan, and to nothing that fluctuates', async () => {
    const of = job();
    const proposal = await of.propose({}, undefined as never);
    const same = changeDigest(
      of,
      {},
      { ...proposal, words: 'other words', checks: [{ name: 'x', status: 'warning', seen: '12 ms', advice: '' }] },
    );
    expect(changeDigest(of, {}, proposal)).toBe(same);
    for (const other of [
      changeDigest({ ...of, planVersion: 2 }, {}, proposal),
      changeDigest(of, { reason: 'x' }, proposal),
      changeDigest(of, {}, { ...proposal, plan: { to: 'm3' } }),
      changeDigest(of, {}, { ...proposal, target: { ...proposal.target, identity: 'c2' } }),
    ])
      expect(other).not.toBe(same);
  });

  test('that would be another one at the start ends it, with the claim released', async () => {
    const of = job();
    const record = approve(await fresh(of), bob, minute, 1).record;
    const again = await of.propose({}, undefined as never);
    expect(started(record, again, record.digest, 2).record.state).toBe('started');
    expect(started(record, { ...again, plan: { to: 'm3' } }, 'other', 2)).toMatchObject({
      record: { state: 'superseded' },
      claim: 'release',
    });
  });
});

/** An approved change and a worker for it, with everything it shows. */
async function approvedChange(steps: readonly Step[], proposal: Partial<Proposal> = {}) {
  const of = job(steps);
  const store = memoryChanges();
  await store.create(proposed(of, {}, await of.propose({}, undefined as never), asking, 0));
  await store.transition('c-1', (record) => approve(record, bob, 15 * minute, 1));
  const clock = { at: 1000 };
  const wakes: number[] = [];
  const shown: string[] = [];
  const faults: unknown[] = [];
  const later = { ...of, propose: async () => ({ ...(await of.propose({}, undefined as never)), ...proposal }) };
  const parts = {
    jobs: [later],
    store,
    clients: {
      etcd: async () => Promise.reject(new Error('no cluster here')),
      kubernetes: async () => Promise.reject(new Error('no cluster here')),
    },
    signal: new AbortController().signal,
    startWithinMs: 15 * minute,
    demandStanding: async (_: ChangeRecord) => {},
    now: () => new Date(clock.at),
    wake: async (_: ChangeRecord, afterMs: number) => {
      wakes.push(afterMs);
    },
    show: async (record: ChangeRecord) => {
      shown.push(record.state);
    },
    log: () => {},
    fault: (_: string, error: unknown) => {
      faults.push(error);
    },
  };
  return { store, parts, clock, wakes, shown, faults };
}

const done = (note: string): Outcome => ({ kind: 'done', note });

describe('a worker carries an approved change on', () => {
  test('step by step to its end, releasing the claim', async () => {
    const tried: string[] = [];
    const step = (title: string): Step => ({ title, ensure: async () => done(`${title} it is: ${tried.push(title)}`) });
    const { store, parts } = await approvedChange([step('one'), step('two')]);
    expect(store.claims.get('etcd:c1')).toBe('c-1');
    await carryOn('c-1', parts);
    expect(tried).toEqual(['one', 'two']);
    expect(store.only()).toMatchObject({ state: 'done', ending: 'two it is: 2' });
    expect(store.claims.size).toBe(0);
    expect(store.entries.map(({ action }) => action)).toEqual([
      'requested',
      'approved',
      'started',
      'step',
      'step',
      'done',
    ]);
    await carryOn('c-1', parts);
    expect(tried).toEqual(['one', 'two']);
  });

  test('waits without holding a worker, and gives up when the stored time is over', async () => {
    const waits: Step = {
      title: 'started',
      ensure: async (_, { startedAt }) => ({
        kind: 'waiting',
        reason: 'not there yet',
        recheckAfterMs: 500,
        giveUpAt: startedAt.getTime() + 10_000,
      }),
    };
    const { store, parts, clock, wakes } = await approvedChange([waits]);
    await carryOn('c-1', parts);
    expect(store.only()).toMatchObject({
      state: 'waiting',
      steps: [{ state: 'waiting', note: 'not there yet', giveUpAt: 11_000 }],
    });
    expect(wakes).toEqual([500]);
    clock.at = 11_000;
    await carryOn('c-1', parts);
    expect(store.only()).toMatchObject({ state: 'failed', ending: 'started: gave up waiting. not there yet' });
  });

  test('stops at what is not as expected, and says where it stands', async () => {
    const { store, parts } = await approvedChange([
      { title: 'one', ensure: async () => done('fine') },
      {
        title: 'two',
        ensure: async () => ({
          kind: 'blocked',
          refusal: new Refusal('The member is gone.', 'Look at /etcd members.'),
        }),
      },
      { title: 'three', ensure: async () => done('never') },
    ]);
    await carryOn('c-1', parts);
    expect(store.only()).toMatchObject({
      state: 'blocked',
      ending: 'two: The member is gone. Look at /etcd members.',
      steps: [{ state: 'done' }, { state: 'blocked' }, { state: 'open' }],
    });
  });

  test('tries again what failed for a reason that may pass, five times', async () => {
    let tries = 0;
    const { store, parts, faults } = await approvedChange([
      {
        title: 'one',
        ensure: async () => {
          tries++;
          throw new Error('connection reset');
        },
      },
    ]);
    for (let round = 0; round < 7; round++) await carryOn('c-1', parts);
    expect(tries).toBe(5);
    expect(faults).toHaveLength(5);
    expect(store.only()).toMatchObject({ state: 'failed', ending: 'one failed 5 times: connection reset' });
  });

  test('does nothing where the plan would be another one now', async () => {
    let tries = 0;
    const { store, parts } = await approvedChange([{ title: 'one', ensure: async () => done(`try ${++tries}`) }], {
      plan: { to: 'm3' },
    });
    await carryOn('c-1', parts);
    expect(store.only().state).toBe('superseded');
    expect(tries).toBe(0);
  });

  test('does nothing where a check stands in the way by now', async () => {
    const blocking = {
      name: 'All voters answer',
      status: 'blocking' as const,
      seen: 'etcd-2 does not',
      advice: 'mend it',
    };
    const { store, parts } = await approvedChange([{ title: 'one', ensure: async () => done('') }], {
      checks: [blocking],
    });
    await carryOn('c-1', parts);
    expect(store.only()).toMatchObject({
      state: 'blocked',
      ending: 'Not started: All voters answer: etcd-2 does not. Nothing was changed.',
    });
  });

  test('that was paused finds at the fence that another has taken over, and acts no more', async () => {
    const acted: string[] = [];
    let release: () => void = () => {};
    const paused = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isFirst = true;
    const step: Step = {
      title: 'add',
      async ensure(_, context) {
        const who = isFirst ? 'first' : 'second';
        isFirst = false;
        if (who === 'first') await paused;
        await context.fence();
        acted.push(who);
        return done('added');
      },
    };
    const { store, parts } = await approvedChange([step]);
    const first = carryOn('c-1', parts);
    while (store.only().state !== 'started') await new Promise((resolve) => setImmediate(resolve));
    const second = carryOn('c-1', parts);
    await second;
    release();
    await first;
    expect(acted).toEqual(['second']);
    expect(store.only().state).toBe('done');
  });

  test('that was paused while it showed its progress shows nothing over the end that another has shown', async () => {
    const { store, parts } = await approvedChange([{ title: 'one', ensure: async () => done('fine') }]);
    const shown: string[] = [];
    let release: () => void = () => {};
    const paused = new Promise<void>((resolve) => {
      release = resolve;
    });
    const show = (until: Promise<void> | undefined) => async (record: ChangeRecord, hold: () => Promise<void>) => {
      await until;
      await hold();
      shown.push(record.state);
    };
    const first = carryOn('c-1', { ...parts, show: show(paused) });
    while (store.only().state !== 'started') await new Promise((resolve) => setImmediate(resolve));
    await carryOn('c-1', { ...parts, show: show(undefined) });
    release();
    await first;
    expect(shown).toEqual(['started', 'done']);
  });

  test('keeps what a step wrote down before it acted, over a crash', async () => {
    let seen: unknown;
    const { store, parts } = await approvedChange([
      {
        title: 'add',
        async ensure(_, { intent }) {
          seen = intent.value;
          if (Object.keys(intent.value).length === 0) {
            await intent.write({ peerUrls: ['https://x:2380'] });
            throw new Error('killed');
          }
          return done('it was added before');
        },
      },
    ]);
    await carryOn('c-1', parts);
    await carryOn('c-1', parts);
    expect(seen).toEqual({ peerUrls: ['https://x:2380'] });
    expect(store.only().state).toBe('done');
  });

  test('is cancelled between two steps, and says what stands', async () => {
    const { store, parts } = await approvedChange([
      {
        title: 'one',
        async ensure() {
          await store.transition('c-1', (record) => cancel(record, 'UBOB', 2000));
          return done('fine');
        },
      },
      { title: 'two', ensure: async () => done('never') },
    ]);
    await carryOn('c-1', parts);
    expect(store.only()).toMatchObject({
      state: 'cancelled',
      ending: 'Cancelled by request. This stands: one.',
      steps: [{ state: 'done' }, { state: 'open' }],
    });
  });
});

describe('as it starts', () => {
  test('one whose approver has lost the role since is not begun, and nothing is changed', async () => {
    const { store, parts } = await approvedChange([{ title: 'one', ensure: async () => done('fine') }]);
    const access = { ...emptyConfig().access, operators: ['UANN'], approvers: [] };
    const person = async (id: string) => ({ id, isFullMember: true, groups: [] });
    await carryOn('c-1', { ...parts, demandStanding: (record) => demandStanding(record, access, person) });
    expect(store.only()).toMatchObject({
      state: 'blocked',
      ending: 'Not started: Whoever approved it (UBOB) may not do so any more. Ask for it again. Nothing was changed.',
      steps: [{ state: 'open' }],
    });
    expect(store.claims.size).toBe(0);
  });

  test('one whose asker has left the workspace since is not begun either', async () => {
    const { store, parts } = await approvedChange([{ title: 'one', ensure: async () => done('fine') }]);
    const access = { ...emptyConfig().access, operators: ['UANN'], approvers: ['UBOB'] };
    const person = async (id: string) => ({ id, isFullMember: id !== 'UANN', groups: [] });
    await carryOn('c-1', { ...parts, demandStanding: (record) => demandStanding(record, access, person) });
    expect(store.only().ending).toContain('Whoever asked for it (UANN) may not do so any more.');
  });

  test('a Slack that cannot tell who they are delays it, and decides nothing', async () => {
    const { store, parts } = await approvedChange([{ title: 'one', ensure: async () => done('fine') }]);
    const away = async () => Promise.reject(new Error('no answer'));
    await expect(carryOn('c-1', { ...parts, demandStanding: away })).rejects.toThrow('no answer');
    expect(store.only().state).toBe('approved');
    await carryOn('c-1', parts);
    expect(store.only().state).toBe('done');
  });
});

test('the audit of the end holds every step and the report itself', async () => {
  const { store, parts } = await approvedChange([
    {
      title: 'one',
      ensure: async () => ({ ...done('fine'), sections: [{ kind: 'text', title: 'Left to do', text: 'nothing' }] }),
    },
  ]);
  await carryOn('c-1', parts);
  expect(store.entries.at(-1)).toMatchObject({
    action: 'done',
    details: {
      steps: [{ title: 'one', state: 'done', note: 'fine', tookMs: 0 }],
      report: [{ kind: 'text', title: 'Left to do', text: 'nothing' }],
    },
  });
});

describe('the way back', () => {
  const withUndo = (): Change => ({
    ...job([{ title: 'one', ensure: async () => done('fine') }]),
    undo: (_, { intent }) =>
      intent.before === 'etcd-1' ? { title: 'Back', line: 'etcd move-leader etcd-1' } : undefined,
  });

  test('is offered once it has ended, from what the change wrote down', async () => {
    const record = { ...(await fresh()), intent: { before: 'etcd-1' }, startedAt: 1 };
    const jobs = [withUndo()];
    expect(undoOf({ ...record, state: 'done' }, jobs)?.line).toBe('etcd move-leader etcd-1');
    expect(undoOf({ ...record, state: 'failed' }, jobs)?.title).toBe('Back');
    expect(undoOf({ ...record, state: 'done', intent: {} }, jobs)).toBeUndefined();
  });

  test('is not offered while it runs, before it began, or of a plan of another version', async () => {
    const record = { ...(await fresh()), intent: { before: 'etcd-1' }, startedAt: 1 };
    const { startedAt, ...never } = record;
    const jobs = [withUndo()];
    expect(undoOf({ ...record, state: 'waiting' }, jobs)).toBeUndefined();
    expect(undoOf({ ...never, state: 'denied' }, jobs)).toBeUndefined();
    expect(undoOf({ ...record, state: 'done', planVersion: 2 }, jobs)).toBeUndefined();
  });
});

describe('the sweep', () => {
  test('wakes an approved change that has no live ticket, with a new number', async () => {
    const { store, parts } = await approvedChange([]);
    const woken: number[] = [];
    const round = (isLive: boolean) =>
      sweep({
        store,
        isAwake: async () => isLive,
        wake: async ({ wake }) => void woken.push(wake),
        remind: async () => {},
        escalateAfterMs: [],
        now: parts.now,
        fault: parts.fault,
      });
    await round(true);
    expect(woken).toEqual([]);
    await round(false);
    expect(woken).toEqual([2]);
  });

  test('wakes a change whose end nobody was told, until its thread says it, or for a day', async () => {
    const { store, parts, clock } = await approvedChange([{ title: 'one', ensure: async () => done('fine') }]);
    const slackIsAway = async () => Promise.reject(new Error('Slack does not answer'));
    // Cancelled before it began, and the enqueue of its wake failed after the click.
    await store.transition('c-1', (record) => cancel(record, 'UANN', 2));
    let woken = 0;
    const faults: string[] = [];
    const round = () =>
      sweep({
        store,
        isAwake: async () => false,
        wake: async () => void woken++,
        remind: async () => {},
        escalateAfterMs: [],
        now: parts.now,
        fault: (_, error) => faults.push(String(error)),
      });
    await round();
    await expect(carryOn('c-1', { ...parts, show: slackIsAway })).rejects.toThrow('Slack does not answer');
    await round();
    expect(woken).toBe(2);
    await carryOn('c-1', parts);
    await round();
    expect(woken).toBe(2);

    await store.transition('c-1', ({ toldAt: _, ...record }) => ({ record, notes: [], claim: 'keep' }));
    clock.at = 24 * 60 * minute + 2;
    await round();
    expect(faults).toEqual(['Error: its end could be shown nowhere for a day']);
    await round();
    expect([woken, faults.length]).toEqual([2, 1]);
  });

  test('ends what expired, and reminds at half time and three minutes before the end, once each', async () => {
    const store = memoryChanges();
    const of = job();
    await store.create(proposed(of, {}, await of.propose({}, undefined as never), asking, 0));
    const reminded: number[] = [];
    const clock = { at: 0 };
    const round = () =>
      sweep({
        store,
        isAwake: async () => true,
        wake: async () => {},
        remind: async (_, which) => void reminded.push(which),
        escalateAfterMs: [],
        now: () => new Date(clock.at),
        fault: () => {},
      });
    for (const at of [7, 8, 9, 12, 13]) {
      clock.at = at * minute;
      await round();
    }
    expect(reminded).toEqual([1, 2]);
    clock.at = 15 * minute;
    await round();
    expect(store.only().state).toBe('expired');
  });

  test('a short approval has one reminder', async () => {
    const record = await fresh(job(), { expiresInMs: 4 * minute });
    expect([
      remindersDue(record, [], minute),
      remindersDue(record, [], 2 * minute),
      remindersDue(record, [], 3.9 * minute),
    ]).toEqual([0, 1, 1]);
  });

  test('whoever is next in line is asked at their own time, and never after the end', async () => {
    const record = await fresh();
    const due = (minutes: number) => remindersDue(record, [5 * minute, 20 * minute], minutes * minute);
    expect([due(4.9), due(5), due(7.5), due(12), due(14.9)]).toEqual([0, 1, 2, 3, 3]);
  });
});

describe('a change without a second person', () => {
  test('begins by itself after two minutes, marked in the audit', async () => {
    const { store, parts, clock } = await aloneChange();
    clock.at = 2 * minute - 1;
    await carryOn('c-1', parts);
    expect(store.only().state).toBe('proposed');
    clock.at = 2 * minute;
    await carryOn('c-1', parts);
    expect(store.only().state).toBe('done');
    expect(store.entries.map(({ action, actor }) => [actor, action])).toContainEqual([
      'UANN',
      'begun alone, for review',
    ]);
    expect(store.entries[0]?.details).toMatchObject({ breakGlass: 'INC-7' });
  });

  test('can be cancelled within them', async () => {
    const { store, parts, clock } = await aloneChange();
    await store.transition('c-1', (record) => cancel(record, 'UEVE', minute));
    clock.at = 3 * minute;
    await carryOn('c-1', parts);
    expect(store.only().state).toBe('cancelled');
  });

  async function aloneChange() {
    const of = job([{ title: 'one', ensure: async () => done('fine') }]);
    const made = await approvedChange([{ title: 'one', ensure: async () => done('fine') }]);
    const store = memoryChanges();
    await store.create(proposed(of, {}, await of.propose({}, undefined as never), { ...asking, incident: 'INC-7' }, 0));
    return { ...made, store, parts: { ...made.parts, store } };
  }
});

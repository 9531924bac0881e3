import { describe, expect, test } from '@jest/globals';
import { type ChangeRecord, parseRecord } from '../../src/change-record.ts';
import { renderChange } from '../../src/report/change-blocks.ts';
import type { Section } from '../../src/report/report.ts';
import type { Message } from '../../src/slack/message.ts';

const surroundings = { approvers: ['<@UBOB>'], ownApproval: 'refused', undo: undefined } as const;

function record(more: Partial<ChangeRecord> = {}): ChangeRecord {
  const bare = {
    ...{ id: 'c-1', revision: 1, state: 'proposed', job: 'etcd add', planVersion: 1, line: '/etcd add', input: {} },
    ...{
      target: { kind: 'etcd', name: 'prod', identity: 'c1' },
      plan: {},
      digest: 'abcdef0123456789',
      words: 'add etcd-4',
    },
    ...{ checks: [], sections: [], requester: 'UANN', place: { channelId: 'C1', rootKey: 'r' }, required: 1 },
    ...{ decisions: [], createdAt: 0, expiresAt: 900_000, steps: [], intent: {}, epoch: 0, wake: 0, reminders: 0 },
    ...more,
  };
  return parseRecord(JSON.stringify(bare));
}

const fine = (name: string) => ({ name, status: 'ok' as const, seen: `${name} was seen`, advice: '' });
const open = { name: 'No alarms', status: 'blocking' as const, seen: 'NOSPACE on etcd-1.', advice: 'Free space.' };
const textOf = (message: Message | undefined) => JSON.stringify(message?.blocks);

describe('what an approver reads first', () => {
  test('is what keeps from approving, with what to do; what is fine is one line', () => {
    const { proposal } = renderChange(record({ checks: [fine('a'), open, fine('b')] }), surroundings);
    expect(textOf(proposal)).toContain('NOSPACE on etcd-1.');
    expect(textOf(proposal)).toContain('Free space.');
    expect(textOf(proposal)).toContain('2 other checks: fine');
    expect(textOf(proposal)).not.toContain('a was seen');
  });

  test('every check stands in a reply below, worst first, with what was seen', () => {
    const { background } = renderChange(record({ checks: [fine('a'), open, fine('b')] }), surroundings);
    expect(background).toHaveLength(1);
    expect(textOf(background[0])).toContain('⛔ No alarms: NOSPACE on etcd-1.\\n✅ a: a was seen\\n✅ b: b was seen');
  });

  test('whoever asked is told that somebody else has to approve it, unless the config lets them', () => {
    const texts = (['refused', 'allowed'] as const).map((ownApproval) =>
      textOf(renderChange(record(), { ...surroundings, ownApproval }).proposal).includes('not from whoever asked'),
    );
    expect(texts).toEqual([true, false]);
  });
});

test('what a step hands over comes whole, in as many replies as it needs, each within Slack’s limits', () => {
  const files = Array.from(
    { length: 8 },
    (_, index): Section => ({
      kind: 'code',
      title: `file-${index}`,
      text: `${index}`.repeat(2900),
    }),
  );
  const step = { title: 'Handed over', state: 'done' as const, faults: 0, sections: files };
  const last = { title: 'Healthy', state: 'open' as const, faults: 0, sections: [] };
  const { handedOver, steps } = renderChange(
    record({ state: 'started', startedAt: 1, steps: [step, last] }),
    surroundings,
  );
  const messages = handedOver.flatMap((part) => part.messages);
  expect(handedOver.map((part) => part.step)).toEqual([0]);
  expect(messages.map(({ text }) => text)).toEqual(['Handed over', 'Handed over (2)', 'Handed over (3)']);
  for (const { text } of files.flatMap((file) => (file.kind === 'code' ? [file] : [])))
    expect(messages.filter((part) => textOf(part).includes(text))).toHaveLength(1);
  for (const part of messages) expect(textOf(part).length).toBeLessThan(13_000);
  expect(textOf(steps)).not.toContain('file-0');
});

test('the way back is a button of the end, which carries the id alone', () => {
  const undo = { title: 'Remove etcd-4 again', line: 'etcd remove 1a2b --cluster prod' };
  const ended = record({ state: 'failed', startedAt: 1, endedAt: 2, ending: 'Started: gave up waiting.' });
  expect(textOf(renderChange(ended, { ...surroundings, undo }).end)).toContain(
    '{"type":"button","action_id":"change-undo","text":{"type":"plain_text","text":"Remove etcd-4 again"},"value":"c-1"}',
  );
  expect(textOf(renderChange(ended, surroundings).end)).not.toContain('change-undo');
});

test('a step tells what came of it and how long it took', () => {
  const steps = [
    {
      title: 'Added',
      state: 'done' as const,
      faults: 0,
      sections: [],
      note: 'etcd-4 is member 1a2b, a learner.',
      startedAt: 0,
      endedAt: 600,
    },
    {
      title: 'Started',
      state: 'waiting' as const,
      faults: 0,
      sections: [],
      note: 'Nothing listens.',
      startedAt: 0,
      giveUpAt: 1_800_000,
    },
    { title: 'Promoted', state: 'open' as const, faults: 0, sections: [] },
  ];
  const text = textOf(renderChange(record({ state: 'waiting', startedAt: 1, steps }), surroundings).steps);
  expect(text).toContain('etcd-4 is member 1a2b, a learner (0.6 s)');
  expect(text).toContain('Nothing listens (until 00:30:00 UTC at most)');
});

import { describe, expect, test } from '@jest/globals';
import { proposed } from '../src/change.ts';
import type { ChangeRecord } from '../src/change-record.ts';
import type { Report } from '../src/report/report.ts';
import { type AskTicket, changeIdOf } from '../src/ticket.ts';
import { giveUp, type WorkParts } from '../src/work.ts';
import { memoryChanges } from './support/memory-changes.ts';

const ticket: AskTicket = {
  kind: 'ask',
  id: 'ticket-0123456789abcdef0123',
  command: 'etcd move-leader',
  line: '/etcd move-leader',
  cluster: 'prod',
  input: {},
  requester: { userId: 'UANN' },
  place: { channelId: 'C1' },
  askedAt: '2026-11-29T06:00:00.000Z',
};

function given() {
  const store = memoryChanges();
  const said: string[] = [];
  const answer = { finish: async ({ title }: Report) => void said.push(title) };
  const parts = {
    answer: () => answer as unknown as ReturnType<WorkParts['answer']>,
    changes: {
      store,
      show: async ({ id, state }: ChangeRecord) => void said.push(`${id} is ${state}`),
    } as unknown as WorkParts['changes'],
    now: () => new Date(0),
    fault: () => {},
  };
  return { store, said, parts };
}

describe('a ticket that has ended all its workers', () => {
  test('is said to have failed', async () => {
    const { said, parts } = given();
    await giveUp(ticket, new Error('killed'), parts);
    expect(said).toEqual(['Failed']);
  });

  test('and of which a change was made before is not: its thread shows the change', async () => {
    const { store, said, parts } = given();
    const change = { name: 'etcd move-leader', planVersion: 1, steps: () => [] };
    const proposal = {
      target: { kind: 'etcd' as const, name: 'prod', identity: 'c1' },
      plan: {},
      checks: [],
      words: 'move the leader',
      sections: [],
    };
    const asking = {
      id: changeIdOf(ticket),
      line: ticket.line,
      requester: 'UANN',
      place: { channelId: 'C1', rootKey: 'r' },
    };
    await store.create(proposed(change as never, {}, proposal, { ...asking, required: 1, expiresInMs: 60_000 }, 0));
    await giveUp(ticket, new Error('killed'), parts);
    expect(said).toEqual(['c-01234567 is proposed']);
  });
});

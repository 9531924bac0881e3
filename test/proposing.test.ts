import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { emptyConfig } from '../src/config.ts';
import { take } from '../src/intake.ts';
import { type Change, type Context, change, type Proposal } from '../src/job.ts';
import { proposeChange } from '../src/proposing.ts';
import type { AskTicket } from '../src/ticket.ts';
import { memoryChanges } from './support/memory-changes.ts';

const proposal: Proposal = {
  target: { kind: 'etcd', name: 'prod', identity: 'c1' },
  plan: {},
  checks: [],
  words: 'remove etcd-2 from prod',
  sections: [],
};

const job = (more: Partial<Proposal> = {}): Change =>
  change({
    name: 'etcd remove',
    input: z.object({}),
    plan: z.object({}),
    planVersion: 1,
    propose: async () => ({ ...proposal, ...more }),
    steps: () => [],
  });

const context: Context = {
  clients: {
    etcd: async () => Promise.reject(new Error('not asked')),
    kubernetes: async () => Promise.reject(new Error('not asked')),
  },
  now: () => new Date('2026-01-01T03:00:00Z'),
  signal: new AbortController().signal,
  progress: () => {},
};

const ticket = (more: Partial<AskTicket> = {}): AskTicket => ({
  kind: 'ask',
  id: 'ticket-0123456789abcdef0123',
  command: 'etcd remove',
  line: '/etcd remove etcd-2',
  cluster: 'prod',
  input: {},
  requester: { userId: 'UANN' },
  place: { channelId: 'C1' },
  askedAt: '2026-01-01T03:00:00Z',
  ...more,
});

const config = { ...emptyConfig(), access: { ...emptyConfig().access, approvers: ['UBOB'] } };
const kept = async () => true;

async function summaryOf(of: Change, asked: AskTicket, settings = config, persists = kept): Promise<string> {
  const store = memoryChanges();
  const came = await proposeChange(asked, of, context, { config: settings, store, persists });
  return came.kind === 'ended' ? came.report.summary : `waits as ${came.record.id}`;
}

describe('a change that is asked for', () => {
  test('waits for a yes, under an id that a second run of its ticket finds again', async () => {
    expect(await summaryOf(job(), ticket())).toBe('waits as c-01234567');
  });

  test('is refused where a check stands in the way, and there is nothing to approve', async () => {
    const checks = [
      { name: 'All voters answer', status: 'blocking' as const, seen: 'etcd-3 does not', advice: 'mend it' },
    ];
    expect(await summaryOf(job({ checks }), ticket())).toBe(
      'Not possible now, for this check fails: All voters answer. etcd-3 does not',
    );
  });

  test('is refused where Redis forgets, unless the config allows that', async () => {
    const forgets = async () => false;
    expect(await summaryOf(job(), ticket(), config, forgets)).toContain('does not keep its data over a restart');
    const allowing = { ...config, changes: { ...config.changes, allowWithoutPersistence: true } };
    expect(await summaryOf(job(), ticket(), allowing, forgets)).toBe('waits as c-01234567');
  });

  test('without a second person is refused where what was seen does not call for it', async () => {
    const asked = ticket({ incident: 'INC-7' });
    expect(await summaryOf(job(), asked)).toBe('waits as c-01234567');
    expect(await summaryOf(job({ notAlone: 'etcd-2 is not dead.' }), asked)).toBe('etcd-2 is not dead.');
  });
});

describe('a reason', () => {
  const command = {
    name: 'etcd remove',
    summary: 'Remove a member',
    takes: '<member>',
    examples: ['/etcd remove etcd-2'],
    allowed: 'operator' as const,
    cluster: 'none' as const,
    flags: {},
    job: job(),
    input: () => ({}),
  };
  const needing = { ...config, changes: { ...config.changes, requireReason: true } };
  const asked = (line: string) => take(line, [command], needing, {}, context.now(), async () => {});

  test('is demanded where the config says so', async () => {
    const came = await asked('/etcd remove etcd-2');
    expect(came.kind === 'answered' && came.report.summary).toBe('A change needs a reason here.');
  });

  test('goes with the ticket', async () => {
    expect(await asked('/etcd remove etcd-2 --reason "disk is dying"')).toMatchObject({
      kind: 'job',
      reason: 'disk is dying',
    });
  });
});

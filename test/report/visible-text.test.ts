import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { command } from '../../src/command.ts';
import { look } from '../../src/job.ts';
import { runLook } from '../../src/run.ts';

const turned = 'etcd-1\u202egnihtyreve si llew\u2066\u001b[31m';

test('whatever a look tells, its report holds nothing that turns text around or moves a cursor', async () => {
  const report = {
    command: '/odd look',
    verdict: 'ok' as const,
    title: turned,
    summary: turned,
    asOf: '2026-11-03T10:00:00.000Z',
    findings: [{ severity: 'info' as const, grade: 'fact' as const, claim: turned, evidence: turned, advice: '' }],
    sections: [
      { kind: 'code' as const, title: turned, text: `first ${turned}\nsecond` },
      { kind: 'table' as const, title: 'x', columns: ['a'], rows: [[turned]] },
    ],
    data: { list: [turned], left: null, size: 1 },
  };
  const odd = command({
    name: 'odd look',
    summary: '',
    takes: '',
    examples: [],
    allowed: 'viewer',
    cluster: 'none',
    flags: {},
    job: look({ name: 'odd look', input: z.strictObject({}), run: async () => report }),
    input: () => ({}),
  });
  const shown = await runLook(
    odd,
    {},
    {
      clients: { etcd: async () => Promise.reject(new Error()), kubernetes: async () => Promise.reject(new Error()) },
      signal: new AbortController().signal,
      seenFrom: 'here',
      now: () => new Date(0),
      fault: () => {},
    },
  );
  expect(JSON.stringify(shown)).not.toMatch(/\\u202e|\u202e|\u2066|\\u001b/);
  expect(shown.sections[0]).toMatchObject({ text: 'first etcd-1 gnihtyreve si llew  [31m\nsecond' });
  expect(shown.data).toEqual({ list: ['etcd-1 gnihtyreve si llew  [31m'], left: null, size: 1 });
});

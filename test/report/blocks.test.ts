import { describe, expect, test } from '@jest/globals';
import { renderAsked, renderEphemeral, renderThread } from '../../src/report/blocks.ts';
import type { Finding, Report } from '../../src/report/report.ts';

const report: Report = {
  command: '/etcd health',
  verdict: 'findings',
  title: 'etcd prod',
  summary: 'prod: 2 of 3 healthy, can lose 0: etcd-3 hung (no answer in 1 s)',
  asOf: '2026-11-21T03:10:00.000Z',
  findings: [
    {
      severity: 'critical',
      grade: 'fact',
      claim: 'etcd-3 hung',
      evidence: 'no answer in 1 s',
      advice: 'Look at its disk.',
      command: 'ssh etcd-3 iostat -x 1',
    },
  ],
  sections: [
    {
      kind: 'table',
      title: 'Members',
      columns: ['name', 'healthy'],
      rows: [
        ['etcd-1', 'yes'],
        ['etcd-2', 'yes'],
      ],
    },
  ],
  data: {},
};
const asked = { line: '/etcd health --cluster prod', userId: 'U1', ticketId: 'ticket-1' };

const texts = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : typeof value === 'object' && value !== null
      ? Object.values(value).map(texts).join(' ')
      : '';

describe('a report in a thread', () => {
  test('the root begins with the verdict and holds no table', () => {
    const { root } = renderThread(report, asked, undefined);
    expect(root.text).toBe('prod: 2 of 3 healthy, can lose 0: etcd-3 hung (no answer in 1 s)');
    expect(root.blocks.map(({ type }) => type)).toEqual(['rich_text', 'context', 'actions']);
  });

  test('details hold the finding with its advice and the command, then the table', () => {
    const { details, file } = renderThread(report, asked, undefined);
    expect(details?.blocks.map(({ type }) => type)).toEqual(['rich_text', 'rich_text', 'table']);
    expect(texts(details?.blocks)).toContain('Look at its disk.');
    expect(texts(details?.blocks)).toContain('ssh etcd-3 iostat -x 1');
    expect(file).toBeUndefined();
  });

  test('whoever is to be notified is mentioned in the details', () => {
    const { details } = renderThread(report, asked, 'U1');
    expect(details?.text.startsWith('<@U1> ')).toBe(true);
    expect(details?.blocks[0]).toEqual({
      type: 'rich_text',
      elements: [
        {
          type: 'rich_text_section',
          elements: [
            { type: 'user', user_id: 'U1' },
            { type: 'text', text: ' here is the answer.' },
          ],
        },
      ],
    });
  });

  test('what does not fit one message goes into a file, whole', () => {
    const findings: Finding[] = Array.from({ length: 90 }, (_, index) => ({
      severity: 'warning',
      grade: 'fact',
      claim: `claim ${index}`,
      evidence: 'x'.repeat(200),
      advice: 'do',
    }));
    const { details, file } = renderThread({ ...report, findings }, asked, undefined);
    expect(details?.blocks.length).toBeLessThanOrEqual(50);
    expect(texts(details?.blocks).length).toBeLessThan(13_000);
    expect(texts(details?.blocks)).toContain('The rest is in the file below.');
    expect(file?.content).toContain('claim 89');
    expect(file?.name).toBe('etcd-health-2026-11-21T03-10-00-000Z.txt');
  });

  test('a second table is aligned text: Slack takes one a message', () => {
    const { details } = renderThread(
      { ...report, sections: [...report.sections, ...report.sections] },
      asked,
      undefined,
    );
    expect(details?.blocks.filter(({ type }) => type === 'table')).toHaveLength(1);
    expect(texts(details?.blocks)).toContain('name    healthy\netcd-1  yes');
  });
});

describe('text from outside pings nobody and formats nothing', () => {
  const hostile = '<!channel> <@U1> *bold* `code` </pre> & ```';
  const withHostile: Report = {
    ...report,
    summary: hostile,
    findings: report.findings.map((finding) => ({ ...finding, claim: hostile, evidence: hostile, command: hostile })),
  };

  test('it stands escaped wherever markup is read', () => {
    const thread = renderThread(withHostile, { ...asked, line: `/oom why ${hostile}` }, undefined);
    for (const message of [
      thread.root,
      thread.details,
      renderAsked({ ...asked, line: hostile }),
      renderEphemeral(withHostile),
    ]) {
      expect(message?.text).not.toContain('<!channel>');
      const markup = JSON.stringify([...(message?.blocks ?? []), ...(message?.plainBlocks ?? [])], (_, value) =>
        value?.type === 'rich_text' || value?.type === 'button' ? undefined : value,
      );
      expect(markup).not.toContain('<!channel>');
    }
  });

  test('in rich text it is plain text', () => {
    const { root } = renderThread(withHostile, asked, undefined);
    expect(root.blocks[0]).toEqual({
      type: 'rich_text',
      elements: [
        {
          type: 'rich_text_section',
          elements: [
            { type: 'emoji', name: 'red_circle' },
            { type: 'text', text: ' ' },
            { type: 'text', text: hostile, style: { bold: true } },
          ],
        },
      ],
    });
  });
});

test('a finding without advice says nothing to do: Slack refuses empty texts', () => {
  const findings = report.findings.map((finding) => ({ ...finding, advice: '' }));
  const { details } = renderThread({ ...report, findings }, asked, undefined);
  expect(texts(details?.blocks)).not.toContain('Do:');
  expect(JSON.stringify(details?.blocks)).not.toContain('"text":""');
});

test('a refusal that only the asker sees says what to do and how to type it', () => {
  const refused: Report = {
    ...report,
    verdict: 'refused',
    summary: 'There is no flag `--clutser`; did you mean `--cluster`?',
    findings: [{ severity: 'warning', grade: 'fact', claim: 'x', evidence: '', advice: 'Look at the usage.' }],
    sections: [{ kind: 'code', title: 'Usage', text: '/etcd health [--cluster <name>]' }],
  };
  const message = renderEphemeral(refused, 'Only you see this.');
  expect(texts(message.blocks)).toContain('Look at the usage.');
  expect(texts(message.blocks)).toContain('/etcd health [--cluster <name>]');
  expect(texts(message.blocks)).toContain('Only you see this.');
});

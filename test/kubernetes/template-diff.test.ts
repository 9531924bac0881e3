import { describe, expect, test } from '@jest/globals';
import { templateDiff } from '../../src/kubernetes/template-diff.ts';
import type { JsonObject } from '../../src/report/report.ts';

const template = (container: JsonObject, rest: JsonObject = {}): JsonObject => ({
  metadata: { labels: { app: 'x' }, ...(rest.metadata as JsonObject | undefined) },
  spec: { containers: [{ name: 'app', ...container }, { name: 'proxy' }] },
});

describe('the difference of two templates', () => {
  test('is told by names, wherever things stand in their lists', () => {
    const before = template({
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
      args: ['x'],
    });
    const after = template({
      env: [
        { name: 'B', value: '3' },
        { name: 'A', value: '1' },
      ],
      args: ['x', 'y'],
    });
    expect(templateDiff(before, after)).toBe('- app env[B]: 2\n+ app env[B]: 3\n+ app args[1]: y');
  });

  test('shows no secret: of variables by their names, in values by their shapes, in annotations', () => {
    const before = template({
      env: [
        { name: 'DB_PASSWORD', value: 'old-secret' },
        { name: 'URL', value: 'https://u:pw-one@h/' },
      ],
    });
    const after = template(
      {
        env: [
          { name: 'DB_PASSWORD', value: 'new-secret' },
          { name: 'URL', value: 'https://u:pw-two@h/' },
        ],
        args: ['--api-key=k-123456'],
      },
      { metadata: { annotations: { 'example.com/token': 'abc-def' } } },
    );
    const diff = templateDiff(before, after);
    expect(diff).toContain('- app env[DB_PASSWORD]: ***\n+ app env[DB_PASSWORD]: *** (another value, not shown)');
    for (const secret of ['old-secret', 'new-secret', 'pw-one', 'pw-two', 'k-123456', 'abc-def'])
      expect(diff).not.toContain(secret);
  });

  test('a variable that comes from elsewhere says from where', () => {
    const before = template({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] });
    expect(templateDiff(before, template({ env: [{ name: 'A', value: 'x' }] }))).toBe(
      '- app env[A]: from secret s, key k\n+ app env[A]: x',
    );
  });

  test('nothing is nothing, and much is cut', () => {
    expect(templateDiff(template({}), template({}))).toBe('');
    const many = template({ args: Array.from({ length: 100 }, (_, index) => `a${index}`) });
    const lines = templateDiff(template({}), many).split('\n');
    expect([lines.length, lines.at(-1)]).toEqual([61, '… and 40 lines more']);
  });
});

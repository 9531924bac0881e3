import { describe, expect, test } from '@jest/globals';
import { oomFix } from '../../commands/oom/fix.ts';
import { oomRollback } from '../../commands/oom/rollback.ts';
import { emptyConfig } from '../../src/config.ts';
import { parseLine, parseWords } from '../../src/grammar.ts';
import { fixLine, offersIn, rollbackLine } from '../../src/kubernetes/fix-line.ts';
import { Refusal } from '../../src/refusal.ts';

function inputOf(line: string): object {
  const asked = parseLine([oomFix, oomRollback], line);
  if (asked.kind !== 'command') throw new Error(`no command: ${line}`);
  return asked.command.input(parseWords(asked.command, asked.args), 'prod', emptyConfig().changes);
}

describe('what is typed', () => {
  test('names a workload, a container, another limit', () => {
    expect(inputOf('/oom fix deploy/checkout -n shop -c app --limit 768Mi')).toEqual({
      cluster: 'prod',
      workload: 'deploy/checkout',
      namespace: 'shop',
      container: 'app',
      limitBytes: 768 * 1024 ** 2,
      resources: 'as-recommended',
    });
    expect(inputOf('/oom fix shop/sts/db --keep-resources')).toMatchObject({ limitBytes: null, resources: 'keep' });
    expect(inputOf('/oom rollback shop/deploy/checkout --to-revision 13')).toEqual({
      cluster: 'prod',
      workload: 'shop/deploy/checkout',
      namespace: null,
      toRevision: 13,
      fromRevision: null,
    });
    expect(inputOf('/oom rollback deploy/checkout -n shop')).toMatchObject({ toRevision: null });
  });

  test.each([
    ['/oom fix', 'Which workload?'],
    ['/oom fix a b', 'One workload at a time: 2 names were given.'],
    ['/oom fix deploy/x --limit lots', '“lots” is no memory limit.'],
    ['/oom fix deploy/x --limit ""', '--limit has an empty value.'],
    ['/oom fix deploy/x --limit 768', 'A limit of 768 is too small for any JVM.'],
    ['/oom fix deploy/x --limit -1Gi', undefined],
    ['/oom fix deploy/x --limit 9999Ei', '“9999Ei” is no memory limit.'],
    ['/oom fix deploy/x --limit 2Pi', 'A limit of 2Pi is more than any machine has.'],
    ['/oom fix deploy/x --limit 1Gi --keep-resources', '--limit and --keep-resources contradict each other.'],
    ['/oom fix deploy/x -c A!', '“A!” cannot be a container.'],
    ['/oom fix Deploy/X_y', '“X_y” cannot be a Deployment name.'],
    ['/oom fix a/b/c/d', '“a/b/c/d” has 4 parts.'],
    [`/oom fix ${'x'.repeat(5000)}`, undefined],
    ['/oom fix \u0000\u0007', undefined],
    ['/oom rollback', 'Which workload?'],
    ['/oom rollback deploy/x --to-revision 0', '“0” is no revision.'],
    ['/oom rollback deploy/x --to-revision -3', undefined],
    ['/oom rollback deploy/x --from-revision x', '“x” is no revision.'],
    ['/oom rollback deploy/x --to-revision 1e3', '“1e3” is no revision.'],
    ['/oom rollback deploy/x --to-revision 99999999999999999999', '“99999999999999999999” is no revision.'],
  ])('is refused where it is wrong (%#)', (line, message) => {
    const refused = () => inputOf(line);
    expect(refused).toThrow(Refusal);
    if (message !== undefined) expect(refused).toThrow(new Refusal(message, ''));
  });
});

describe('the button under an answer', () => {
  const fix = { cluster: 'prod', workload: 'shop/deploy/checkout', container: 'app', sets: 'flags' };

  test('stands for a line', () => {
    expect(fixLine({ data: { fix } })).toBe('oom fix shop/deploy/checkout -c app --cluster prod');
    const rollback = { cluster: 'prod', workload: 'shop/deploy/checkout', revision: '14' };
    expect(rollbackLine({ data: { rollback } })).toBe(
      'oom rollback shop/deploy/checkout --from-revision 14 --cluster prod',
    );
    expect(offersIn({ data: { fix } })).toEqual([{ actionId: 'oom-fix', title: 'Set these flags' }]);
    expect(offersIn({ data: { fix: { ...fix, sets: 'limit' } } })[0]?.title).toBe('Raise the limit');
  });

  test.each([
    [{}],
    [{ fix: null }],
    [{ fix: 'x' }],
    [{ fix: [] }],
    [{ fix: { ...fix, cluster: null } }],
    [{ fix: { cluster: 'prod' } }],
  ])('and there is none under %j', (data) => {
    expect([fixLine({ data }), offersIn({ data })]).toEqual([undefined, []]);
  });
});

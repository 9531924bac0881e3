import { expect, test } from '@jest/globals';
import { oomWhy } from '../commands/oom/why.ts';
import { emptyConfig } from '../src/config.ts';
import { Refusal } from '../src/refusal.ts';
import { runLine } from '../src/run.ts';

function run(line: string) {
  const nobody = () => Promise.reject(new Error('asked a cluster'));
  return runLine(line, {
    commands: [oomWhy],
    config: emptyConfig(),
    configRefusal: new Refusal('There is no config.', 'Write one.'),
    clients: { etcd: nobody, kubernetes: nobody },
    signal: new AbortController().signal,
    seenFrom: 'here',
    now: () => new Date('2026-11-03T10:00:00Z'),
    readFile: () => '',
    fault: () => {},
  });
}

test.each([
  ['/oom why', 'Which pod?'],
  ['/oom why a b', 'One pod at a time: 2 names were given.'],
  ['/oom why x', 'There is no config.'],
])('without a config, what is wrong with the words is told first: %s', async (line, summary) => {
  const report = await run(line);
  expect([report.verdict, report.summary]).toEqual(['refused', summary]);
  expect(JSON.stringify(report.sections)).toContain('/oom why <pod>');
});

test('a private key on the line is refused, and stands nowhere in the answer', async () => {
  const report = await run(
    "/oom why x --cert='-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----'",
  );
  expect([report.verdict, report.summary]).toEqual([
    'refused',
    'A private key is in there. It was not kept; but whoever saw it on its way here can have it.',
  ]);
  expect(report.command).toBe("/oom why x --cert='***");
  expect(JSON.stringify(report)).not.toContain('MIIE');
});

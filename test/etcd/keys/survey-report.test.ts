import { expect, test } from '@jest/globals';
import { reportSurvey, type SurveyFacts } from '../../../src/etcd/keys/survey-report.ts';

const flooded = (keys: number): SurveyFacts => ({
  cluster: 'prod',
  clusterId: 'c1',
  member: 'etcd-2',
  isLeader: false,
  revision: 7,
  inUseBytes: 900_000_000,
  fileBytes: 1_000_000_000,
  prefix: Buffer.alloc(0),
  isNaming: false,
  isHeldBack: false,
  remarks: [],
  largest: [{ prefix: Buffer.from('/registry/events/'), keys, bytes: keys * 600 }],
  total: { groups: 60, keys: 1_203_442, bytes: 900_000_000 },
});

test('a flood of events is told, with the command that ends it', () => {
  const { verdict, summary, findings } = reportSurvey(flooded(812_000), new Date(0));
  expect(verdict).toBe('findings');
  expect(summary).toBe('prod: 1,203,442 keys, 858.3 MiB; 54% in events');
  expect(findings.map(({ claim, evidence }) => `${claim} ${evidence}`)).toEqual([
    '67% of the keys are events. 812,000 of 1,203,442 keys, 464.6 MiB.',
  ]);
});

test('where they are the smaller part, nothing is said', () => {
  expect(reportSurvey(flooded(400_000), new Date(0)).findings).toEqual([]);
});

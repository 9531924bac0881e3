import { z } from 'zod';
import { surveyKeys, wantsNames } from '../../src/etcd/keys/survey.ts';
import { reportSurvey } from '../../src/etcd/keys/survey-report.ts';
import { look } from '../../src/job.ts';

/** Counts and measures the keys of a cluster by what they begin with, as `du` does with files. Reads no more than one page at a time. */
export const etcdKeys = look({
  name: 'etcd keys',
  input: z.strictObject({
    cluster: z.string(),
    prefix: z.string(),
    depth: z.number().int().positive().nullable(),
    top: z.number().int().positive(),
  }),
  timeLimitMs: 30 * 60_000,
  isForAskerAlone: (input) => wantsNames(input),
  async run(input, context) {
    const facts = await surveyKeys(input, await context.clients.etcd(input.cluster), context);
    return reportSurvey(facts, context.now());
  },
});

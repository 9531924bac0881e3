import { z } from 'zod';
import { look } from '../../src/job.ts';
import { reportSize } from '../../src/jvm/size-report.ts';
import { requireJdk } from '../../src/jvm/version.ts';

const bytes = z.number().int().positive();

/** The heap to set for a memory limit: no cluster is asked. */
export const oomSizeJob = look({
  name: 'oom size',
  input: z.strictObject({
    jdk: z.string(),
    limitBytes: bytes,
    gc: z.enum(['Serial', 'Parallel', 'CMS', 'G1', 'Z', 'Shenandoah']).nullable(),
    peakBytes: bytes.nullable(),
    heapBytes: bytes.nullable(),
  }),
  async run({ jdk, ...input }, { now }) {
    return reportSize({ ...input, jdk: requireJdk(jdk) }, now());
  },
});

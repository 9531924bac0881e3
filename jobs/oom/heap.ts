import { z } from 'zod';
import { look } from '../../src/job.ts';
import { reportHeap } from '../../src/jvm/heap-report.ts';
import { requireJdk } from '../../src/jvm/version.ts';

const bytes = z.number().int().positive();

/** The arithmetic of a JVM's heap alone: no cluster is asked. */
export const oomHeapJob = look({
  name: 'oom heap',
  input: z.strictObject({
    jdk: z.string(),
    limitBytes: bytes.nullable(),
    nodeBytes: bytes,
    cpus: z.number().int().positive(),
    architecture: z.string(),
    cgroup: z.enum(['v1', 'v2']),
    kernel: z.string().nullable(),
    pageBytes: bytes.nullable(),
    args: z.array(z.string()),
    env: z.record(z.string(), z.string()),
    assumed: z.array(z.string()),
  }),
  async run({ jdk, ...input }, { now }) {
    return reportHeap({ ...input, jdk: requireJdk(jdk) }, now());
  },
});

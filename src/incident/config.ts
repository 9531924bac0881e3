import { z } from 'zod';

const text = z.string().min(1, 'is empty');
const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'write a time of day such as 22:00');
const timeZone = text.refine(isTimeZone, 'write a time zone such as Europe/Berlin').default('UTC');
const pairs = z.record(z.string(), z.string()).default({});

/** One entry of `watch:` in quorum.yaml: who hears of what. The first that fits counts. */
export const watchRule = z.strictObject({
  cluster: text.optional().describe('A Kubernetes cluster of the config; all of them where not given'),
  namespaces: z.array(text).default([]).describe('Only these; all where empty'),
  labels: pairs.describe('Only pods or workloads that carry these labels: `{ team: payments }`'),
  annotations: pairs.describe('Only pods or workloads that carry these annotations'),
  channel: z
    .string()
    .regex(/^[CG][A-Z0-9]+$/, 'write a channel id (C…)')
    .describe('Where it is told; the bot has to be in it'),
  mention: z
    .string()
    .regex(/^([UWS][A-Z0-9]+|here|channel)$/, 'write a Slack id of a person (U…) or a user group (S…), here or channel')
    .optional()
    .describe('Who is called with the first message of each incident'),
  quietHours: z
    .strictObject({
      from: clockTime.describe('From when: `"22:00"`'),
      to: clockTime.describe('Until when, on the next day where it is earlier'),
      timeZone: timeZone.describe('Of both times'),
    })
    .refine(({ from, to }) => from !== to, 'is a whole day: `from` and `to` are the same')
    .optional()
    .describe('When nothing is told; what happened is told when they are over'),
});

export type WatchRule = z.infer<typeof watchRule>;

/** `incidents:` of quorum.yaml. @param duration how the file writes durations */
export function incidentsConfig(duration: z.ZodType<number, string>) {
  return z.strictObject({
    resolveAfter: duration
      .default(3_600_000)
      .describe('A workload that has not died for so long is told to be over it'),
    burst: z
      .strictObject({
        incidents: z
          .number()
          .int()
          .min(1)
          .default(5)
          .describe('So many in one channel are told by themselves; what comes on top is told together'),
        within: duration.default(120_000).describe('Counted over this time'),
      })
      .prefault({}),
    timeZone: timeZone.describe('What “until tomorrow” means on the Silence button: 08:00 there'),
  });
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

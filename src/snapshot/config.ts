import { z } from 'zod';
import { keyOf, type SnapshotSettings } from './settings.ts';

const text = z.string().min(1, 'is empty');
/** A variable that is not set stays as it is written where a process does not need it. */
const isUnset = (value: string) => /^\$\{\w+\}$/.test(value);

const key = z
  .string()
  .refine(
    (value) => keyOf(value) !== null || isUnset(value),
    'write 32 bytes in base64 or hex, such as `openssl rand -base64 32` prints',
  );

const place = z
  .strictObject({
    directory: text.optional().describe('A folder of the machine that the worker runs on; or `s3`'),
    s3: z
      .strictObject({
        bucket: text.describe('The bucket; it must exist'),
        prefix: z
          .string()
          .regex(/^[A-Za-z0-9!_.*'()/-]*$/, 'use letters, digits, /, -, _ and .')
          .default('quorum')
          .describe('Put before every name in the bucket'),
        region: text.default('us-east-1').describe('`auto` where the service has none'),
        endpoint: z
          .string()
          .regex(/^https?:\/\/[^\s/]+/, 'write an address that starts with http:// or https://')
          .optional()
          .describe('Another service than AWS: `https://minio.example:9000`'),
        forcePathStyle: z
          .boolean()
          .default(false)
          .describe('`https://host/bucket` in place of `https://bucket.host`: most services that are not AWS want it'),
        accessKeyId: text.describe('Of a user who may list, get, put and delete objects under the prefix'),
        secretAccessKey: text.describe('Its secret: `${S3_SECRET_ACCESS_KEY}`'),
      })
      .optional(),
  })
  .superRefine((value, context) => {
    if ((value.directory === undefined) === (value.s3 === undefined))
      context.addIssue({ code: 'custom', message: 'name either directory or s3' });
  });

const cronHint = 'write a cron line of five fields, such as "0 3 * * *"';
const cron = z
  .string(cronHint)
  .regex(/^\s*[!-~]+(\s+[!-~]+){4,5}\s*$/, cronHint)
  .optional();

/** `etcd.clusters.<name>.snapshots` of quorum.yaml. */
export const snapshotsConfig = z
  .strictObject({
    to: place,
    encryption: z
      .union(
        [z.literal('none'), z.strictObject({ key: key.describe('32 bytes'), oldKeys: z.array(key).default([]) })],
        'write { key: ${…} }, or none where they shall lie there readable',
      )
      .describe(
        '`{ key: ${SNAPSHOT_KEY} }`, 32 bytes in base64 or hex (`openssl rand -base64 32`), with `oldKeys: [...]` after a change of keys; or `none`, written out: a snapshot holds every secret of the cluster',
      ),
    keep: z
      .strictObject({
        last: z.number().int().min(1).default(7).describe('At most so many; the last good one always stays'),
        days: z.number().positive().default(30).describe('None older than that; the last good one always stays'),
      })
      .prefault({}),
    schedule: cron.describe('When one is taken, as a cron line: `"0 3 * * *"`'),
    drill: cron.describe('When the latest is restored into a scratch member and compared: `"0 5 * * 0"`'),
    timeZone: text
      .refine(isTimeZone, 'write a time zone such as Europe/Berlin')
      .default('UTC')
      .describe('Of both cron lines'),
    channel: z
      .string()
      .regex(/^[CGD][A-Z0-9]+$/, 'write a channel id (C…)')
      .optional()
      .describe('Told of a snapshot or drill of the schedule that was missed or failed; needed with one'),
  })
  .superRefine((value, context) => {
    if (value.channel === undefined && (value.schedule !== undefined || value.drill !== undefined))
      context.addIssue({
        code: 'custom',
        path: ['channel'],
        message: 'is needed with a schedule: who is told when a snapshot is missed',
      });
  });

export type SnapshotsConfig = z.infer<typeof snapshotsConfig>;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** The settings as the storage and the taking want them. */
export function settingsOf({ to, encryption, keep }: SnapshotsConfig, maxAgeMs: number): SnapshotSettings {
  const keys = encryption === 'none' ? [] : [encryption.key, ...encryption.oldKeys];
  return {
    place:
      to.s3 === undefined
        ? { kind: 'directory', path: to.directory ?? '' }
        : { kind: 's3', ...to.s3, endpoint: to.s3.endpoint ?? `https://s3.${to.s3.region}.amazonaws.com` },
    keys: keys.flatMap((each) => {
      const bytes = keyOf(each);
      return bytes === null ? [] : [bytes];
    }),
    keep,
    maxAgeMs,
  };
}

import { parseDocument } from 'yaml';
import { z } from 'zod';
import { alertsConfig, demandAlerts, httpTlsConfig } from './alerts/config.ts';
import { incidentsConfig, watchRule } from './incident/config.ts';
import { jvmConfig } from './jvm/config.ts';
import { nearest } from './nearest.ts';
import { Refusal } from './refusal.ts';
import { snapshotsConfig } from './snapshot/config.ts';
import { messageOf } from './thrown.ts';

const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `1s`, `500ms`, `15m`, `24h` in the file; milliseconds in the Config. */
export const duration = z
  .string('write a duration with its unit, such as 5s')
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, 'write a duration such as 500ms, 1s, 15m or 24h')
  .transform((text) => {
    const [, amount, unit] = /^([\d.]+)(\D+)$/.exec(text) ?? [];
    return Number(amount) * (unitMs[unit ?? ''] ?? 1);
  });

/** A number, also as the text that an environment variable gives. */
const port = z.preprocess(
  (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
  z.number().int().min(0).max(65_535),
);
const url = z.string().regex(/^https?:\/\/[^\s/]+/, 'write an address that starts with http:// or https://');
const text = z.string().min(1, 'is empty');
const slackIds = z.array(
  z.string().regex(/^[UWS][A-Z0-9]+$/, 'write a Slack id of a person (U…) or of a user group (S…)'),
);

const slack = z
  .strictObject({
    mode: z
      .enum(['socket', 'http'])
      .default('socket')
      .describe('How Slack reaches the bot: a socket that the bot opens, or signed HTTP requests'),
    botToken: text.describe('Bot User OAuth Token, `xoxb-…`'),
    appToken: text.optional().describe('App-level token with `connections:write`, `xapp-…`; mode socket'),
    signingSecret: text.optional().describe('Signing secret of the app; mode http'),
    apiUrl: url.default('https://slack.com/api/').describe('Another address for a test workspace'),
    port: port.default(3000).describe('Mode http: where Slack’s requests are taken, at `/slack/events`'),
    host: text.default('0.0.0.0').describe('Mode http: the address to listen on'),
    commandPrefix: z
      .string()
      .regex(/^[a-z0-9_-]*$/, 'use small letters, digits, - and _')
      .default('')
      .describe('For a workspace where `/etcd` is taken: `q-` makes it `/q-etcd`'),
  })
  .superRefine((value, context) => {
    if (value.mode === 'socket' && value.appToken === undefined)
      context.addIssue({
        code: 'custom',
        path: ['appToken'],
        message: 'is needed in mode socket (an app-level token, xapp-…)',
      });
    if (value.mode === 'http' && value.signingSecret === undefined)
      context.addIssue({ code: 'custom', path: ['signingSecret'], message: 'is needed in mode http' });
  });

const etcdCluster = z.strictObject({
  endpoints: z
    .array(url)
    .min(1, 'name at least one endpoint')
    .describe('Client URLs; members that are not named are found through those that are'),
  tls: z
    .strictObject({
      ca: text.optional().describe('File of the CA that signed the members’ certificates'),
      cert: text.optional().describe('File of the bot’s client certificate'),
      key: text.optional().describe('File of its key'),
    })
    .optional(),
  auth: z
    .strictObject({ username: text.describe('etcd user'), password: z.string().describe('Its password') })
    .optional(),
  requestTimeout: duration.default(1000).describe('Deadline of every call to a member'),
  quotaBytes: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('`--quota-backend-bytes`, where the members do not tell (before 3.6, and without metrics)'),
  peerCa: text.optional().describe('File of the peers’ CA where it is another one'),
  metricsUrls: z
    .array(url)
    .optional()
    .describe('`--listen-metrics-urls` of the members, where the client port does not show `/metrics`'),
  eventsPrefix: text
    // Whatever lies under it may be deleted.
    .regex(/^\/.+\/events\/$/, 'write the directory of the events, such as /registry/events/')
    .optional()
    .describe(
      'Where API servers keep their events: their `--etcd-prefix` and `/events/`; `/registry/events/` where not given',
    ),
  sampleEvery: duration
    .refine((ms) => ms >= 60_000, 'sample every 1m or less often: growth is told in hours')
    .optional()
    .describe('How often sizes, the revision and the number of keys by prefix are kept; 5 min where not given'),
  snapshots: snapshotsConfig.optional(),
});

const kubernetesCluster = z
  .strictObject({
    kubeconfig: text.optional().describe('File; or `inCluster`'),
    context: text.optional().describe('Context in it; else its current one'),
    inCluster: z.boolean().default(false).describe('Use the service account of the pod that the bot runs in'),
    namespaces: z.array(text).default([]).describe('Where the bot may look; empty: everywhere'),
    requestTimeout: duration.default(3000).describe('Deadline of every request'),
    allowFixes: z
      .boolean()
      .default(false)
      .describe(
        'Whether `/oom fix` and `/oom rollback` may change workloads here, each after an approval; without it they show the patch to apply by hand',
      ),
    allowExec: z
      .boolean()
      .default(false)
      .describe(
        'Whether `/oom ask` may run its few commands in containers here, each time after an approval; without it it shows them to run by hand',
      ),
    sampleNamespaces: z
      .array(text)
      .default([])
      .describe(
        'Where the memory in use is sampled and kept for a day, for the picture and the peak without a Prometheus',
      ),
    sampleEvery: duration
      .default(30_000)
      .refine((ms) => ms >= 10_000, 'sample every 10s or less often: a metrics server has nothing newer')
      .describe('How often: one list request a namespace'),
  })
  .superRefine((value, context) => {
    if (!value.inCluster && value.kubeconfig === undefined)
      context.addIssue({
        code: 'custom',
        path: ['kubeconfig'],
        message: 'name a kubeconfig file, or set inCluster: true',
      });
  });

const prometheus = z.strictObject({
  url: url.describe('A Prometheus that scrapes the Kubernetes cluster of this name, with a path where its API has one'),
  token: text.optional().describe('Bearer token'),
  auth: z
    .strictObject({
      username: text.describe('User of its basic authentication'),
      password: z.string().describe('Its password'),
    })
    .optional(),
  tls: z.strictObject({ ca: text.optional().describe('File of the CA that signed its certificate') }).optional(),
  labels: z
    .record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'use the name of a label'), z.string())
    .default({})
    .describe('Labels of this cluster’s series, where one Prometheus holds several clusters: `{ cluster: prod }`'),
  requestTimeout: duration.default(3000).describe('Deadline of every query'),
});

/** Names that are typed after --cluster. */
const clusterName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'use letters, digits, -, _ and .');

/** The shape of quorum.yaml. The descriptions are the documentation (docs/configuration.md is made from them). */
export const schema = z.strictObject({
  slack: slack.optional(),
  redis: z
    .strictObject({
      url: z
        .string()
        .regex(/^rediss?:\/\//, 'write an address that starts with redis:// or rediss://')
        .default('redis://127.0.0.1:6379')
        .describe('Redis 6.2 or later with `appendonly yes` and `maxmemory-policy noeviction`'),
      prefix: z
        .string()
        .regex(/^[A-Za-z0-9_-]+$/, 'use letters, digits, - and _')
        .default('quorum')
        .describe('Of every key; two bots on one Redis need two'),
    })
    .prefault({}),
  http: z
    .strictObject({
      port: port
        .default(9400)
        .describe('Where `/healthz`, `/readyz` and `/metrics` are, and with `alerts:` also `POST /alerts`'),
      host: text.default('127.0.0.1').describe('The address to listen on'),
      tls: httpTlsConfig.optional(),
    })
    .prefault({}),
  alerts: alertsConfig.optional(),
  etcd: z.strictObject({ clusters: z.record(clusterName, etcdCluster).default({}) }).prefault({}),
  kubernetes: z.strictObject({ clusters: z.record(clusterName, kubernetesCluster).default({}) }).prefault({}),
  prometheus: z.record(clusterName, prometheus).default({}),
  watch: z.array(watchRule).default([]),
  incidents: incidentsConfig(duration).prefault({}),
  jvm: jvmConfig.prefault({}),
  access: z
    .strictObject({
      viewers: z
        .union([z.literal('everyone'), slackIds], 'write everyone, or a list of Slack ids')
        .default('everyone')
        .describe('Who may look: `everyone` (full members of the workspace), or a list of ids'),
      operators: slackIds.default([]).describe('Who may ask for changes: people (`U…`) and user groups (`S…`)'),
      approvers: slackIds.default([]).describe('Who may approve changes; nobody, where the list is empty'),
      breakGlass: slackIds.default([]).describe('Who may act alone in an emergency, where an operation offers it'),
      approvals: z
        .strictObject({
          required: z.number().int().min(1).default(1).describe('How many approvers a change needs'),
          expiresIn: duration.default(15 * 60_000).describe('How long an approval may be given'),
          startWithin: duration.default(15 * 60_000).describe('How long an approved change may wait for its start'),
          allowSelfApproval: z.boolean().default(false).describe('Whether whoever asked may approve'),
          escalate: z
            .array(
              z.strictObject({
                after: duration.describe('How long nobody has decided'),
                to: text.describe('Who is asked next'),
              }),
            )
            .default([]),
        })
        .prefault({}),
    })
    .prefault({}),
  changes: z
    .strictObject({
      requireReason: z.boolean().default(false).describe('Whether a change needs a reason'),
      startTimeout: duration.default(30 * 60_000).describe('How long a new member may take to start'),
      snapshotMaxAge: duration.default(86_400_000).describe('An older snapshot is warned of before a change'),
      allowWithoutPersistence: z.boolean().default(false).describe('Allow changes although Redis does not persist'),
    })
    .prefault({}),
  channels: z
    .record(
      z.string().regex(/^[CGD][A-Z0-9]+$/, 'write a channel id (C…)'),
      z.strictObject({
        cluster: clusterName.describe('The cluster that is meant in this channel where none is named'),
      }),
    )
    .default({}),
  links: z
    .strictObject({
      runbook: url.optional().describe('A button on answers with a cause; `{cause}` and `{cluster}` are filled in'),
      dashboard: url
        .optional()
        .describe('A button on answers about a cluster; `{cluster}`, `{fromMs}` and `{toMs}` are filled in'),
    })
    .prefault({}),
});

/** quorum.yaml with its defaults, read once at boot and never changed. Durations are milliseconds, sizes bytes. */
export type Config = z.infer<typeof schema>;
export type SlackConfig = NonNullable<Config['slack']>;
export type Section = keyof Config;

/** For a process that uses all of it. */
export const everySection = Object.keys(schema.shape) as Section[];

/**
 * Parses quorum.yaml.
 * @param source the file's text
 * @param environment what `${NAME}` is taken from
 * @param needed the sections whose unset variables stop the parsing; a look in a terminal needs no Slack token
 * @throws Refusal that lists every mistake with its place and, for a mistyped key, the nearest known one
 */
export function parseConfig(
  source: string,
  environment: Readonly<Record<string, string | undefined>>,
  needed: readonly Section[],
): Config {
  // In `{ password: ${NAME} }` the braces would be YAML's: a variable is parsed as a word of its own.
  const marked = source.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, '\uE000$1\uE001');
  const document = parseDocument(marked, { uniqueKeys: true, merge: true });
  const syntaxError = document.errors[0];
  if (syntaxError !== undefined)
    throw new Refusal(
      `The config is not YAML: ${syntaxError.message.split('\n')[0]?.replace(/:$/, '')}.`,
      'Mend that line; indent with spaces, not tabs.',
    );
  let parsed: unknown;
  try {
    parsed = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    throw new Refusal(`The config cannot be read: ${messageOf(error)}`, 'Write it without YAML aliases.');
  }
  if (typeof parsed !== 'object' || Array.isArray(parsed) || parsed === null)
    throw new Refusal(
      `The config is ${Array.isArray(parsed) ? 'a list' : `a ${typeof parsed}`}, not a mapping.`,
      'Start with top-level keys such as `slack:` and `etcd:`; docs/configuration.md has an example.',
    );

  const missing: { path: string; name: string; section: string }[] = [];
  const filled = withVariables(parsed, environment, [], (path, name) =>
    missing.push({ path: path.join('.'), name, section: path[0] ?? '' }),
  );
  const unset = missing.filter(({ section }) => needed.some((need) => need === section));
  if (unset.length > 0)
    throw new Refusal(
      unset.map(({ path, name }) => `${path} takes \${${name}}, and that environment variable is not set.`).join('\n'),
      `Set ${[...new Set(unset.map(({ name }) => name))].join(', ')} in the environment of quorum.`,
    );

  const result = schema.safeParse(filled);
  if (!result.success)
    throw new Refusal(
      issueLines(result.error.issues).join('\n'),
      'Mend these places; docs/configuration.md lists every key.',
    );
  for (const [channel, { cluster }] of Object.entries(result.data.channels))
    demandCluster(channel, cluster, result.data);
  for (const [index, { cluster }] of result.data.watch.entries())
    if (cluster !== undefined) demandWatched(index, cluster, Object.keys(result.data.kubernetes.clusters));
  demandAlerts(result.data);
  return result.data;
}

/** @throws Refusal for a channel whose cluster is none of those configured */
function demandCluster(channel: string, cluster: string, config: Config): void {
  const known = [...Object.keys(config.etcd.clusters), ...Object.keys(config.kubernetes.clusters)];
  if (known.includes(cluster)) return;
  const near = nearest(cluster, known);
  throw new Refusal(
    `channels.${channel}.cluster: there is no cluster \`${cluster}\`${near === undefined ? '' : `; did you mean \`${near}\`?`}`,
    'Name one of etcd.clusters or kubernetes.clusters.',
    known,
  );
}

/** @throws Refusal for a rule whose cluster is none of those configured */
function demandWatched(index: number, cluster: string, known: readonly string[]): void {
  if (known.includes(cluster)) return;
  const near = nearest(cluster, known);
  throw new Refusal(
    `watch.${index}.cluster: there is no Kubernetes cluster \`${cluster}\`${near === undefined ? '' : `; did you mean \`${near}\`?`}`,
    'Name one of kubernetes.clusters.',
    known,
  );
}

/** Replaces `${NAME}` in every string; a name that is not set stays as written and is told. */
function withVariables(
  value: unknown,
  environment: Readonly<Record<string, string | undefined>>,
  path: readonly string[],
  tellMissing: (path: readonly string[], name: string) => void,
): unknown {
  if (typeof value === 'string')
    return value.replace(/\uE000([A-Za-z0-9_]*)\uE001/g, (_, name: string) => {
      const found = environment[name];
      if (found === undefined || found === '') tellMissing(path, name);
      return found ?? `\${${name}}`;
    });
  if (Array.isArray(value))
    return value.map((item, index) => withVariables(item, environment, [...path, String(index)], tellMissing));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, withVariables(item, environment, [...path, key], tellMissing)]),
    );
  return value;
}

/** A missing key is not told where a mistyped one beside it explains it. */
function issueLines(issues: readonly z.core.$ZodIssue[]): string[] {
  const meant = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => [...issue.path, nearest(key, keysAt(schema, issue.path.map(String)))].join('.'))
      : [],
  );
  const told = issues.filter((issue) => issue.code === 'unrecognized_keys' || !meant.includes(issue.path.join('.')));
  return told.flatMap(issueTexts);
}

function issueTexts(issue: z.core.$ZodIssue): string[] {
  const place = issue.path.map(String);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => {
      const near = nearest(key, keysAt(schema, place));
      return `${[...place, key].join('.')}: unknown key${near === undefined ? '' : `; did you mean \`${near}\`?`}`;
    });
  if (issue.code === 'invalid_key') return [`${place.join('.')}: ${issue.issues[0]?.message ?? 'not a name'}`];
  if (issue.code === 'invalid_union') {
    // A mistake within the list is told by itself; anything else by what may stand here.
    const inner = issue.errors.flat().find(({ path }) => path.length > 0);
    return [`${[...place, ...(inner?.path ?? [])].join('.')}: ${inner?.message ?? issue.message}`];
  }
  if (issue.code === 'invalid_type' && /received undefined/.test(issue.message))
    return [`${place.join('.')}: is missing`];
  return [`${place.join('.')}: ${issue.message.replace(/^Invalid input: /, '')}`];
}

/** The keys that the schema knows at a place in the file. */
function keysAt(start: z.ZodType, path: readonly string[]): string[] {
  let at: unknown = start;
  for (const step of [...path, undefined]) {
    while (at instanceof z.ZodOptional || at instanceof z.ZodDefault || at instanceof z.ZodPrefault) at = at.unwrap();
    if (step === undefined) break;
    if (at instanceof z.ZodObject) at = at.shape[step];
    else if (at instanceof z.ZodRecord) at = at.valueType;
    else if (at instanceof z.ZodArray) at = at.element;
    else return [];
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

/** A config without a file: enough for commands that ask no cluster. */
export function emptyConfig(): Config {
  return schema.parse({});
}

import { z } from 'zod';
import { Refusal } from '../refusal.ts';
import { shortened } from '../report/text.ts';
import { type Alert, type AlertGroup, type AlertsTicket, alertTickets } from './alert.ts';
import { fingerprintOf } from './fingerprint.ts';

/** What is kept of texts from outside: whoever wants more follows the links. */
const longest = { name: 100, label: 400, annotation: 1500, url: 3000, key: 2000 } as const;
const mostPairs = 60;

const pairs = z
  .record(z.string(), z.string())
  .nullish()
  .transform((given) => given ?? {});
const text = z
  .string()
  .nullish()
  .transform((given) => given ?? '');
const time = z.string().refine((given) => !Number.isNaN(Date.parse(given)), 'is no time');

/** Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config (version 4; what else is in it is passed over) */
const payloadSchema = z.object({
  version: z.literal('4'),
  groupKey: z.string(),
  receiver: text,
  groupLabels: pairs,
  externalURL: text,
  truncatedAlerts: z
    .number()
    .nullish()
    .transform((given) => Math.max(0, Math.floor(given ?? 0))),
  alerts: z.array(
    z.object({
      status: z.enum(['firing', 'resolved']),
      labels: pairs,
      annotations: pairs,
      startsAt: time,
      endsAt: time.nullish(),
      generatorURL: text,
      fingerprint: text,
    }),
  ),
});

const advice = 'Send what Alertmanager’s webhook_config sends (version 4); docs/operating.md has a receiver to copy.';

/**
 * The tickets that a webhook's body makes.
 * @throws Refusal that says what is wrong with it, and in which field
 */
export function readAlerts(body: string): AlertsTicket[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new Refusal(body.trim() === '' ? 'The body is empty.' : 'The body is not JSON.', advice);
  }
  const result = payloadSchema.safeParse(parsed);
  if (!result.success) {
    const [issue] = result.error.issues;
    const place = issue === undefined || issue.path.length === 0 ? 'the body' : issue.path.map(String).join('.');
    const said = (issue?.message ?? 'is not understood').replace(/^Invalid input: /, '');
    throw new Refusal(
      `The body is no Alertmanager payload: ${shortened(place, 120)}: ${shortened(said, 200)}.`,
      advice,
    );
  }
  const { receiver, groupKey, groupLabels, externalURL, truncatedAlerts, alerts } = result.data;
  const group: AlertGroup = {
    receiver: clean(receiver, longest.name),
    // Two long keys that begin alike are two groups.
    key: groupKey.length > longest.key ? fingerprintOf({ groupKey }) : groupKey,
    labels: kept(groupLabels, longest.label),
    externalURL: externalURL.length > longest.url ? '' : externalURL,
    truncated: truncatedAlerts,
  };
  return alertTickets(group, alerts.map(alertOf));
}

function alertOf(given: z.infer<typeof payloadSchema>['alerts'][number]): Alert {
  const isOn = given.status === 'firing';
  const ended = Date.parse(given.endsAt ?? '');
  return {
    isOn,
    fingerprint: /^[\w-]{1,64}$/.test(given.fingerprint) ? given.fingerprint : fingerprintOf(given.labels),
    labels: kept(given.labels, longest.label),
    annotations: kept(given.annotations, longest.annotation),
    // Go's zero time is the year 1.
    startsAt: Math.max(0, Date.parse(given.startsAt)),
    endsAt: isOn || Number.isNaN(ended) || ended <= 0 ? null : ended,
    generatorURL: given.generatorURL.length > longest.url ? '' : given.generatorURL,
  };
}

function kept(given: Readonly<Record<string, string>>, valueLength: number): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given)
      .slice(0, mostPairs)
      .map(([name, value]) => [clean(name, longest.name), clean(value, valueLength)]),
  );
}

/** Without what changes how the text around it is shown: control characters, and those that turn the direction of writing. */
function clean(value: string, length: number): string {
  return shortened(
    value
      .slice(0, length * 2)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, ''),
    length,
  );
}

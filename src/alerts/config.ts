import { z } from 'zod';
import type { WatchRule } from '../incident/config.ts';
import { isDefault } from '../incident/routing.ts';
import { Refusal } from '../refusal.ts';

/** The looks that an alert may lead to: `oom why` needs a pod or a workload in its labels, the others no more than a cluster. */
export const looksOfAlerts = [
  'oom why',
  'oom list',
  'etcd health',
  'etcd space',
  'etcd certs',
  'etcd members',
  'etcd alarms',
  'etcd config',
] as const;

export type LookOfAlert = (typeof looksOfAlerts)[number];

const labelName = z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'use the name of a label');
const text = z.string().min(1, 'is empty');

/** `alerts:` of quorum.yaml: who may post alerts, and what they lead to. */
export const alertsConfig = z.strictObject({
  token: text
    .optional()
    .describe('Bearer token that Alertmanager sends to `POST /alerts`; not needed where `http.tls.clientCa` is given'),
  clusterLabel: labelName
    .default('cluster')
    .describe('The label that names the cluster; where there is none, the only one configured is meant'),
  rules: z
    .record(text, z.enum([...looksOfAlerts, 'none'], `write ${looksOfAlerts.join(', ')}, or none for no look at all`))
    .default({})
    .describe(
      'What alerts of your own rules lead to, by alertname: `{ MyPodDies: "oom why", Noise: none }`; the usual ones are known',
    ),
});

export type AlertsConfig = z.infer<typeof alertsConfig>;

/** `http.tls` of quorum.yaml. */
export const httpTlsConfig = z.strictObject({
  cert: text.describe('File of the certificate (with its chain) that the http port shows; makes it https'),
  key: text.describe('File of its key'),
  clientCa: text
    .optional()
    .describe(
      'File of the CA whose client certificates may post alerts; probes and metrics need none. Files that change are read again',
    ),
});

export type HttpTlsConfig = z.infer<typeof httpTlsConfig>;

/** @throws Refusal where anybody could post alerts, or where some would be told nowhere */
export function demandAlerts({
  alerts,
  http,
  watch,
}: {
  readonly alerts?: AlertsConfig | undefined;
  readonly http: { readonly tls?: HttpTlsConfig | undefined };
  readonly watch: readonly WatchRule[];
}): void {
  if (alerts === undefined) return;
  if (alerts.token === undefined && http.tls?.clientCa === undefined)
    throw new Refusal(
      'alerts: anybody could post alerts: there is neither alerts.token nor http.tls.clientCa.',
      'Add `token: ${QUORUM_ALERTS_TOKEN}` under `alerts:`, or http.tls with cert, key and clientCa.',
    );
  if (!watch.some(isDefault))
    throw new Refusal(
      'alerts: there is no channel for alerts that no rule of `watch:` fits.',
      'Add a rule with a channel alone at the end of `watch:`, such as `- channel: C0123456789`.',
    );
}

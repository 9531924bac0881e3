import { fingerprintOf } from '../../src/alerts/fingerprint.ts';

/** An alert as it stands in the body that Alertmanager sends. */
export type PostedAlert = {
  readonly status: string;
  readonly labels?: unknown;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt?: string;
  readonly generatorURL?: string;
  readonly fingerprint?: string;
};

/** An alert that began two minutes ago, or then. */
export function firing(
  labels: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>> = {},
  startsAt: Date = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 120_000),
): PostedAlert {
  return {
    status: 'firing',
    labels,
    annotations,
    startsAt: startsAt.toISOString(),
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://prometheus.example:9090/graph?g0.expr=up',
    fingerprint: fingerprintOf(labels),
  };
}

export function resolved(alert: PostedAlert): PostedAlert {
  return { ...alert, status: 'resolved', endsAt: new Date().toISOString() };
}

/** The body of a group, as Alertmanager 0.28 sends it. */
export function alertBody(
  alerts: readonly PostedAlert[],
  group: {
    readonly groupKey?: string;
    readonly receiver?: string;
    readonly groupLabels?: Readonly<Record<string, string>>;
    readonly externalURL?: string;
    readonly truncatedAlerts?: number;
  } = {},
): string {
  return JSON.stringify({
    receiver: 'quorum',
    status: alerts.some(({ status }) => status === 'firing') ? 'firing' : 'resolved',
    alerts,
    groupLabels: { alertname: 'A' },
    commonLabels: {},
    commonAnnotations: {},
    externalURL: 'http://alertmanager.example:9093',
    version: '4',
    groupKey: '{}:{alertname="A"}',
    truncatedAlerts: 0,
    ...group,
  });
}

/** Posts a body as Alertmanager does. */
export async function post(
  statusUrl: string,
  body: string,
  token: string | null = alertsToken,
): Promise<{ readonly status: number; readonly text: string; readonly headers: Headers }> {
  const response = await fetch(`${statusUrl}/alerts`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Alertmanager/0.28.1',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    body,
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

export const alertsToken = 'the-token-of-these-tests';

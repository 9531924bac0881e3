import type { Section } from '../../report/report.ts';
import { formatBytes } from '../../report/text.ts';
import { isEndpoint } from '../endpoint.ts';
import type { Trouble } from '../trouble.ts';
import type { SettingsSeen } from './source.ts';

/** One resource that is kept in another etcd. */
export type ServersOverride = { readonly resource: string; readonly servers: readonly string[] };

/**
 * Reads `--etcd-servers-overrides`: `group/resource#server;server`, overrides apart by commas, servers by semicolons.
 * @returns the overrides, and what is wrong with the text
 */
export function readOverrides(text: string): {
  readonly overrides: readonly ServersOverride[];
  readonly faults: readonly string[];
} {
  const overrides: ServersOverride[] = [];
  const faults: string[] = [];
  for (const entry of text.split(',').map((each) => each.trim())) {
    const [resource = '', servers, more] = entry.split('#');
    if (servers === undefined && isEndpoint(entry))
      faults.push(`${entry} stands alone: servers are apart by semicolons, and a comma begins the next override`);
    else if (servers === undefined || more !== undefined) faults.push(`"${entry}" is not group/resource#server;server`);
    else if (!/^[a-z0-9.-]*\/[a-z]+$/.test(resource))
      faults.push(`"${resource}" is not group/resource; the core group is empty, as in /events`);
    else {
      const urls = servers.split(';').map((url) => url.trim());
      const odd = urls.find((url) => !isEndpoint(url));
      if (odd !== undefined) faults.push(`"${odd}" of ${resource} is no URL`);
      overrides.push({ resource, servers: urls });
    }
  }
  return { overrides, faults };
}

/** Growth from which it is worth knowing what grows: a gibibyte in a day. */
const notableBytesPerHour = 1024 ** 3 / 24;

/** Whether the API servers keep events elsewhere, and whether they should. */
export function eventsTroubles({ apiServers, growth }: SettingsSeen): Trouble[] {
  const servers = apiServers.servers ?? [];
  const faulty = servers.flatMap(({ name, overrides }) =>
    overrides === undefined ? [] : readOverrides(overrides).faults.map((fault) => ({ name, fault })),
  );
  const [fault] = faulty;
  const isApart = servers.some(({ overrides }) => readOverrides(overrides ?? '').overrides.some(isEvents));
  return [
    ...(fault === undefined
      ? []
      : [
          {
            severity: 'critical' as const,
            grade: 'fact' as const,
            claim: `--etcd-servers-overrides of ${fault.name} is wrong: ${fault.fault}.`,
            evidence: `kube-apiserver wants group/resource#server;server: overrides apart by commas, the servers of one by semicolons`,
            impact: 'The API server does not start with it.',
            advice:
              'Write it as /events#https://10.0.0.1:2381;https://10.0.0.2:2381, in quotes where a shell reads it.',
            short: 'etcd-servers-overrides is wrong',
            cause: 'servers-overrides',
          },
        ]),
    ...(growth === null || growth.bytesPerHour < notableBytesPerHour || isApart
      ? []
      : [
          {
            severity: 'info' as const,
            grade: 'inferred' as const,
            claim: `The data grows by ${formatBytes(Math.round(growth.bytesPerHour))} an hour: if much of it is events, they belong in an etcd of their own.`,
            evidence: `Measured since ${growth.since}.`,
            advice: '`/etcd keys /registry` tells how much of it is events; the section below has the setting.',
          },
        ]),
  ];
}

const isEvents = ({ resource }: ServersOverride) => /(?:^|\/)events$/.test(resource);

/** Where events are kept, and how that is changed. */
export function eventsSection({ apiServers, growth }: SettingsSeen): Section | null {
  const { servers, unseen } = apiServers;
  if (servers === undefined && unseen?.startsWith('no Kubernetes cluster') === true) return null;
  if ((servers ?? []).some(({ overrides }) => overrides !== undefined && readOverrides(overrides).faults.length > 0))
    return null;
  const apart = (servers ?? []).flatMap(({ overrides }) => readOverrides(overrides ?? '').overrides.filter(isEvents));
  const [first] = apart;
  if (first !== undefined)
    return {
      kind: 'text',
      title: 'Events',
      text: `Kubernetes’ events are kept in an etcd of their own: ${first.servers.join(', ')}.`,
    };
  const isCalled = growth !== null && growth.bytesPerHour >= notableBytesPerHour;
  return {
    kind: 'text',
    title: 'Events',
    text: [
      servers === undefined
        ? `Where events are kept is not known: ${unseen}.`
        : 'Kubernetes’ events are kept in this etcd.',
      '`/etcd keys /registry` tells their share.',
      ...(isCalled
        ? [
            'In an etcd of their own: on every API server --etcd-servers-overrides=/events#https://<a>:2379;https://<b>:2379 (overrides are apart by commas, servers by semicolons). Events that are there are lost to the API; within their hour nobody misses them.',
          ]
        : []),
    ].join('\n'),
  };
}

import type { Section } from '../../report/report.ts';
import type { ApiServer } from '../api-servers.ts';
import { addressOf, hostPort } from '../endpoint.ts';
import type { ClusterView } from '../view.ts';

/** Where kops puts the events' etcd beside the other one (kops, "etcd administration"): free on most control planes. */
const eventsPort = 4002;

/**
 * `--etcd-servers-overrides` for events on the hosts of this cluster's members. An override that an API server has already stays: the flag is given once, and
 * what is given last counts.
 */
export function eventsOverrides(view: ClusterView, present = ''): string {
  const urls = view.members.flatMap(({ member, endpoint }) => {
    const all = member?.clientUrls ?? [];
    const url = all.find((each) => !/\/\/(127\.|localhost\b|\[::1\])/.test(each)) ?? all[0] ?? endpoint;
    if (url === null) return [];
    const { host, isTls } = addressOf(url);
    return [`${isTls ? 'https' : 'http'}://${hostPort(host, eventsPort)}`];
  });
  const events = `/events#${[...new Set(urls)].join(';')}`;
  return present === '' ? events : `${present},${events}`;
}

/** The flag for each API server, and what is to be known before it is set. */
export function eventsServersSections(view: ClusterView, servers: readonly ApiServer[]): Section[] {
  const present = servers.flatMap(({ overrides }) => (overrides === undefined ? [] : [overrides]));
  const isUneven = new Set(servers.map(({ overrides = '' }) => overrides)).size > 1;
  const flags = servers.length === 0 || !isUneven ? [{ name: '', overrides: present[0] ?? '' }] : servers;
  return [
    {
      kind: 'code',
      title: 'On every API server, one after another',
      text: flags
        .map(({ name, overrides = '' }) => {
          const flag = `--etcd-servers-overrides='${eventsOverrides(view, overrides)}'`;
          return name === '' ? flag : `# ${name}\n${flag}`;
        })
        .join('\n'),
    },
    {
      kind: 'text',
      text: `That is for a second etcd on the hosts of this one, at port ${eventsPort}, with a --data-dir and peer port of its own and a certificate of the same CA; start it first. Servers are apart by semicolons, overrides by commas. The quotes are for a shell: in a static pod’s manifest leave them out. Events that are there now are lost to the API; within their hour nobody misses them, and \`/etcd expire-events\` takes them out here.`,
    },
  ];
}

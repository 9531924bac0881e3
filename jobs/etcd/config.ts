import { z } from 'zod';
import { seeApiServers } from '../../src/etcd/api-servers.ts';
import { seeSettingsOfPods } from '../../src/etcd/settings/pod-settings.ts';
import { type GivenSettings, givenSettingsSchema } from '../../src/etcd/settings/setting.ts';
import { reportSettings } from '../../src/etcd/settings/settings-report.ts';
import { type SettingsSource, sourceOf } from '../../src/etcd/settings/source.ts';
import { eventsShareOf } from '../../src/etcd/space/events-share.ts';
import { fastestGrowth } from '../../src/etcd/space/sample.ts';
import { viewCluster } from '../../src/etcd/view.ts';
import { look } from '../../src/job.ts';

/** What is known of the members' settings, from their static pods or as pasted, against advice. */
export const etcdConfig = look({
  name: 'etcd config',
  input: z.strictObject({
    cluster: z.string(),
    /** The settings of one member, taken from what was pasted; the text itself is never kept. */
    pasted: givenSettingsSchema.nullable(),
  }),
  async run({ cluster, pasted }, { clients, space, now, signal }) {
    const etcd = await clients.etcd(cluster);
    const [seen, pods, apiServers, samples] = await Promise.all([
      etcd.see(signal),
      seeSettingsOfPods(clients, cluster),
      seeApiServers(clients, cluster),
      space?.samples(cluster).catch(() => []) ?? [],
    ]);
    const view = viewCluster(seen);
    const read = (pods.found ?? []).map(({ pod, settings }) => sourceOf(settings, `static pod ${pod}`, view));
    const own = pasted === null ? [] : [sourceOf(pasted, `pasted ${pasted.format}`, view)];
    return reportSettings({
      view,
      sources: [...read.filter((source) => !isReplaced(source, own, pasted)), ...own],
      podsUnseen: pods.unseen ?? '',
      apiServers,
      growth: fastestGrowth(samples, view, now()),
      events: eventsShareOf(samples, view.clusterId ?? '', etcd.eventsPrefix, now()),
      now: now(),
    });
  },
});

/** What was pasted stands for what the pod of the same member says. */
function isReplaced(source: SettingsSource, own: readonly SettingsSource[], pasted: GivenSettings | null): boolean {
  return pasted !== null && own.some(({ who }) => who === source.who);
}

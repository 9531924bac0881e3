import type { AuditNote } from '../audit.ts';
import type { Config } from '../config.ts';
import type { WatchDesk } from '../job.ts';
import type { WatchStore } from './watch-store.ts';
import { watchedClusters } from './watched-clusters.ts';

/** Who is told of what, for the commands: what somebody chooses for a channel goes to the audit. */
export function watchDesk(
  config: Pick<Config, 'watch' | 'kubernetes'>,
  store: WatchStore,
  at: { readonly channelId: string; readonly userId: string },
  note: (note: AuditNote) => Promise<void>,
  now: () => Date,
): WatchDesk {
  return {
    channelId: at.channelId,
    rules: config.watch,
    clusters: watchedClusters(config).map(({ name }) => name),
    standings: () => store.standings(),
    choices: () => store.choices(),
    async choose(cluster, namespace, isOn) {
      const time = now();
      await store.choose({ channelId: at.channelId, cluster, namespace, isOn, by: at.userId, at: time.getTime() });
      await note({
        at: time.toISOString(),
        actor: at.userId,
        action: isOn ? 'watch on' : 'watch off',
        cluster,
        changeId: '',
        details: { channel: at.channelId, namespace },
      });
    },
  };
}

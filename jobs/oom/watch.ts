import { z } from 'zod';
import { deskOf } from '../../src/desk.ts';
import { look } from '../../src/job.ts';
import { demandWatched } from '../../src/watch/watch-place.ts';
import { watchReport } from '../../src/watch/watch-report.ts';

/** Who hears of what, and whether anybody watches. */
export const oomWatch = look({
  name: 'oom watch',
  input: z.strictObject({}),
  async run(_, context) {
    const { watch } = deskOf(context);
    demandWatched(watch.rules);
    const [standings, choices] = await Promise.all([watch.standings(), watch.choices()]);
    return watchReport({
      clusters: watch.clusters,
      standings,
      rules: watch.rules,
      choices,
      channelId: watch.channelId,
      now: context.now(),
    });
  },
});

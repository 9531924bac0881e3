import type { WatchRule } from '../incident/config.ts';
import { Refusal } from '../refusal.ts';

/** @throws Refusal where the config watches nothing */
export function demandWatched(rules: readonly WatchRule[]): void {
  if (rules.length > 0) return;
  throw new Refusal(
    'Nothing is watched: the config has no `watch:` section.',
    'Whoever keeps quorum.yaml can add one, such as `watch: [{ channel: C01GEN }]`; docs/configuration.md has the keys.',
  );
}

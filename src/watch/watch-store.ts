import { z } from 'zod';
import type { ChannelChoice } from '../incident/routing.ts';

/** How the watch of one cluster stands in one worker. Times are milliseconds since the epoch. */
export const standingSchema = z.object({
  cluster: z.string(),
  /** null: all namespaces. */
  namespace: z.string().nullable(),
  worker: z.string(),
  /** Since when it stands as it does. */
  since: z.number(),
  pods: z.number(),
  /** Why nothing is seen; null where it works. */
  trouble: z.object({ message: z.string(), advice: z.string() }).nullable(),
});

export type Standing = z.infer<typeof standingSchema>;

export const choiceSchema: z.ZodType<ChannelChoice> = z.object({
  channelId: z.string(),
  cluster: z.string(),
  namespace: z.string().nullable(),
  isOn: z.boolean(),
  by: z.string(),
  at: z.number(),
});

/** What the watch keeps for all workers. */
export type WatchStore = {
  /** When somebody last watched this cluster; undefined where nobody ever did. */
  lastWatched(cluster: string): Promise<number | undefined>;
  /** The cluster is watched now, and the watches stand so; kept for half a minute. */
  tell(standings: readonly Standing[], watched: readonly string[], at: number): Promise<void>;
  standings(): Promise<readonly Standing[]>;
  choices(): Promise<readonly ChannelChoice[]>;
  /** The latest choice for a channel and a place replaces the one before. */
  choose(choice: ChannelChoice): Promise<void>;
};

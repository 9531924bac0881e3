import { growthOfPrefixes } from './prefixes.ts';
import type { SpaceSample } from './sample.ts';

/** How much of the keys that were counted, and of those that came, are events. */
export type EventsShare = {
  readonly eventKeys: number;
  readonly eventKeysPerHour: number;
  /** Of every prefix that is counted; what lies elsewhere is not in it. */
  readonly countedKeys: number;
  /** Of the prefixes that grow. */
  readonly countedKeysPerHour: number;
  /** When they were counted, ISO 8601. */
  readonly since: string;
  readonly asOf: string;
};

/**
 * The events' part of what grows, from counts that were kept.
 * @returns null where keys were not counted twice, or none was found where Kubernetes has them
 */
export function eventsShareOf(
  samples: readonly SpaceSample[],
  clusterId: string,
  eventsPrefix: string,
  now: Date,
): EventsShare | null {
  const counted = growthOfPrefixes(samples, clusterId, now);
  if (counted === undefined) return null;
  const { growths, since, asOf } = counted;
  const events = outermost(growths.filter(({ prefix }) => prefix.startsWith(eventsPrefix)));
  const all = outermost(growths);
  if (all.length === 0) return null;
  return {
    eventKeys: sum(events.map(({ keys }) => keys)),
    eventKeysPerHour: sum(events.map(({ keysPerHour }) => keysPerHour)),
    countedKeys: sum(all.map(({ keys }) => keys)),
    countedKeysPerHour: sum(all.map(({ keysPerHour }) => Math.max(0, keysPerHour))),
    since,
    asOf,
  };
}

/** A walk finds prefixes within prefixes: their keys are counted once. */
function outermost<Each extends { readonly prefix: string }>(all: readonly Each[]): Each[] {
  return all.filter(({ prefix }) => !all.some((other) => other.prefix !== prefix && prefix.startsWith(other.prefix)));
}

const sum = (all: readonly number[]) => all.reduce((total, each) => total + each, 0);

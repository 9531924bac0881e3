import { count, ordinal, roughly } from '../report/text.ts';
import { ago } from './age.ts';
import type { Kill } from './kill.ts';
import { type KillPattern, type KillRhythm, placeOf } from './kill-history.ts';

/** What a rhythm is called in a table. */
export const rhythmWords: Readonly<Record<KillRhythm, string>> = {
  leak: 'leak',
  'start-up': 'start-up peak',
  varying: 'load',
  unknown: 'too few to say',
};

/** `7 times`, `once`; `about` where some of them were not seen. */
export function timesText({ times, seen }: Pick<KillPattern, 'times' | 'seen'>): string {
  const amount = times === 1 ? 'once' : times === 2 ? 'twice' : `${times} times`;
  return times > seen ? `about ${amount}` : amount;
}

/** `growing`, `none for 7 h`; empty where it cannot be said. */
export function trendText({ trend, lastAt }: Pick<KillPattern, 'trend' | 'lastAt'>, now: Date): string {
  if (trend === 'unknown') return '';
  if (trend === 'falling') return 'fewer';
  return trend === 'stopped' ? `none for ${roughly(now.getTime() - lastAt.getTime())}` : trend;
}

/** `every 5 min`; empty for a single kill. */
export function paceText({ everyMs }: Pick<KillPattern, 'everyMs'>): string {
  return everyMs === undefined ? '' : `every ${roughly(everyMs)}`;
}

/** `OOM-killed about 8 times in 42 min, every 5 min, 11 an hour, growing` */
export function killsText(pattern: KillPattern, now: Date): string {
  if (pattern.times === 1) return `OOM-killed once, ${ago(pattern.lastAt.toISOString(), now)}`;
  return joined([`OOM-killed ${timesText(pattern)} in ${spanText(pattern)}`, ...courseText(pattern, now)]);
}

/** The same of the pod in question, which was killed last: `The 8th kill in 42 min, every 5 min, 11 an hour` */
export function endsText(pattern: KillPattern, end: Kill['end'], now: Date): string {
  const { times, seen, lastAt } = pattern;
  const what = end === 'killed' ? 'kill' : 'end for want of heap';
  if (times === 1) return `One ${what} is known, ${ago(lastAt.toISOString(), now)}`;
  const amount = times > seen ? `About the ${ordinal(times)}` : `The ${ordinal(times)}`;
  return joined([`${amount} ${what} in ${spanText(pattern)}`, ...courseText(pattern, now)]);
}

function spanText({ firstAt, lastAt }: KillPattern): string {
  const ms = lastAt.getTime() - firstAt.getTime();
  // The API's times are whole seconds.
  return ms < 1000 ? 'the same second' : roughly(ms);
}

function courseText(pattern: KillPattern, now: Date): string[] {
  const { everyMs, trend } = pattern;
  const perHour = everyMs === undefined || trend === 'stopped' ? 0 : 3_600_000 / everyMs;
  return [paceText(pattern), perHour < 1 ? '' : `${Math.round(perHour)} an hour`, trendText(pattern, now)];
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(', ');
}

/** What the claim stands on. */
export function killsEvidence({ seen, times, pods, because }: KillPattern, end: Kill['end'] = 'killed'): string {
  const others = times > seen ? ', the others told by restart counts and taken to be the same' : '';
  return [
    `${count(seen, end === 'killed' ? 'kill' : 'end')} seen${others}`,
    ...(pods > 1 ? [`${pods} pods`] : []),
    because,
  ].join('; ');
}

/** What to do, by what the uptimes look like. */
export const rhythmAdvice: Readonly<Record<KillRhythm, string>> = {
  leak: 'It fills up at its own pace, as a leak does: take a heap dump before it gets more memory. A heap that may outgrow its limit looks the same: /oom why tells.',
  'start-up': 'It dies while it starts: that is what it needs at its start, and no leak.',
  varying: 'It dies by load rather than by age: look at what it was asked to do then.',
  unknown: '',
};

/** `shop/checkout`, with the container where the name leaves a choice. */
export function placeText(pattern: Pick<KillPattern, 'namespace' | 'workload' | 'container'>): string {
  const place = placeOf(pattern);
  return place.endsWith(`/${pattern.container}`) ? place : `${place} (${pattern.container})`;
}

/** `last 7 min ago` */
export function lastText({ lastAt }: Pick<KillPattern, 'lastAt'>, now: Date): string {
  return `last ${roughly(now.getTime() - lastAt.getTime())} ago`;
}

import type { WatchRule } from './config.ts';
import { type QuietHours, quietUntil } from './quiet-hours.ts';

/** What decides who hears of something. */
export type RouteFacts = {
  /** The name in the config; '' where it belongs to none. */
  readonly cluster: string;
  readonly namespace: string | null;
  /** Of the pod and of its workload. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

/** What `/oom watch on` and `off` have set for a channel; the latest for one place counts. */
export type ChannelChoice = {
  readonly channelId: string;
  readonly cluster: string;
  /** null: the whole cluster. */
  readonly namespace: string | null;
  readonly isOn: boolean;
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
};

export type Route = {
  readonly channelId: string;
  readonly mention: string | null;
  readonly quietHours: QuietHours | undefined;
  /** What sent it there: for people who wonder. */
  readonly because: 'chosen' | 'rule' | 'default';
};

/** Whether a rule fits everything: the default, for what no other one fits and for channels that are gone. */
export function isDefault({ cluster, namespaces, labels, annotations }: WatchRule): boolean {
  return (
    cluster === undefined &&
    namespaces.length === 0 &&
    Object.keys(labels).length === 0 &&
    Object.keys(annotations).length === 0
  );
}

/** The channel for what no rule fits, or whose channel takes no messages; undefined where the config names none. */
export function defaultRoute(rules: readonly WatchRule[]): Route | undefined {
  const rule = rules.find(isDefault);
  return rule === undefined ? undefined : routeOfRule(rule);
}

/**
 * Who hears of it: a channel that chose its namespace, then the rules in their order, then a channel that chose the whole cluster, then the
 * default. A channel that switched it off is passed over.
 * @returns undefined where nobody does
 */
export function routeFor(
  facts: RouteFacts,
  rules: readonly WatchRule[],
  choices: readonly ChannelChoice[],
): Route | undefined {
  const chosen = (namespace: string | null): Route[] =>
    choices
      .filter((choice) => choice.isOn && choice.cluster === facts.cluster && choice.namespace === namespace)
      .map(({ channelId }) => ({ channelId, mention: null, quietHours: undefined, because: 'chosen' }));
  const candidates = [
    ...(facts.namespace === null ? [] : chosen(facts.namespace)),
    ...rules.filter((rule) => !isDefault(rule) && fits(rule, facts)).map(routeOfRule),
    ...chosen(null),
    ...rules.filter(isDefault).map(routeOfRule),
  ];
  return candidates.find(({ channelId }) => !isOff(channelId, facts, choices));
}

/** Whether the rules ask for more than the pod tells: then its workload has to be read. */
export function needsWorkload(rules: readonly WatchRule[]): boolean {
  return rules.some(({ labels, annotations }) => Object.keys({ ...labels, ...annotations }).length > 0);
}

/** When something that is routed so may be told: now, or when the quiet hours are over. Milliseconds since the epoch. */
export function dueAtOf({ quietHours }: Route, now: number): number {
  return (quietHours === undefined ? undefined : quietUntil(quietHours, now)) ?? now;
}

function routeOfRule(rule: WatchRule): Route {
  return {
    channelId: rule.channel,
    mention: rule.mention ?? null,
    quietHours: rule.quietHours,
    because: isDefault(rule) ? 'default' : 'rule',
  };
}

function fits(rule: WatchRule, facts: RouteFacts): boolean {
  return (
    (rule.cluster === undefined || rule.cluster === facts.cluster) &&
    (rule.namespaces.length === 0 || (facts.namespace !== null && rule.namespaces.includes(facts.namespace))) &&
    holds(facts.labels, rule.labels) &&
    holds(facts.annotations, rule.annotations)
  );
}

function holds(has: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => has[key] === value);
}

/** The narrower choice counts: a channel may switch one namespace off, or all but one. */
function isOff(channelId: string, { cluster, namespace }: RouteFacts, choices: readonly ChannelChoice[]): boolean {
  const own = choices.filter((choice) => choice.channelId === channelId && choice.cluster === cluster);
  const narrow = namespace === null ? undefined : own.find((choice) => choice.namespace === namespace);
  return (narrow ?? own.find((choice) => choice.namespace === null))?.isOn === false;
}

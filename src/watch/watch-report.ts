import type { WatchRule } from '../incident/config.ts';
import { type ChannelChoice, isDefault } from '../incident/routing.ts';
import type { Finding, JsonObject, Report, Section } from '../report/report.ts';
import { verdictOf } from '../report/report.ts';
import { count, formatDuration, listed } from '../report/text.ts';
import type { Standing } from './watch-store.ts';

export type WatchSeen = {
  /** The Kubernetes clusters that the rules name. */
  readonly clusters: readonly string[];
  readonly standings: readonly Standing[];
  readonly rules: readonly WatchRule[];
  readonly choices: readonly ChannelChoice[];
  readonly channelId: string;
  readonly now: Date;
};

/** Who hears what, and whether anybody watches. */
export function watchReport({ clusters, standings, rules, choices, channelId, now }: WatchSeen): Report {
  const findings = clusters.flatMap((cluster) => clusterFindings(cluster, standings, now));
  const pods = Math.max(0, ...podsOf(standings));
  const verdict = verdictOf(findings);
  return {
    command: '/oom watch',
    verdict,
    title: 'Watch',
    summary:
      verdict === 'ok'
        ? `Watched: ${listed(clusters)}, ${count(pods, 'pod')}. ${hears(rules, choices, channelId)}`
        : (findings[0]?.claim ?? ''),
    asOf: now.toISOString(),
    findings,
    sections: [rulesTable(rules, choices), ...workersTable(standings, now)],
    data: {
      channel: channelId,
      rules: rules.map((rule) => ({ ...rule, mention: rule.mention ?? null })) as unknown as JsonObject[],
      choices: choices.map((choice) => ({ ...choice })),
      watches: standings.map((standing) => ({ ...standing })),
    },
  };
}

/** Each worker sees all pods: the numbers of its namespaces add up, those of workers do not. */
function podsOf(standings: readonly Standing[]): number[] {
  const workers = new Map<string, number>();
  for (const { worker, pods } of standings) workers.set(worker, (workers.get(worker) ?? 0) + pods);
  return [...workers.values()];
}

function clusterFindings(cluster: string, standings: readonly Standing[], now: Date): Finding[] {
  const own = standings.filter((standing) => standing.cluster === cluster);
  if (own.length === 0)
    return [
      {
        severity: 'critical',
        grade: 'fact',
        claim: `Nobody watches ${cluster}.`,
        evidence: 'no worker has said in the last 30 s that it does',
        advice: 'Is a worker running? `quorum worker` or `quorum start` watches; its log has lines “not watched”.',
      },
    ];
  const places = [...new Set(own.map(({ namespace }) => namespace))];
  return places.flatMap((namespace): Finding[] => {
    const watches = own.filter((standing) => standing.namespace === namespace);
    const [first] = watches;
    // One worker that sees it is enough.
    if (first?.trouble == null || watches.some(({ trouble }) => trouble === null)) return [];
    return [
      {
        severity: 'critical',
        grade: 'fact',
        claim: `${namespace === null ? cluster : `${namespace} in ${cluster}`} is not watched for ${formatDuration(now.getTime() - first.since)}.`,
        evidence: first.trouble.message,
        advice: `${first.trouble.advice} What dies meanwhile is told when it works again.`.trim(),
        since: new Date(first.since).toISOString(),
      },
    ];
  });
}

/** @param choices the latest first: of channels that chose the same place it alone is told */
function hears(rules: readonly WatchRule[], choices: readonly ChannelChoice[], channelId: string): string {
  const own = choices.filter((choice) => choice.channelId === channelId);
  const latest = (place: string) => choices.find((choice) => choice.isOn && placeOf(choice) === place)?.channelId;
  const places = own.filter(({ isOn }) => isOn).map(placeOf);
  const chosen = places.filter((place) => latest(place) === channelId);
  const lost = places
    .filter((place) => latest(place) !== channelId)
    .map((place) => `; ${latest(place)} chose ${place} after it`)
    .join('');
  const named = rules.filter(({ channel }) => channel === channelId);
  if (own.some(({ isOn, namespace }) => !isOn && namespace === null)) return 'This channel is switched off.';
  if (chosen.length === 0 && named.length === 0)
    return `This channel hears of nothing${lost === '' ? '; `/oom watch on` changes that' : lost}.`;
  const what = [
    ...chosen,
    ...named.map((rule) => (isDefault(rule) ? 'all that no other channel hears of' : ruleText(rule))),
  ];
  const off = own.filter(({ isOn, namespace }) => !isOn && namespace !== null).map(placeOf);
  return `This channel hears of ${listed([...new Set(what)])}${off.length === 0 ? '' : `, but not of ${listed(off)}`}${lost}.`;
}

function rulesTable(rules: readonly WatchRule[], choices: readonly ChannelChoice[]): Section {
  return {
    kind: 'table',
    title: 'Who hears what; the first that fits counts',
    columns: ['What', 'Channel', 'Calls', 'From'],
    rows: [
      ...choices.filter(({ namespace }) => namespace !== null).map(choiceRow),
      ...rules.filter((rule) => !isDefault(rule)).map(ruleRow),
      ...choices.filter(({ namespace }) => namespace === null).map(choiceRow),
      ...rules.filter(isDefault).map(ruleRow),
    ],
  };
}

function choiceRow(choice: ChannelChoice): string[] {
  return [`${placeOf(choice)}${choice.isOn ? '' : ': off'}`, choice.channelId, '', `/oom watch, by ${choice.by}`];
}

function ruleRow(rule: WatchRule): string[] {
  const quiet =
    rule.quietHours === undefined
      ? ''
      : `, quiet ${rule.quietHours.from} to ${rule.quietHours.to} ${rule.quietHours.timeZone}`;
  return [
    isDefault(rule) ? 'everything else' : ruleText(rule),
    rule.channel,
    rule.mention ?? '',
    `quorum.yaml${quiet}`,
  ];
}

function ruleText({ cluster, namespaces, labels, annotations }: WatchRule): string {
  const pairs = Object.entries({ ...labels, ...annotations }).map(([key, value]) => `${key}=${value}`);
  return [
    namespaces.length === 0 ? 'all namespaces' : listed(namespaces),
    ...(pairs.length === 0 ? [] : [`with ${listed(pairs)}`]),
    ...(cluster === undefined ? [] : [`of ${cluster}`]),
  ].join(' ');
}

function placeOf({ cluster, namespace }: ChannelChoice): string {
  return namespace === null ? `all of ${cluster}` : `${namespace} of ${cluster}`;
}

function workersTable(standings: readonly Standing[], now: Date): Section[] {
  if (standings.length === 0) return [];
  return [
    {
      kind: 'table',
      more: true,
      title: 'Who watches',
      columns: ['Worker', 'What', 'Pods', 'Since'],
      rows: standings.map(({ worker, cluster, namespace, pods, since, trouble }) => [
        worker,
        namespace === null ? cluster : `${namespace} of ${cluster}`,
        trouble === null ? String(pods) : 'not seen',
        formatDuration(now.getTime() - since),
      ]),
    },
  ];
}

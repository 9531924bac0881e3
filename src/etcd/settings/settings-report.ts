import { type Report, type Section, verdictOf, worstFirst } from '../../report/report.ts';
import { count, listed, shortened } from '../../report/text.ts';
import { shortsOf } from '../health.ts';
import { statusTable } from '../look-commands.ts';
import { findingsOf, type Trouble } from '../trouble.ts';
import { careTroubles } from './care-advice.ts';
import { eventsSections, eventsTroubles } from './events-advice.ts';
import { givenValue } from './setting.ts';
import {
  compared,
  defaultOf,
  inForce,
  longestRoundTripMs,
  type SettingsSeen,
  type SettingsSource,
  shown,
} from './source.ts';
import { startTroubles } from './start-advice.ts';
import { timingTroubles } from './timing-advice.ts';

/** The report of `/etcd config`: the settings that are known, against advice. Pure. */
export function reportSettings(seen: SettingsSeen): Report {
  const { view, sources, now } = seen;
  const troubles = worstFirst([
    ...startTroubles(seen),
    ...timingTroubles(seen),
    ...careTroubles(seen),
    ...eventsTroubles(seen),
    ...leftOut(sources),
    ...unseen(seen),
  ]);
  const findings = findingsOf(troubles);
  const cause = troubles.find((trouble) => trouble.cause !== undefined)?.cause;
  return {
    command: '/etcd config',
    verdict: verdictOf(findings),
    title: `Settings of etcd ${view.seen.cluster}`,
    summary: summarize(seen, troubles),
    asOf: now.toISOString(),
    seenFrom: view.seen.seenFrom,
    findings,
    sections: [
      ...(sources.length === 0 ? [] : [tableOf(sources)]),
      { kind: 'text', title: 'Seen', text: seenText(seen) },
      ...eventsSections(seen),
    ],
    copy: statusTable(view),
    ...(cause === undefined ? {} : { cause }),
    data: {
      members: sources.map(({ who, where, version, settings }) => ({
        member: who,
        source: where,
        version,
        given: settings.given.map((each) => ({ ...each })),
        unknown: settings.unknown.map((each) => ({ ...each })),
        elsewhere: [...settings.elsewhere],
      })),
      roundTripMs: longestRoundTripMs(view),
      events: seen.events === null ? null : { ...seen.events },
    },
  };
}

function summarize({ view, sources }: SettingsSeen, troubles: readonly Trouble[]): string {
  const { cluster } = view.seen;
  const shorts = shortsOf(troubles, view);
  const known =
    sources.length === 0
      ? 'no member’s settings are known'
      : `settings of ${sources.length <= 2 ? listed(sources.map(({ who }) => who)) : count(sources.length, 'member')}`;
  return shortened(
    `${cluster}: ${known}${shorts.length === 0 ? (sources.length === 0 ? '' : ', nothing to mend') : `: ${shorts.join('; ')}`}`,
    240,
  );
}

function tableOf(sources: readonly SettingsSource[]): Section {
  return {
    kind: 'table',
    title: 'Settings',
    columns: ['Setting', 'Value', 'etcd’s default'],
    rows: compared.map((name) => {
      const values = sources.map((source) => shown(name, inForce(source, name)));
      const [first = ''] = values;
      const cell =
        new Set(values).size === 1 ? first : sources.map(({ who }, index) => `${who}: ${values[index]}`).join(', ');
      return [name, cell, shown(name, defaultOf(name, sources[0]?.version ?? null))];
    }),
  };
}

function seenText({ view, sources, podsUnseen }: SettingsSeen): string {
  const versions = [...new Set(view.members.flatMap(({ status }) => (status === null ? [] : [status.version])))];
  const roundTripMs = longestRoundTripMs(view);
  return [
    ...sources.map(({ who, where, settings }) => {
      const more = settings.elsewhere.length === 0 ? '' : `; not seen here: ${settings.elsewhere.join(', ')}`;
      const advertised = givenValue(settings, 'advertise-client-urls');
      return `${who}: ${where}${advertised === null ? '' : `, at ${advertised}`}${more}.`;
    }),
    ...(podsUnseen === '' ? [] : [`Static pods: ${podsUnseen}. etcd itself tells no settings.`]),
    `Version: ${versions.length === 0 ? 'not told' : listed(versions)}.`,
    roundTripMs === null
      ? 'Round trip between members: not known, for no member shows its metrics, or it has no peers.'
      : `Round trip between members: ${Math.round(roundTripMs * 10) / 10} ms at the longest, on the average since they started.`,
  ].join('\n');
}

function leftOut(sources: readonly SettingsSource[]): Trouble[] {
  const names = sources.flatMap(({ settings }) => settings.leftOut);
  if (names.length === 0) return [];
  return [
    {
      severity: 'info',
      grade: 'fact',
      claim: `The text held what looks like a secret: ${listed(names)}. It was not kept; whoever saw it on its way here can have it.`,
      evidence: '',
      advice: 'Change it, if that way was not a private one.',
    },
  ];
}

function unseen({ sources, podsUnseen, view }: SettingsSeen): Trouble[] {
  if (sources.length > 0) return [];
  return [
    {
      severity: 'warning',
      grade: 'unknown',
      claim: `The settings of ${view.seen.cluster} are not to be seen from here: ${podsUnseen}.`,
      evidence: 'etcd tells its version and, from 3.6 on, its quota; nothing else of its settings.',
      advice: '`/etcd config --paste` takes the environment file, unit, etcd.conf.yaml or manifest of one member.',
      short: 'paste them with --paste',
    },
  ];
}

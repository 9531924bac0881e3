import { listed } from '../../report/text.ts';
import { arePeerUrlsEqual, canonicalPeerUrl } from '../peer-url.ts';
import type { Trouble } from '../trouble.ts';
import { flagFault } from './known-flags.ts';
import { givenValue, variableOf } from './setting.ts';
import type { SettingsSeen, SettingsSource } from './source.ts';

/** What keeps a member from starting, or lets it start as something else than was meant. */
export function startTroubles({ sources, view }: SettingsSeen): Trouble[] {
  const isCluster = view.seen.members !== null && view.members.some(({ isStarted }) => isStarted);
  return sources.flatMap((source) => [
    ...shadowed(source),
    ...unknownFlags(source),
    ...fileAndFlags(source),
    ...initialCluster(source),
    ...(isCluster ? initialState(source) : []),
  ]);
}

/** etcd ends at its start when a setting is given both ways (pkg/flags, SetFlagsFromEnv). */
function shadowed({ settings, who, where }: SettingsSource): Trouble[] {
  const by = (way: 'flag' | 'variable') => settings.given.filter((each) => each.by === way).map(({ name }) => name);
  const flags = by('flag');
  const both = [...new Set(by('variable').filter((name) => flags.includes(name)))];
  if (both.length === 0) return [];
  return [
    {
      severity: 'critical',
      grade: 'fact',
      claim: `${who} will not start: ${listed(both.map((name) => `--${name}`))} ${both.length === 1 ? 'is' : 'are'} given as a variable too.`,
      evidence: `${where}; etcd then says: conflicting environment variable "${variableOf(both[0] ?? '')}" is shadowed by corresponding command-line flag`,
      advice: 'Leave one of the two: the flag, or the variable.',
      short: 'with settings given twice',
      who: [who],
      cause: 'shadowed-variable',
    },
  ];
}

function unknownFlags({ settings, who, where, version }: SettingsSource): Trouble[] {
  const names = [...settings.unknown, ...settings.given.map(({ name, by }) => ({ name, by }))];
  const faults = names.flatMap(({ name, by }) => {
    const fault = flagFault(name, version);
    return fault === '' ? [] : [{ name, by, fault }];
  });
  return faults.map(({ name, by, fault }): Trouble => {
    const written = by === 'flag' ? `--${name}` : by === 'variable' ? variableOf(name) : `${name}:`;
    const outcome = {
      flag: 'It ends at its start ("flag provided but not defined")',
      variable: 'It warns of an "unrecognized environment variable" and goes on without it',
      file: 'It passes over it without a word',
    }[by];
    return {
      severity: by === 'flag' ? 'critical' : 'warning',
      grade: 'fact',
      claim: `${who}: ${written}: ${fault}${fault.endsWith('?') ? '' : '.'}`,
      evidence: `${where}${version === null ? '' : `; etcd ${version}`}`,
      impact: `${outcome}.`,
      advice: 'Correct the name, or take it out.',
      short: `with the unknown setting ${written}`,
      who: [who],
      cause: 'unknown-flag',
    };
  });
}

function fileAndFlags({ settings, who, where }: SettingsSource): Trouble[] {
  const file = givenValue(settings, 'config-file');
  const others = settings.given.filter(({ name, by }) => name !== 'config-file' && by !== 'file');
  if (file === null || others.length === 0) return [];
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: `${who} is started with --config-file: every flag and variable beside it is ignored.`,
      evidence: `${where}: ${file}; ignored: ${listed(others.map(({ name }) => name))}`,
      advice:
        'Move them into the file, or leave the file out. What is said here is of what was read, and so of what is ignored.',
      short: 'with flags that its config file hides',
      who: [who],
    },
  ];
}

/** `etcd-1=https://10.0.0.1:2380,…`, by name. */
function readInitialCluster(text: string): ReadonlyMap<string, readonly string[]> {
  const members = new Map<string, string[]>();
  for (const entry of text.split(',').map((each) => each.trim())) {
    const sign = entry.indexOf('=');
    if (sign <= 0) continue;
    const name = entry.slice(0, sign);
    members.set(name, [...(members.get(name) ?? []), entry.slice(sign + 1)]);
  }
  return members;
}

function initialCluster(source: SettingsSource): Trouble[] {
  const { settings, who, where, member } = source;
  const text = givenValue(settings, 'initial-cluster');
  if (text === null) return [];
  const name = givenValue(settings, 'name') ?? 'default';
  const listing = readInitialCluster(text);
  const told = (claim: string, evidence: string, advice: string): Trouble[] => [
    {
      severity: member === null ? 'critical' : 'warning',
      grade: 'fact',
      claim,
      evidence: `${where}: ${evidence}`,
      impact:
        member === null
          ? 'It does not start.'
          : 'None while its data is there: it is read at the first start only. With an empty data directory it does not start.',
      advice,
      short: 'not in its own initial-cluster',
      who: [who],
      cause: 'initial-cluster',
    },
  ];
  const own = listing.get(name);
  if (own === undefined)
    return told(
      `--initial-cluster of ${who} does not name it: there is no ${name}.`,
      `initial-cluster has ${listed([...listing.keys()])}; etcd then says: couldn't find local name "${name}" in the initial cluster configuration`,
      `Add ${name}=<its peer URL> to it, or correct --name.`,
    );
  const advertised = (givenValue(settings, 'initial-advertise-peer-urls') ?? '').split(',').filter((url) => url !== '');
  if (advertised.length === 0 || arePeerUrlsEqual(own, advertised)) return [];
  return told(
    `--initial-cluster names other peer URLs for ${who} than it advertises.`,
    `initial-cluster ${own.map(canonicalPeerUrl).join(', ')}; initial-advertise-peer-urls ${advertised.map(canonicalPeerUrl).join(', ')}`,
    'Make both the same: the address that the other members dial.',
  );
}

function initialState({ settings, who, where, member }: SettingsSource): Trouble[] {
  const state = givenValue(settings, 'initial-cluster-state') ?? 'new';
  if (member !== null || state !== 'new' || givenValue(settings, 'initial-cluster') === null) return [];
  return [
    {
      severity: 'critical',
      grade: 'fact',
      claim: `${who} is to join a cluster that runs, and its --initial-cluster-state is new.`,
      evidence: `${where}: ${givenValue(settings, 'initial-cluster-state') === null ? 'not given, which is new' : 'new'}`,
      impact:
        'It makes a cluster of its own, or ends: "cluster ID mismatch", "member … has already been bootstrapped".',
      advice:
        'Add it first (`/etcd add`), then start it with --initial-cluster-state=existing and an empty data directory.',
      short: '"new" where it must be "existing"',
      who: [who],
      cause: 'initial-cluster-state',
    },
  ];
}

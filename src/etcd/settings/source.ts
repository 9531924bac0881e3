import { formatBytes } from '../../report/text.ts';
import type { ApiServersSeen } from '../api-servers.ts';
import type { EventsShare } from '../space/events-share.ts';
import type { Growth } from '../space/sample.ts';
import { isAtLeast } from '../version-checks.ts';
import { type ClusterView, defaultQuotaBytes, type MemberView } from '../view.ts';
import { type GivenSettings, givenValue } from './setting.ts';

/** The settings of one member, and where they were read. */
export type SettingsSource = {
  /** Whose they are: a member's label, or the name that they give. */
  readonly who: string;
  /** `static pod etcd-node-1`, `pasted environment file`. */
  readonly where: string;
  readonly settings: GivenSettings;
  /** The member of that name; null where the cluster has none that has started. */
  readonly member: MemberView | null;
  /** The version that runs there, else the one that most members run; null where none tells. */
  readonly version: string | null;
};

/** All that the advice is made from. */
export type SettingsSeen = {
  readonly view: ClusterView;
  readonly sources: readonly SettingsSource[];
  /** Why no static pods were seen; '' where they were. */
  readonly podsUnseen: string;
  readonly apiServers: ApiServersSeen;
  /** The fastest growth of any member's data, where it was measured. */
  readonly growth: Growth | null;
  /** What part of the keys that come are events, where that was counted. */
  readonly events: EventsShare | null;
  readonly now: Date;
};

/** Whose settings these are, by the name that they give. */
export function sourceOf(settings: GivenSettings, where: string, view: ClusterView): SettingsSource {
  const name = givenValue(settings, 'name');
  const member =
    view.members.find((each) => each.isStarted && each.member !== null && each.member.name === name) ?? null;
  const told = member ?? view.leader ?? view.members.find(({ status }) => status !== null);
  return {
    who: member?.label ?? name ?? 'the pasted member',
    where,
    settings,
    member,
    version: told?.status?.version ?? null,
  };
}

/** Settings that belong to the cluster's behaviour, with etcd's defaults. */
export const compared = [
  'heartbeat-interval',
  'election-timeout',
  'snapshot-count',
  'auto-compaction-mode',
  'auto-compaction-retention',
  'quota-backend-bytes',
  'max-request-bytes',
] as const;
export type Compared = (typeof compared)[number];

/** What counts where nothing is given (embed/config.go). */
export function defaultOf(name: Compared, version: string | null): string {
  if (name === 'snapshot-count') return version !== null && isAtLeast(version, [3, 6, 0]) ? '10000' : '100000';
  return defaults[name];
}

const defaults: Readonly<Record<Exclude<Compared, 'snapshot-count'>, string>> = {
  'heartbeat-interval': '100',
  'election-timeout': '1000',
  'auto-compaction-mode': 'periodic',
  'auto-compaction-retention': '0',
  'quota-backend-bytes': '0',
  'max-request-bytes': '1572864',
};

/** The value that counts, given or by default. */
export function inForce({ settings, version }: SettingsSource, name: Compared): string {
  return givenValue(settings, name) ?? defaultOf(name, version);
}

/** The longest mean round trip between two members, in milliseconds; null where no member's metrics tell. */
export function longestRoundTripMs({ members }: ClusterView): number | null {
  const all = members.flatMap(({ metrics }) => Object.values(metrics?.roundTripMs ?? {}));
  return all.length === 0 ? null : Math.max(...all);
}

/** A value as people say it: bytes and milliseconds with their units, off where nothing is compacted. */
export function shown(name: string, value: string): string {
  if (name === 'auto-compaction-retention' && /^0\D*$/.test(value)) return 'off';
  if (name === 'quota-backend-bytes') return bytes(value === '0' ? String(defaultQuotaBytes) : value);
  if (name === 'max-request-bytes') return bytes(value);
  return name === 'heartbeat-interval' || name === 'election-timeout' ? `${value} ms` : value;
}

const bytes = (value: string) => (/^\d+$/.test(value) ? formatBytes(Number(value)) : value);

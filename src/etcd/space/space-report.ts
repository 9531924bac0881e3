import { type Finding, type Json, type Report, type Section, verdictOf, worstFirst } from '../../report/report.ts';
import { formatBytes, formatDuration, grouped, listed } from '../../report/text.ts';
import { keyBytes } from '../keys/key-text.ts';
import { kubernetesName } from '../keys/kubernetes-names.ts';
import type { KnownCluster, ListedMember } from '../member-reference.ts';
import { spaceTroubles, suggestedQuotaBytes } from '../space-trouble.ts';
import { findingsOf, type Trouble } from '../trouble.ts';
import { growthOfPrefixes, type PrefixGrowth } from './prefixes.ts';
import { type Quota, quotaFor } from './quota.ts';
import { type Growth, growthOf, type SamplesSeen } from './sample.ts';
import type { StaticPodsSeen } from './static-pods.ts';

export type SpaceFacts = {
  readonly view: KnownCluster;
  readonly pods: StaticPodsSeen;
  readonly seen: SamplesSeen;
  readonly now: Date;
};

/** One member's room. */
type Room = {
  readonly member: ListedMember;
  readonly quota: Quota;
  readonly growth: Growth | undefined;
  /** Until what is in use reaches the quota; null where it does not grow, or nothing is known of that. */
  readonly untilFullMs: number | null;
};

/** Growth below this is noise between two looks. */
const noiseBytesPerHour = 1024;
/** Full within so long is told as a trouble. */
const soonMs = 24 * 3_600_000;

/** The report of `/etcd space`: how large, how full, how fast. Pure. */
export function reportSpace({ view, pods, seen, now }: SpaceFacts): Report {
  const rooms = view.members.map((member) => roomOf(member, { view, pods, seen, now }));
  const answering = rooms.filter(({ member }) => member.status !== null);
  const troubles = worstFirst([...spaceTroubles(view), ...soonFull(answering), ...quotaRemarks(rooms, pods)]);
  const byPrefix = growthOfPrefixes(seen.samples, view.clusterId, now);
  const cause = troubles.find((trouble) => trouble.cause !== undefined)?.cause;
  const findings = findingsOf(troubles);
  return {
    command: '/etcd space',
    verdict: answering.length === 0 ? 'unknown' : verdictOf(findings),
    title: `etcd ${view.seen.cluster}`,
    summary: summaryOf(view, answering, findings),
    asOf: now.toISOString(),
    seenFrom: view.seen.seenFrom,
    findings,
    sections: [
      {
        kind: 'table',
        title: 'Space',
        columns: ['Member', 'Database · in use', 'Quota', 'Growth in use'],
        rows: rooms.map((room) => [room.member.label, sizeCell(room), quotaCell(room.quota), growthCell(room, seen)]),
      },
      ...prefixSection(byPrefix),
      {
        kind: 'text',
        title: 'How to read it',
        text: `${readingOf(rooms, seen)} ${prefixReading(byPrefix, seen)}`.trim(),
      },
    ],
    ...(findings[0]?.command === undefined ? {} : { copy: findings[0].command }),
    ...(cause === undefined ? {} : { cause }),
    data: {
      clusterId: view.clusterId,
      members: rooms.map(dataOf),
      prefixes: (byPrefix?.growths ?? []).map(({ prefix, keys, keysPerHour }) => ({
        prefix,
        keys,
        keysPerHour: Math.round(keysPerHour),
      })),
    },
  };
}

/** So many are shown; fewer keys an hour are noise. */
const shownPrefixes = 5;
const noiseKeysPerHour = 1;

function growing(byPrefix: ReturnType<typeof growthOfPrefixes>): readonly PrefixGrowth[] {
  return (byPrefix?.growths ?? []).filter(({ keysPerHour }) => keysPerHour >= noiseKeysPerHour).slice(0, shownPrefixes);
}

function prefixSection(byPrefix: ReturnType<typeof growthOfPrefixes>): Section[] {
  const rows = growing(byPrefix).map(({ prefix, keys, keysPerHour }) => [
    prefix,
    kubernetesName(keyBytes(prefix)),
    grouped(keys),
    `+${grouped(Math.round(keysPerHour))}/h`,
  ]);
  if (rows.length === 0) return [];
  return [{ kind: 'table', title: 'Which prefixes grow', columns: ['Prefix', 'What', 'Keys', 'Growth'], rows }];
}

function prefixReading(byPrefix: ReturnType<typeof growthOfPrefixes>, { unseen }: SamplesSeen): string {
  if (unseen !== '') return '';
  if (byPrefix === undefined)
    return 'Which prefixes grow is told once their keys were counted twice: the bot does so by itself.';
  const { since, asOf } = byPrefix;
  return growing(byPrefix).length === 0
    ? `No prefix that is counted has more keys as of ${asOf} than at ${since}.`
    : `Keys by prefix were counted at ${since} and at ${asOf}; \`/etcd keys\` tells how large they are.`;
}

function roomOf(member: ListedMember, { view, pods, seen, now }: SpaceFacts): Room {
  const quota = quotaFor(member, view.seen.configuredQuotaBytes, pods);
  const inUse = member.status?.dbSizeInUseBytes;
  const growth = inUse === undefined ? undefined : growthOf(seen.samples, view.clusterId, member.member.id, inUse, now);
  const isGrowing = growth !== undefined && growth.bytesPerHour >= noiseBytesPerHour;
  return {
    member,
    quota,
    growth,
    untilFullMs:
      isGrowing && inUse !== undefined ? (Math.max(0, quota.bytes - inUse) / growth.bytesPerHour) * 3_600_000 : null,
  };
}

function summaryOf(view: KnownCluster, rooms: readonly Room[], findings: readonly Finding[]): string {
  const share = ({ member, quota }: Room) => (member.status?.dbSizeBytes ?? 0) / quota.bytes;
  const [fullest] = [...rooms].sort((a, b) => share(b) - share(a));
  if (fullest === undefined) return `${view.seen.cluster}: no member answers, so no size is known`;
  const { member, quota, untilFullMs } = fullest;
  const size = `${view.seen.cluster}: ${member.label} has ${formatBytes(member.status?.dbSizeBytes ?? 0)} of ${formatBytes(quota.bytes)}${quota.source === 'assumed' ? ' (assumed)' : ''}, ${Math.floor(share(fullest) * 100)}%`;
  const alarm = view.members.some(({ alarms }) => alarms.includes('NOSPACE'))
    ? '; NOSPACE: reads and deletes only'
    : '';
  const full = untilFullMs === null ? '' : `; full in ${formatDuration(untilFullMs)} at this pace`;
  const rest =
    alarm === '' && full === '' && findings.every(({ severity }) => severity === 'info') ? '; room enough' : '';
  return `${size}${alarm}${alarm === '' ? full : ''}${rest}`;
}

function sizeCell({ member: { status } }: Room): string {
  if (status === null) return 'unknown';
  const free = status.dbSizeBytes - status.dbSizeInUseBytes;
  return `${formatBytes(status.dbSizeBytes)} · ${formatBytes(status.dbSizeInUseBytes)} (${formatBytes(free)} free inside)`;
}

const quotaCell = ({ bytes, source }: Quota) => `${formatBytes(bytes)} (${source})`;

function growthCell({ growth, untilFullMs }: Room, { unseen }: SamplesSeen): string {
  if (growth === undefined) return unseen === '' ? 'not known yet' : 'unknown';
  const { bytesPerHour } = growth;
  if (Math.abs(bytesPerHour) < noiseBytesPerHour) return 'none';
  const pace = `${bytesPerHour < 0 ? '−' : '+'}${formatBytes(Math.round(Math.abs(bytesPerHour)))}/h`;
  return untilFullMs === null ? pace : `${pace}, full in ${formatDuration(untilFullMs)}`;
}

function readingOf(rooms: readonly Room[], { unseen }: SamplesSeen): string {
  const since = rooms.flatMap(({ growth }) => (growth === undefined ? [] : [growth.since])).sort()[0];
  const growth = {
    '':
      since === undefined ? 'Growth is told from the second look on: this one was kept.' : `Growth is since ${since}.`,
    terminal: 'Growth is not known in a terminal: only the bot keeps what it saw before.',
    failed: 'Growth is not known: what was seen before could not be read from Redis.',
  }[unseen];
  return `${growth} The quota is held against the database as it is on disk; what is free inside is used again before it grows, and only a defragmentation gives it back.`;
}

function soonFull(rooms: readonly Room[]): Trouble[] {
  const soon = rooms.filter(({ untilFullMs }) => untilFullMs !== null && untilFullMs < soonMs);
  const [first] = [...soon].sort((a, b) => (a.untilFullMs ?? 0) - (b.untilFullMs ?? 0));
  if (first === undefined) return [];
  return [
    {
      severity: 'warning',
      grade: 'inferred',
      claim: `At this pace ${first.member.label} reaches its quota in ${formatDuration(first.untilFullMs ?? 0)}.`,
      evidence: `In use ${formatBytes(first.member.status?.dbSizeInUseBytes ?? 0)}, ${formatBytes(Math.round(first.growth?.bytesPerHour ?? 0))} more an hour since ${first.growth?.since}.`,
      impact: 'At the quota the whole cluster refuses writes (NOSPACE).',
      advice:
        '`/etcd keys` tells which prefixes are large: find out who writes so much, and stop it; `/etcd compact` drops old history where nobody does.',
      short: `full in ${formatDuration(first.untilFullMs ?? 0)}`,
      cause: 'near-quota',
    },
  ];
}

function quotaRemarks(rooms: readonly Room[], pods: StaticPodsSeen): Trouble[] {
  const assumed = rooms.filter(({ quota }) => quota.source === 'assumed').map(({ member }) => member.label);
  const contradicted = rooms.filter(({ quota }) => quota.contradiction !== '');
  const large = rooms.filter(
    ({ quota }) =>
      (quota.source === 'configured' || quota.source === 'static pod') && quota.bytes > suggestedQuotaBytes,
  );
  return [
    ...(assumed.length === 0
      ? []
      : [
          {
            severity: 'info' as const,
            grade: 'unknown' as const,
            claim: `The quota of ${listed(assumed)} is assumed: etcd’s default of 2 GiB.`,
            evidence: `Neither the member tells it (3.6 does, and the metrics of some versions), nor the configuration; no static pod: ${pods.unseen ?? 'none of this member'}.`,
            advice: 'Set quotaBytes of this cluster in the configuration to what --quota-backend-bytes is.',
          },
        ]),
    ...contradicted.map(
      ({ member, quota }): Trouble => ({
        severity: 'warning',
        grade: 'fact',
        claim: `The quota of ${member.label} is said to be different things: ${formatBytes(quota.bytes)} counts.`,
        evidence: `${quota.source}: ${formatBytes(quota.bytes)}, ${quota.contradiction}.`,
        advice:
          'Correct the one that is wrong; a changed --quota-backend-bytes counts from the next start of the member.',
        short: 'quota said differently',
        who: [member.label],
      }),
    ),
    ...(large.length === 0
      ? []
      : [
          {
            severity: 'warning' as const,
            grade: 'fact' as const,
            claim: 'The quota is above the 8 GiB that etcd suggests at most.',
            evidence: large.map(({ member, quota }) => `${member.label}: ${quotaCell(quota)}`).join('; '),
            impact: 'Starts, snapshots and defragmentations take long.',
            advice: 'Keep the data small rather than the quota large.',
            short: 'quota above 8 GiB',
          },
        ]),
  ];
}

function dataOf({ member, quota, growth, untilFullMs }: Room): Json {
  const { status } = member;
  return {
    id: member.member.id,
    name: member.member.name,
    dbSizeBytes: status?.dbSizeBytes ?? null,
    dbSizeInUseBytes: status?.dbSizeInUseBytes ?? null,
    freeInsideBytes: status === null ? null : status.dbSizeBytes - status.dbSizeInUseBytes,
    quotaBytes: quota.bytes,
    quotaSource: quota.source,
    growthBytesPerHour: growth === undefined ? null : Math.round(growth.bytesPerHour),
    growthSince: growth?.since ?? null,
    untilFullMs: untilFullMs === null ? null : Math.round(untilFullMs),
    alarms: [...member.alarms],
  };
}

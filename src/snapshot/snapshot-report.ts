import type { Finding, JsonObject, Report, Section } from '../report/report.ts';
import { verdictOf, worstFirst } from '../report/report.ts';
import { count, formatBytes, formatDuration } from '../report/text.ts';
import { ageOf, type Catalogue, isGood, lastGood } from './catalogue.ts';
import type { SnapshotFacts } from './facts.ts';
import { restoreSections } from './restore.ts';
import type { Taken } from './taking.ts';

/** What `/etcd snapshot` answers. */
export function reportTaken({ facts, where, isKnown, removed, remarks }: Taken, now: Date): Report {
  const findings = worstFirst([
    ...encryptionFindings(facts, where),
    ...v2Findings(facts),
    ...remarks.map(
      (remark): Finding => ({
        severity: 'warning',
        grade: 'fact',
        claim: remark,
        evidence: '',
        advice: `The new snapshot is whole. Look at ${where}.`,
      }),
    ),
  ]);
  return {
    command: '/etcd snapshot',
    verdict: verdictOf(findings),
    title: `Snapshot of ${facts.cluster}`,
    summary: `${facts.cluster}: snapshot taken and verified, ${formatBytes(facts.bytes)} from ${nameOf(facts)}${facts.keyId === null ? ', not encrypted' : ', encrypted'}`,
    asOf: now.toISOString(),
    findings,
    sections: [
      factsSection(facts, where),
      ...(isKnown ? [{ kind: 'text', text: 'It had been taken for this very request before.' } as const] : []),
      ...(removed.length === 0
        ? []
        : [{ kind: 'text', text: `Removed, beyond what is to be kept: ${removed.join(', ')}.` } as const]),
      ...restoreSections(facts, where),
    ],
    data: { ...dataOf(facts), where, removed: [...removed] },
  };
}

/** What `/etcd snapshots` answers. */
export function reportCatalogue(
  catalogue: Catalogue,
  about: { cluster: string; clusterId: string | null; where: string; maxAgeMs: number },
  now: Date,
): Report {
  const { cluster, clusterId, where, maxAgeMs } = about;
  const { snapshots, strays, broken } = catalogue;
  const last = clusterId === null ? snapshots.find(isGood) : lastGood(catalogue, clusterId);
  const age = last === undefined ? undefined : ageOf(last, now);
  const findings = worstFirst([
    ...ageFindings(cluster, age, maxAgeMs),
    ...snapshots.flatMap((facts) => troubleFindings(facts)),
    ...broken.map(
      ({ name, why }): Finding => ({
        severity: 'warning',
        grade: 'fact',
        claim: `${name} does not count: ${why}.`,
        evidence: where,
        advice: 'Somebody removed or changed its files; remove what is left of it.',
      }),
    ),
    ...(strays.length === 0
      ? []
      : [
          {
            severity: 'info',
            grade: 'fact',
            claim: `${count(strays.length, 'file')} without facts ${strays.length === 1 ? 'does' : 'do'} not count: begun and never verified, or being taken now.`,
            evidence: strays.map(({ name }) => name).join(', '),
            advice: 'The next snapshot removes them.',
          } as const,
        ]),
  ]);
  return {
    command: '/etcd snapshots',
    verdict: verdictOf(findings),
    title: `Snapshots of ${cluster}`,
    summary:
      age === undefined
        ? `${cluster}: no good snapshot${snapshots.length === 0 ? '' : ` among ${snapshots.length}`} in ${where}`
        : `${cluster}: ${count(snapshots.length, 'snapshot')}, the last good one ${formatAge(age)} old`,
    asOf: now.toISOString(),
    findings,
    sections: [
      ...(snapshots.length === 0
        ? []
        : [
            {
              kind: 'table',
              title: `In ${where}`,
              columns: ['Name', 'Age', 'Size', 'State'],
              rows: snapshots.map((facts) => [
                facts.name,
                formatAge(ageOf(facts, now)),
                formatBytes(facts.bytes),
                stateOf(facts, clusterId, now),
              ]),
            } as const,
          ]),
      ...(last === undefined ? [] : restoreSections(last, where)),
    ],
    ...(last === undefined ? {} : { copy: `/etcd snapshot verify ${last.name}` }),
    data: {
      cluster,
      clusterId,
      where,
      lastGood: last?.name ?? null,
      ageMs: age ?? null,
      snapshots: snapshots.map(dataOf),
      strays: strays.map(({ name }) => name),
      broken: broken.map(({ name, why }) => ({ name, why })),
    },
  };
}

/** What `/etcd snapshot verify` answers. @param damage why it is not whole; null where it is */
export function reportVerified(facts: SnapshotFacts, where: string, damage: string | null, now: Date): Report {
  const findings = [
    ...(damage === null
      ? []
      : [
          {
            severity: 'critical',
            grade: 'fact',
            claim: `${facts.name} is damaged: ${damage}.`,
            evidence: `${where}/${facts.file}`,
            advice: 'It no longer counts. Take another with `/etcd snapshot`, and look at the storage.',
          } as const,
        ]),
    ...v2Findings(facts),
  ];
  return {
    command: '/etcd snapshot verify',
    verdict: verdictOf(findings),
    title: `Snapshot ${facts.name}`,
    summary:
      damage === null
        ? `${facts.cluster}: ${facts.name} is whole: read, ${facts.keyId === null ? '' : 'decrypted, '}and its sha256 is right`
        : `${facts.cluster}: ${facts.name} is damaged: ${damage}`,
    asOf: now.toISOString(),
    findings,
    sections: [factsSection(facts, where), ...(damage === null ? restoreSections(facts, where) : [])],
    data: { ...dataOf(facts), where, damage },
  };
}

function factsSection(facts: SnapshotFacts, where: string): Section {
  const { revision, revisionAfter } = facts;
  return {
    kind: 'table',
    title: facts.name,
    columns: ['', ''],
    rows: [
      ['File', `${where}/${facts.file}`],
      ['Taken from', `${nameOf(facts)}, etcd ${facts.etcdVersion}`],
      ['Size', `${formatBytes(facts.bytes)} (${facts.bytes} bytes)`],
      ['Revision', revision === revisionAfter ? String(revision) : `between ${revision} and ${revisionAfter}`],
      ['sha256', facts.sha256],
      ['Encrypted', facts.keyId === null ? 'no' : `AES-256-GCM, key ${facts.keyId}`],
      ['Took', formatDuration(Date.parse(facts.endedAt) - Date.parse(facts.startedAt))],
    ],
  };
}

function encryptionFindings({ keyId }: SnapshotFacts, where: string): Finding[] {
  if (keyId !== null) return [];
  return [
    {
      severity: 'info',
      grade: 'fact',
      claim: 'The snapshot is not encrypted, as the config says: it holds every secret of the cluster.',
      evidence: where,
      advice: 'Set snapshots.encryption to a key (`openssl rand -base64 32`), unless the storage itself encrypts.',
    },
  ];
}

function v2Findings({ v2, cluster }: SnapshotFacts): Finding[] {
  if (v2 !== true) return [];
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: `${cluster} serves etcd’s old API (v2) too, and no snapshot holds its keys.`,
      evidence: 'GET /v2/keys is answered',
      advice:
        'Where something still uses it, back that up by itself (`etcdctl backup` of 3.4 and before); else switch it off: --enable-v2=false.',
    },
  ];
}

function ageFindings(cluster: string, age: number | undefined, maxAgeMs: number): Finding[] {
  if (age !== undefined && age <= maxAgeMs) return [];
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim:
        age === undefined
          ? `There is no good snapshot of ${cluster}.`
          : `The last good snapshot of ${cluster} is ${formatAge(age)} old; ${formatDuration(maxAgeMs)} are wanted.`,
      evidence: '',
      advice: 'Take one: `/etcd snapshot`. On a schedule: `snapshots.schedule` in quorum.yaml.',
    },
  ];
}

function troubleFindings({ name, lastRead, lastDrill }: SnapshotFacts): Finding[] {
  const trouble = lastRead?.damage ?? lastDrill?.trouble ?? null;
  if (trouble === null) return [];
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: `${name} is bad: ${trouble}.`,
      evidence: '',
      advice: 'It does not count, and goes when its time is over.',
    },
  ];
}

function stateOf(facts: SnapshotFacts, clusterId: string | null, now: Date): string {
  if (!isGood(facts)) return 'damaged';
  if (clusterId !== null && facts.clusterId !== clusterId) return 'of another cluster';
  if (facts.lastDrill !== null) return `restored ${formatAge(now.getTime() - Date.parse(facts.lastDrill.at))} ago`;
  if (facts.lastRead !== null) return `read ${formatAge(now.getTime() - Date.parse(facts.lastRead.at))} ago`;
  return 'verified when taken';
}

const nameOf = ({ member }: SnapshotFacts) => member.name || member.id;

function dataOf(facts: SnapshotFacts): JsonObject {
  return JSON.parse(JSON.stringify(facts));
}

/** Nobody counts the age of a snapshot in milliseconds. */
const formatAge = (ms: number) => formatDuration(Math.max(1000, Math.round(ms / 1000) * 1000));

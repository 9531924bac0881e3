import type { SnapshotKeeping } from '../etcd/client.ts';
import type { Context } from '../job.ts';
import { type Finding, type Report, verdictOf } from '../report/report.ts';
import { count, formatDuration } from '../report/text.ts';
import { writeFacts } from './catalogue.ts';
import type { SnapshotFacts } from './facts.ts';
import { countKeys, differences, type KeySums } from './key-digest.ts';
import { restoreSections } from './restore.ts';
import { readSnapshot } from './verifying.ts';

/** A member that was restored from a snapshot, on this machine, for nobody else; closed it is gone with all it wrote. */
export type Scratch = {
  /** As the restored member says. */
  readonly etcdVersion: string;
  readonly revision: number;
  /** What the database file holds, read without etcd. */
  readonly expected: { readonly sums: KeySums; readonly revision: number };
  /** What the member answers, key by key, at the revision of the snapshot. */
  readKeys(revision: number, signal: AbortSignal): Promise<KeySums>;
  close(): Promise<void>;
};

/** Restores a database into a scratch member. @throws Refusal where the programs are not at hand, or too old for it */
export type OpenScratch = (
  database: AsyncIterable<Uint8Array>,
  facts: SnapshotFacts,
  signal: AbortSignal,
) => Promise<Scratch>;

/**
 * Restores a snapshot as one would in an emergency, and compares the member that comes of it with the snapshot, key by key. The living cluster, which
 * goes on, is neither asked nor touched.
 */
export async function drillSnapshot(
  keeping: SnapshotKeeping,
  facts: SnapshotFacts,
  openScratch: OpenScratch,
  context: Pick<Context, 'now' | 'signal' | 'progress'>,
): Promise<Report> {
  const beganAt = context.now();
  const scratch = await openScratch(readSnapshot(keeping, facts, context), facts, context.signal);
  try {
    const { expected } = scratch;
    const found = await scratch.readKeys(expected.revision, context.signal);
    const differing = differences(expected.sums, found);
    const trouble = troubleOf(scratch, differing);
    const at = context.now();
    await writeFacts(keeping.storage, { ...facts, lastDrill: { at: at.toISOString(), trouble } });
    const findings: Finding[] =
      trouble === null
        ? []
        : [
            {
              severity: 'critical',
              grade: 'fact',
              claim: `What was restored from ${facts.name} is not what is in it: ${trouble}.`,
              evidence: differing
                .slice(0, 5)
                .map(({ prefix, expected: e, found: f }) => `${prefix}: ${e} in it, ${f} restored`)
                .join('; '),
              advice: 'It no longer counts. Take another with `/etcd snapshot`, and drill that one.',
            },
          ];
    const took = formatDuration(at.getTime() - beganAt.getTime());
    return {
      command: '/etcd snapshot drill',
      verdict: verdictOf(findings),
      title: `Restore drill of ${facts.cluster}`,
      summary:
        trouble === null
          ? `${facts.cluster}: ${facts.name} restores: ${count(countKeys(found), 'key')} at revision ${scratch.revision}, all as in it, in ${took}`
          : `${facts.cluster}: ${facts.name} does not restore: ${trouble}`,
      asOf: at.toISOString(),
      findings,
      sections: [
        {
          kind: 'table',
          title: 'Compared',
          columns: ['Prefix', 'In it', 'Restored', ''],
          rows: rowsOf(expected.sums, found, new Set(differing.map(({ prefix }) => prefix))),
        },
        {
          kind: 'text',
          text: `Restored with etcd ${scratch.etcdVersion} into a scratch member, which is gone again. Compared: the revision, and every key with its value, revisions and lease. The living cluster was not asked.`,
        },
        ...restoreSections(facts, keeping.storage.where),
      ],
      data: {
        name: facts.name,
        etcdVersion: scratch.etcdVersion,
        revision: scratch.revision,
        keys: countKeys(found),
        trouble,
        differing: differing.map((each) => ({ ...each })),
        tookMs: at.getTime() - beganAt.getTime(),
      },
    };
  } finally {
    await scratch.close();
  }
}

function troubleOf({ revision, expected }: Scratch, differing: ReturnType<typeof differences>): string | null {
  if (differing.length > 0) return `${count(differing.length, 'prefix', 'prefixes')} differ`;
  // A lease that ended since the start has made a revision of its own.
  if (revision < expected.revision) return `it is at revision ${revision}, and the snapshot at ${expected.revision}`;
  return null;
}

/** The largest first; many prefixes are no table. */
function rowsOf(expected: KeySums, found: KeySums, differing: ReadonlySet<string>): string[][] {
  const prefixes = [...new Set([...expected.keys(), ...found.keys()])].sort(
    (a, b) =>
      Number(differing.has(b)) - Number(differing.has(a)) ||
      (expected.get(b)?.keys ?? 0) - (expected.get(a)?.keys ?? 0) ||
      a.localeCompare(b),
  );
  const shown = prefixes.slice(0, 15);
  const rows = shown.map((prefix) => [
    prefix,
    String(expected.get(prefix)?.keys ?? 0),
    String(found.get(prefix)?.keys ?? 0),
    differing.has(prefix) ? 'differs' : 'same',
  ]);
  return prefixes.length > shown.length
    ? [...rows, [`and ${prefixes.length - shown.length} more`, '', '', differing.size === 0 ? 'same' : '']]
    : rows;
}

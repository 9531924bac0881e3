import { redact } from '../../redact.ts';
import { type Finding, type Report, type Section, verdictOf, worstFirst } from '../../report/report.ts';
import { grouped } from '../../report/text.ts';
import type { ComparedGroup, Difference } from './comparing.ts';
import type { ComparisonFacts } from './comparison.ts';
import { keyCount, keyText } from './key-text.ts';

/** The report of `/etcd compare`. Pure. */
export function reportComparison(facts: ComparisonFacts, now: Date): Report {
  const { a, b, prefix, compared } = facts;
  const findings = worstFirst([
    ...differing(facts),
    ...moving(facts),
    ...leases(facts),
    ...revisions(facts),
    ...remarks(facts),
  ]);
  return {
    command: '/etcd compare',
    verdict: verdictOf(findings),
    title: `etcd ${a.cluster} and ${b.cluster}`,
    summary: summarize(facts),
    asOf: now.toISOString(),
    findings,
    sections: [...groupTable(facts), ...named(facts), howItWasCompared(facts)],
    data: {
      a: { ...a },
      b: { ...b },
      prefix: keyText(prefix),
      keys: { a: compared.keysA, b: compared.keysB },
      sha256: { a: compared.digestA, b: compared.digestB },
      differences: { ...compared.differences },
      leasesLost: { a: compared.leasesLostOnA, b: compared.leasesLostOnB },
      prefixes: compared.groups.map((group) => ({
        prefix: shown(group.prefix),
        keysA: group.keysA,
        keysB: group.keysB,
        differences: group.differences,
        sha256A: group.digestA,
        sha256B: group.digestB,
      })),
    },
  };
}

function amountOf({ compared: { differences } }: ComparisonFacts): number {
  return differences['only-a'] + differences['only-b'] + differences.value;
}

/** Neither side has been written to since it was read. */
function isStill({ a, b }: ComparisonFacts): boolean {
  return [a, b].every(({ revision, revisionAfter, remarks: told }) => revision === revisionAfter && told.length === 0);
}

function summarize(facts: ComparisonFacts): string {
  const { a, b, prefix, compared } = facts;
  const pair = `${a.cluster} and ${b.cluster}${prefix.length === 0 ? '' : ` under ${keyText(prefix)}`}`;
  const amount = amountOf(facts);
  if (amount > 0)
    return `${pair} differ in ${keyCount(amount)} of ${grouped(Math.max(compared.keysA, compared.keysB))}`;
  const keys = `${keyCount(compared.keysA)}, the same sha256`;
  if (isStill(facts)) return `${pair} are in step: ${keys}`;
  const isMoving = a.revision !== a.revisionAfter || b.revision !== b.revisionAfter;
  return `${pair} are in step as of revisions ${a.revision} and ${b.revision}, but writes ${isMoving ? 'go on' : 'may go on'}: ${keys}`;
}

function differing(facts: ComparisonFacts): Finding[] {
  const { a, b, compared } = facts;
  const words: Record<Difference, string> = {
    'only-a': `only in ${a.cluster}`,
    'only-b': `only in ${b.cluster}`,
    value: 'with another value',
  };
  if (amountOf(facts) === 0) return [];
  const parts = (Object.keys(words) as Difference[])
    .filter((kind) => compared.differences[kind] > 0)
    .map((kind) => `${grouped(compared.differences[kind])} ${words[kind]}`);
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: `They are not in step: ${parts.join(', ')}.`,
      evidence: `${keyCount(compared.keysA)} in ${a.cluster}, ${grouped(compared.keysB)} in ${b.cluster}.`,
      advice: isStill(facts)
        ? 'Nothing is on its way any more: whatever copies has stopped, or both were written to. `--names` names the keys, to operators.'
        : 'Writes go on, so some may only be on their way: ask again once writes have stopped.',
    },
  ];
}

function moving(facts: ComparisonFacts): Finding[] {
  if (isStill(facts)) return [];
  const { a, b } = facts;
  const isMoving = [a, b].some(({ revision, revisionAfter }) => revision !== revisionAfter);
  return [
    {
      severity: amountOf(facts) === 0 ? 'warning' : 'info',
      grade: 'unknown',
      claim: isMoving
        ? 'Writes go on: whether they are in step now is not known.'
        : 'Whether writes go on is not known, and so not whether they are in step now.',
      evidence: isMoving
        ? [a, b]
            .map((side) => `${side.cluster} went from revision ${side.revision} to ${side.revisionAfter}`)
            .join('; ')
        : [a, b].flatMap(({ cluster, remarks }) => remarks.map((told) => `${cluster}: ${told}`)).join(' '),
      advice: 'Stop whatever writes, and ask again: “in step” holds only where no revision moves meanwhile.',
    },
  ];
}

/** `etcdctl make-mirror` puts keys without their leases. */
function leases({ a, b, compared }: ComparisonFacts): Finding[] {
  const lost = (amount: number, from: string, on: string): Finding[] =>
    amount === 0
      ? []
      : [
          {
            severity: 'warning',
            grade: 'fact',
            claim: `Hanging on a lease in ${from} and on none in ${on}: ${grouped(amount)} of the keys. There they never expire.`,
            evidence: 'etcdctl make-mirror copies keys and values, and no leases.',
            advice: `In Kubernetes these are events and the API servers’ own addresses: delete them in ${on} before it is used, or restore a snapshot in place of a mirror.`,
          },
        ];
  return [...lost(compared.leasesLostOnB, a.cluster, b.cluster), ...lost(compared.leasesLostOnA, b.cluster, a.cluster)];
}

function revisions({ a, b }: ComparisonFacts): Finding[] {
  if (a.revision === b.revision) return [];
  return [
    {
      severity: 'info',
      grade: 'fact',
      claim: 'Their revisions are not the same: whoever moves over has to start its watches anew.',
      evidence: `${a.cluster} was read as of revision ${a.revision}, ${b.cluster} as of ${b.revision}.`,
      advice:
        'A mirror has revisions and versions of its own: restart controllers and kubelets after the move, or their watches wait for revisions that are not there.',
    },
  ];
}

function remarks({ a, b }: ComparisonFacts): Finding[] {
  return [a, b].flatMap(({ cluster, remarks: told }) =>
    told.map(
      (text): Finding => ({ severity: 'info', grade: 'fact', claim: `${cluster}: ${text}`, evidence: '', advice: '' }),
    ),
  );
}

function groupTable({ a, b, compared }: ComparisonFacts): Section[] {
  if (compared.groups.length === 0) return [];
  const rest = compared.groupsInAll - compared.groups.length;
  return [
    {
      kind: 'table',
      title:
        rest > 0
          ? `${compared.groups.length} of ${grouped(compared.groupsInAll)} prefixes, the most different first`
          : 'By prefix',
      columns: ['Prefix', `Keys ${a.cluster} / ${b.cluster}`, 'Differ', 'sha256'],
      rows: compared.groups.map((group) => [
        shown(group.prefix),
        `${grouped(group.keysA)} / ${grouped(group.keysB)}`,
        grouped(group.differences),
        digests(group),
      ]),
    },
  ];
}

function digests({ digestA, digestB }: ComparedGroup): string {
  return digestA === digestB ? digestA.slice(0, 12) : `${digestA.slice(0, 12)} / ${digestB.slice(0, 12)}`;
}

function named({ a, b, naming, compared }: ComparisonFacts): Section[] {
  if (naming !== 'keys' || compared.examples.length === 0) return [];
  const words: Record<Difference, string> = {
    'only-a': `only ${a.cluster}`,
    'only-b': `only ${b.cluster}`,
    value: 'value',
  };
  return [
    {
      kind: 'table',
      title: `The first ${compared.examples.length} keys that differ`,
      columns: ['Key', 'Differs'],
      rows: compared.examples.map(({ key, difference }) => [redact(keyText(key)), words[difference]]),
    },
  ];
}

function howItWasCompared({ a, b, compared }: ComparisonFacts): Section {
  return {
    kind: 'text',
    more: true,
    title: 'How it was compared',
    text: `Read side by side from ${a.member} of ${a.cluster} as of revision ${a.revision} and from ${b.member} of ${b.cluster} as of revision ${b.revision}, in pages with rests in between; afterwards the revisions were looked at again. sha256 over keys and values in their order: ${compared.digestA} and ${compared.digestB}. No value was kept or shown.`,
  };
}

function shown(prefix: Buffer): string {
  return prefix.length === 0 ? '(no directory)' : redact(keyText(prefix));
}

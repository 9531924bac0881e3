import { redact } from '../../redact.ts';
import { type Finding, type Report, type Section, verdictOf } from '../../report/report.ts';
import { formatBytes, grouped } from '../../report/text.ts';
import type { Group, Totals } from './groups.ts';
import { keyCount, keyText } from './key-text.ts';
import { kubernetesName } from './kubernetes-names.ts';

/** What a walk over the keys of one cluster came to. */
export type SurveyFacts = {
  readonly cluster: string;
  readonly clusterId: string | null;
  /** Whom it was read from. */
  readonly member: string;
  readonly isLeader: boolean;
  readonly revision: number;
  readonly inUseBytes: number;
  readonly fileBytes: number;
  readonly prefix: Buffer;
  /** Names below the namespace are in it: for the asker alone. */
  readonly isNaming: boolean;
  /** They were asked for by somebody who may not see them. */
  readonly isHeldBack: boolean;
  readonly remarks: readonly string[];
  readonly largest: readonly Group[];
  readonly total: Totals;
};

/** The report of `/etcd keys`. Pure. */
export function reportSurvey(facts: SurveyFacts, now: Date): Report {
  const { cluster, largest, total, prefix } = facts;
  const findings = [...flood(facts), ...facts.remarks.map(remark), ...(facts.isHeldBack ? [heldBack] : [])];
  return {
    command: '/etcd keys',
    verdict: verdictOf(findings),
    title: `etcd ${cluster}`,
    summary: summarize(facts),
    asOf: now.toISOString(),
    findings,
    sections: total.keys === 0 ? [] : [...largestSection(facts), howItWasRead(facts)],
    data: {
      clusterId: facts.clusterId,
      member: facts.member,
      revision: facts.revision,
      prefix: keyText(prefix),
      keys: total.keys,
      bytes: total.bytes,
      prefixes: largest.map((group) => ({
        prefix: shown(group),
        what: kubernetesName(group.prefix),
        keys: group.keys,
        bytes: group.bytes,
      })),
      prefixesInAll: total.groups,
      remarks: facts.remarks,
    },
  };
}

function summarize({ cluster, prefix, total, largest }: SurveyFacts): string {
  if (total.keys === 0) return `${cluster}: no keys at all`;
  const where = prefix.length === 0 ? '' : ` under ${keyText(prefix)}`;
  const whole = `${cluster}: ${keyCount(total.keys)}, ${formatBytes(total.bytes)}${where}`;
  const [first] = largest;
  if (first === undefined || total.groups === 1) return whole;
  const share = Math.round((100 * first.bytes) / total.bytes);
  return `${whole}; ${share}% in ${kubernetesName(first.prefix) || shown(first)}`;
}

function largestSection({ largest, total }: SurveyFacts): Section[] {
  const rest = {
    groups: total.groups - largest.length,
    keys: total.keys - sum(largest, 'keys'),
    bytes: total.bytes - sum(largest, 'bytes'),
  };
  return [
    {
      kind: 'table',
      title: rest.groups > 0 ? `The largest ${largest.length} of ${grouped(total.groups)} prefixes` : 'By prefix',
      columns: ['Prefix', 'What', 'Keys', 'Size'],
      rows: [
        ...largest.map((group) => [
          shown(group),
          kubernetesName(group.prefix),
          grouped(group.keys),
          formatBytes(group.bytes),
        ]),
        ...(rest.groups > 0 ? [[`${grouped(rest.groups)} more`, '', grouped(rest.keys), formatBytes(rest.bytes)]] : []),
      ],
    },
  ];
}

function howItWasRead({ member, isLeader, revision, inUseBytes, fileBytes, prefix }: SurveyFacts): Section {
  return {
    kind: 'text',
    more: true,
    title: 'How it was counted',
    text: [
      `Read from ${member}${isLeader ? ', the leader: no follower could be asked' : ', a follower'}, in pages with rests in between, as of revision ${revision}. No value was kept or shown.`,
      'Sizes are those of keys and their newest values.',
      ...(prefix.length === 0
        ? [
            `The database uses ${formatBytes(inUseBytes)} of its ${formatBytes(fileBytes)}: what is more than the sum above is history, until it is compacted, and etcd’s own tree.`,
          ]
        : []),
    ].join(' '),
  };
}

/** A key can be a secret itself: one that looks like it is masked for the operator too. */
function shown({ prefix }: Group): string {
  return prefix.length === 0 ? '(no directory)' : redact(keyText(prefix));
}

const sum = (groups: readonly Group[], what: 'keys' | 'bytes') => groups.reduce((all, group) => all + group[what], 0);

function remark(text: string): Finding {
  return { severity: 'info', grade: 'fact', claim: text, evidence: '', advice: '' };
}

/** Fewer are no flood. */
const manyEvents = 10_000;

function flood({ largest, total }: SurveyFacts): Finding[] {
  const events = largest.find(({ prefix }) => kubernetesName(prefix) === 'events');
  if (events === undefined || events.keys < manyEvents || events.keys * 2 < total.keys) return [];
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: `${Math.round((100 * events.keys) / total.keys)}% of the keys are events.`,
      evidence: `${grouped(events.keys)} of ${grouped(total.keys)} keys, ${formatBytes(events.bytes)}.`,
      advice:
        'Find what writes them: `kubectl get events -A --sort-by=.count`. `/etcd expire-events --older-than 15m` ends the old ones.',
    },
  ];
}

const heldBack: Finding = {
  severity: 'info',
  grade: 'fact',
  claim: 'Names below the namespace are not shown: they are for operators.',
  evidence: 'Names of keys can be secrets themselves.',
  advice: '`/ops whoami` tells your roles.',
};

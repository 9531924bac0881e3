import { apiCertificateSections, apiCertificateTroubles } from '../kubernetes/api-certificate.ts';
import { type Json, type Report, type Section, verdictOf, worstFirst } from '../report/report.ts';
import { count } from '../report/text.ts';
import { answersFor, type HostAnswers, hostSection, hostTroubles, hostWords } from './certificate-host.ts';
import {
  type CertificateList,
  type CertificatesSeen,
  type FoundCertificate,
  labelOf,
  listCertificates,
  roleWord,
} from './certificate-list.ts';
import { certificateTroubles } from './certificate-trouble.ts';
import { ageOf, day, daysLeft } from './certificates.ts';
import { showServerCertificate } from './etcdctl.ts';
import { findingsOf, type Trouble } from './trouble.ts';

/** The report of `/etcd certs`. Pure. @param host an address that is asked about; null where none is */
export function reportCertificates(seen: CertificatesSeen, host: string | null, now: Date): Report {
  const { view, apis } = seen;
  const list = listCertificates(seen);
  const answers = host === null ? null : answersFor(host, list, seen, now);
  const troubles = worstFirst([
    ...apis.flatMap(({ name, value }) => (value === undefined ? [] : apiCertificateTroubles(value, name))),
    ...certificateTroubles(list, seen, now),
    ...(answers === null ? [] : hostTroubles(answers)),
  ]);
  const findings = findingsOf(troubles);
  const cause = troubles.find((trouble) => trouble.cause !== undefined && trouble.severity !== 'info')?.cause;
  const first = view.seen.configuredEndpoints[0];
  const copy =
    findings.find(({ command, severity }) => command !== undefined && command !== '' && severity !== 'info')?.command ??
    (first === undefined ? undefined : showServerCertificate(first));
  return {
    command: '/etcd certs',
    verdict: verdictOf(findings),
    title: `Certificates of etcd ${view.seen.cluster}`,
    summary: summarize(view.seen.cluster, list, answers, troubles, now),
    asOf: now.toISOString(),
    seenFrom: view.seen.seenFrom,
    findings,
    sections: [
      ...(answers === null ? [] : [hostSection(answers)]),
      tableOf(list, now),
      ...apis.flatMap(({ name, value }) => (value === undefined ? [] : apiCertificateSections(value, name))),
      ...(answers === null ? [] : [{ kind: 'text', title: 'What is held against an address', text: rule } as const]),
    ],
    ...(copy === undefined ? {} : { copy }),
    ...(cause === undefined ? {} : { cause }),
    data: {
      certificates: bySoonest(list).map((certificate) => dataOf(certificate, now)),
      unread: list.unread.map((one) => ({ ...one })),
      plain: list.plain.map((one) => ({ ...one })),
      host: answers === null ? null : hostData(answers),
    },
  };
}

const rule =
  'Whoever dials looks for the host of the URL among the names. A member that is dialled by a peer also holds the address the connection comes from against the addresses in that peer’s certificate, then against where its names lead by the member’s own DNS; one without any name is let in. Client ports do not look at the client’s address.';

function summarize(
  cluster: string,
  { found, unread }: CertificateList,
  answers: HostAnswers | null,
  troubles: readonly Trouble[],
  now: Date,
): string {
  const [soonest] = bySoonest({ found });
  const shorts = [
    ...new Set(
      troubles.flatMap(({ short, severity, grade }) =>
        short === undefined || severity === 'info' || grade === 'unknown' ? [] : [short],
      ),
    ),
  ];
  const ended = found.filter(({ facts }) => ageOf(facts, now) === 'expired');
  const parts = [
    ...(answers === null ? [] : [hostWords(answers)]),
    ...(ended.length === 0
      ? []
      : [`${ended.length} expired: ${ended.slice(0, 2).map(labelOf).join('; ')}${ended.length > 2 ? ' …' : ''}`]),
    ...shorts.slice(0, 2),
    ...(soonest === undefined || ended.length > 0
      ? []
      : [`the first ends in ${count(daysLeft(soonest.facts, now), 'day')}: ${labelOf(soonest)}`]),
    ...(unread.length === 0 ? [] : [`${unread.length} not read`]),
  ];
  return [
    `${cluster}: ${found.length === 0 ? 'no certificate was read' : count(found.length, 'certificate')}`,
    ...parts,
  ].join(', ');
}

function bySoonest({ found }: Pick<CertificateList, 'found'>): FoundCertificate[] {
  return [...found].sort((a, b) => Date.parse(a.facts.validTo) - Date.parse(b.facts.validTo));
}

/** More names than a phone shows are counted. */
const shownNames = 4;

function tableOf(list: CertificateList, now: Date): Section {
  return {
    kind: 'table',
    title: 'Certificates, the first to end first',
    columns: ['Certificate', 'Ends', 'Names', 'Key, issuer'],
    rows: [
      ...list.unread.map(({ who, role, where, why }) => [`${who} ${roleWord(role)}`, 'not read', why, where]),
      ...bySoonest(list).map((certificate) => {
        const { facts } = certificate;
        return [
          labelOf(certificate),
          `${endCell(certificate, now)}, ${day(facts.validTo)}`,
          namesCell(facts.names),
          `${facts.keyName}, ${facts.subject === facts.issuer ? 'itself' : facts.issuer || 'no issuer'}`,
        ];
      }),
      ...list.plain.map(({ who, role, where }) => [`${who} ${roleWord(role)}`, 'plain http', 'none', where]),
    ],
  };
}

function endCell({ facts }: FoundCertificate, now: Date): string {
  const age = ageOf(facts, now);
  if (age === 'not-yet-valid') return 'not yet valid';
  return age === 'expired' ? 'expired' : `${daysLeft(facts, now)} d`;
}

function namesCell(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const more = names.length - shownNames;
  return `${names.slice(0, shownNames).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function dataOf(certificate: FoundCertificate, now: Date): Json {
  const { facts, uses } = certificate;
  return {
    label: labelOf(certificate),
    uses: uses.map(({ role, who, where }) => ({ role, who, where })),
    shared: new Set(uses.map(({ who }) => who)).size > 1,
    subject: facts.subject,
    issuer: facts.issuer,
    names: [...facts.names],
    validFrom: facts.validFrom,
    validTo: facts.validTo,
    daysLeft: daysLeft(facts, now),
    key: facts.keyName,
    isCa: facts.isCa,
    canServe: facts.canServe,
    canBeClient: facts.canBeClient,
    fingerprint: facts.fingerprint,
  };
}

function hostData({ host, addresses, answers }: HostAnswers): Json {
  return {
    host,
    addresses: addresses === null ? null : [...addresses],
    answers: answers.map((answer) => ({ ...answer })),
  };
}

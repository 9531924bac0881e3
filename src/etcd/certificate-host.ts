import type { Section } from '../report/report.ts';
import { listed } from '../report/text.ts';
import { type CertificateList, type CertificatesSeen, type FoundCertificate, holdersOf } from './certificate-list.ts';
import { refusedName } from './certificate-trouble.ts';
import { type CertificateFacts, namesCover } from './certificates.ts';
import { certificateFaults, type PeerHost } from './peer-certificate.ts';
import { hostsOf } from './peer-url.ts';
import type { PeerSeen } from './peers.ts';
import type { Trouble } from './trouble.ts';

/** Whether one certificate would do at an address that was asked about. */
export type HostAnswer = {
  readonly role: 'peer' | 'client' | 'api-server';
  /** Whose it is: `etcd-1 and etcd-2`. */
  readonly who: string;
  readonly verdict: 'accepted' | 'refused' | 'depends';
  readonly why: string;
};

/** What every certificate answers to an address. */
export type HostAnswers = {
  readonly host: string;
  /** Where it leads from here; null where its name is not known. */
  readonly addresses: readonly string[] | null;
  readonly answers: readonly HostAnswer[];
};

/** The port at which a peer of that address would be: the one that the members have in common, else etcd's own. */
export function peerUrlAt(host: string, peerUrls: readonly string[]): string {
  const ports = new Set(peerUrls.filter((url) => URL.canParse(url)).map((url) => new URL(url).port || '2380'));
  const [port = '2380'] = ports.size === 1 ? ports : [];
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The rules of `/etcd add` for a peer, and those of whoever dials a listener, for every certificate that was found. */
export function answersFor(host: string, list: CertificateList, seen: CertificatesSeen, now: Date): HostAnswers {
  const met = seen.peers.value?.peers.find(({ url }) => hostsOf([url])[0] === host);
  const addresses = met?.addresses ?? null;
  const here = { host, addresses };
  const of = (role: HostAnswer['role']) => list.found.filter(({ uses }) => uses.some((use) => use.role === role));
  const dialled = (role: 'client' | 'api-server') =>
    of(role).map((certificate): HostAnswer => {
      const { names } = certificate.facts;
      const covers = namesCover(names, host, 'go');
      return {
        role,
        who: whoOf(certificate, role),
        verdict: covers ? 'accepted' : 'refused',
        why: covers ? `whoever asks at ${host} finds it in there` : refusedName(names, host),
      };
    });
  return {
    host,
    addresses,
    answers: [
      ...of('peer').map((certificate) => peerAnswer(whoOf(certificate, 'peer'), certificate.facts, here, now)),
      ...presentedThere(met, list).map((facts) => peerAnswer(`whoever listens at ${met?.url}:`, facts, here, now)),
      ...dialled('client'),
      ...dialled('api-server'),
    ],
  };
}

const whoOf = (certificate: FoundCertificate, role: HostAnswer['role']) => listed(holdersOf(certificate, role));

/** What a machine that is no member yet shows at its peer port. */
function presentedThere(met: PeerSeen | undefined, { found }: CertificateList): CertificateFacts[] {
  const [leaf] = met?.probe.chain ?? [];
  return leaf === undefined || found.some(({ facts }) => facts.fingerprint === leaf.fingerprint) ? [] : [leaf];
}

function peerAnswer(who: string, facts: CertificateFacts, at: PeerHost, now: Date): HostAnswer {
  const [fault] = certificateFaults({ facts, isSignedByPeersCa: true }, [at], now).filter(
    ({ weight, about }) => weight === 'blocking' || about === 'client-name',
  );
  if (fault === undefined)
    return { role: 'peer', who, verdict: 'accepted', why: `a member at ${at.host} could use it: its peers let it in` };
  return {
    role: 'peer',
    who,
    verdict: fault.weight === 'blocking' ? 'refused' : 'depends',
    why: `${fault.what}; ${fault.outcome}`,
  };
}

/** The answer in a few words: `no peer certificate would do at 10.0.0.9`. */
export function hostWords({ host, answers }: HostAnswers): string {
  const words = (['peer', 'client', 'api-server'] as const).flatMap((role) => {
    const all = answers.filter((answer) => answer.role === role);
    const good = all.filter(({ verdict }) => verdict === 'accepted').length;
    const what = role === 'api-server' ? 'API server' : role;
    return all.length === 0 ? [] : [`${good} of ${all.length} ${what}`];
  });
  return words.length === 0
    ? `no certificate was read to hold ${host} against`
    : `${host} is accepted with ${listed(words)} ${words.length === 1 && answers.length === 1 ? 'certificate' : 'certificates'}`;
}

/** Certificates that would be refused at that address: a finding, for somebody asked whether they would do. */
export function hostTroubles({ host, addresses, answers }: HostAnswers): Trouble[] {
  const peers = answers.filter(({ role }) => role === 'peer');
  const refused = peers.filter(({ verdict }) => verdict === 'refused');
  const unknown: Trouble[] =
    addresses === null
      ? [
          {
            severity: 'warning',
            grade: 'unknown',
            claim: `The name ${host} is not known from here: where its connections come from could not be held against the certificates.`,
            evidence: '',
            advice: 'Give its address, or ask where the name is known: the members’ own DNS decides.',
          },
        ]
      : [];
  if (peers.length === 0 || refused.length === 0) return unknown;
  const isNone = refused.length === peers.length;
  return [
    {
      severity: 'warning',
      grade: 'fact',
      claim: isNone
        ? `A member at ${host} would be refused with ${peers.length === 1 ? 'the peer certificate that is in use' : 'every peer certificate in use'}.`
        : `A member at ${host} would be refused with the peer certificate of ${listed(refused.map(({ who }) => who))}.`,
      evidence: refused.map(({ who, why }) => `${who}: ${why}`).join('. '),
      advice: `Give it a certificate of its own that holds ${host}: \`/etcd add <name> https://${host.includes(':') ? `[${host}]` : host}:2380\` writes the request for it.`,
      cause: 'certificate-name',
    },
    ...unknown,
  ];
}

export function hostSection({ host, addresses, answers }: HostAnswers): Section {
  const leads = addresses === null || addresses.join() === host ? '' : ` (${addresses.join(', ')})`;
  return {
    kind: 'table',
    title: `Would ${host}${leads} be accepted?`,
    columns: ['Certificate', 'At that address', 'Why'],
    rows: answers.map(({ role, who, verdict, why }) => [
      `${who} ${role === 'api-server' ? 'API server' : role}`,
      verdict === 'depends' ? 'it depends' : verdict,
      why,
    ]),
  };
}

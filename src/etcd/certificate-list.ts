import type { ApiCertificates } from '../kubernetes/cluster.ts';
import { listed } from '../report/text.ts';
import { whyUnread } from './certificate-checks.ts';
import { type CertificateFacts, factsOf, readCertificates } from './certificates.ts';
import { canonicalEndpoint, isEndpoint } from './endpoint.ts';
import type { Looked } from './patience.ts';
import type { PeerSeen, PeersSeen } from './peers.ts';
import { type ClusterView, hostOf } from './view.ts';

/** What a certificate is used for on the way to a cluster, in the order in which it is shown. */
export const roles = ['client', 'peer', 'bot', 'api-server', 'bot-kubernetes', 'ca'] as const;
export type CertificateRole = (typeof roles)[number];

/** One place where a certificate was found. */
export type CertificateUse = {
  readonly role: CertificateRole;
  /** Who presents it: a member's label, the host of an API server; '' for what the bot itself has. */
  readonly who: string;
  /** A URL, or a file of the bot's machine. */
  readonly where: string;
  /** What was met there; none for a file. */
  readonly seen?: PeerSeen;
};

/** A certificate with every place where it was found: the same fingerprint is the same certificate. */
export type FoundCertificate = { readonly facts: CertificateFacts; readonly uses: readonly CertificateUse[] };

/** A place where one should have been. */
export type UnreadCertificate = Omit<CertificateUse, 'seen'> & { readonly why: string };

export type CertificateList = {
  readonly found: readonly FoundCertificate[];
  readonly unread: readonly UnreadCertificate[];
  /** Listeners without TLS: they have none. */
  readonly plain: readonly Omit<CertificateUse, 'seen'>[];
};

/** What was looked at, each part by itself: one that failed costs its own rows. */
export type CertificatesSeen = {
  readonly view: ClusterView;
  readonly listeners: Looked<PeersSeen>;
  readonly peers: Looked<PeersSeen>;
  /** Of each Kubernetes cluster that was looked at; none where none is configured. */
  readonly apis: readonly ApiSeen[];
};

/** The certificates on the way to the API servers of one Kubernetes cluster, by its name in the configuration. */
export type ApiSeen = Looked<ApiCertificates> & { readonly name: string };

/** The client URLs of the members, and every configured endpoint. */
export function clientUrlsOf(view: ClusterView): string[] {
  const told = view.members.flatMap(({ member, endpoint }) => [
    ...(member?.clientUrls ?? []),
    ...(endpoint === null ? [] : [endpoint]),
  ]);
  return [...new Set([...view.seen.configuredEndpoints, ...told].filter(isEndpoint).map(canonicalEndpoint))];
}

/** The peer URLs of the members that have started: one that never did presents nothing. */
export function peerUrlsOf(view: ClusterView): string[] {
  return [
    ...new Set(
      view.members.flatMap(({ member, isStarted }) => (isStarted ? (member?.peerUrls ?? []) : [])).filter(isEndpoint),
    ),
  ];
}

/** Every certificate that was found, those of the listeners first; and every place where none was. */
export function listCertificates(seen: CertificatesSeen): CertificateList {
  const { view, listeners, peers, apis } = seen;
  const clientOf = (url: string) =>
    view.members.find(
      ({ member, endpoint }) => endpoint === url || member?.clientUrls.map(canonicalEndpoint).includes(url),
    )?.label ?? hostOf(url);
  const peerOf = (url: string) =>
    view.members.find(({ member }) => member?.peerUrls.includes(url))?.label ?? hostOf(url);
  const places: Place[] = [
    ...placesOf('client', clientUrlsOf(view), listeners, clientOf),
    ...placesOf('peer', peerUrlsOf(view), peers, peerOf),
    ...apis.flatMap(apiPlaces),
  ];
  const leaves = places.flatMap(({ seen: met, ...use }) =>
    met?.probe.chain[0] === undefined ? [] : [{ facts: met.probe.chain[0], use: { ...use, seen: met } }],
  );
  const own = view.seen.clientCertificate;
  const found = merge([
    ...leaves,
    ...(own === null ? [] : [{ facts: own, use: { role: 'bot', who: '', where: view.seen.tls.cert ?? '' } as const }]),
    ...apis.flatMap(({ name, value }) =>
      value?.clientCertificate == null
        ? []
        : [
            {
              facts: value.clientCertificate,
              use: { role: 'bot-kubernetes', who: '', where: `kubeconfig of ${name}` } as const,
            },
          ],
    ),
  ]);
  const hasNone = places.filter(({ seen: met }) => met?.probe.chain[0] === undefined);
  const isPlain = ({ where }: Place) => where.startsWith('http:');
  return {
    found: [...found, ...merge(authorities(seen, found))],
    unread: hasNone
      .filter((place) => !isPlain(place))
      .map(({ seen: met, why, ...use }) => ({
        ...use,
        why: why ?? (met === undefined ? 'not asked' : whyUnread(met)),
      })),
    plain: hasNone.filter(isPlain).map(({ seen: _met, why: _why, ...use }) => use),
  };
}

type Place = CertificateUse & { readonly why?: string };

function placesOf(
  role: CertificateRole,
  urls: readonly string[],
  looked: Looked<PeersSeen>,
  whoOf: (url: string) => string,
): Place[] {
  return urls.map((url) => {
    const seen = looked.value?.peers.find((peer) => peer.url === url);
    const why = looked.unseen;
    return {
      role,
      who: whoOf(url),
      where: url,
      ...(seen === undefined ? {} : { seen }),
      ...(why === undefined ? {} : { why }),
    };
  });
}

function apiPlaces(api: ApiSeen): Place[] {
  if (api.unseen !== undefined) return [{ role: 'api-server', who: api.name, where: '', why: api.unseen }];
  return api.value.presented.map((seen) => ({ role: 'api-server', who: hostOf(seen.url), where: seen.url, seen }));
}

type Found = { readonly facts: CertificateFacts; readonly use: CertificateUse };

/** CAs by their files, as far as they signed something that was found: a bundle of the system holds some 140. */
function authorities({ view, peers, apis }: CertificatesSeen, found: readonly FoundCertificate[]): Found[] {
  const { tls, trustedCas } = view.seen;
  const { peerCas = '', peerCaFile = null } = peers.value ?? {};
  const ofPeers = peerCas === '' ? [] : readCertificates(peerCas, peerCaFile ?? '', 'The CA file').map(factsOf);
  const shown = found.flatMap(({ uses }) =>
    uses.flatMap(({ who, where, seen }) =>
      (seen?.probe.chain.slice(1) ?? []).map((facts) => ({ facts, use: { role: 'ca', who, where } as const })),
    ),
  );
  const all = [
    ...trustedCas.map((facts) => ({ facts, use: { role: 'ca', who: '', where: tls.ca ?? '' } as const })),
    ...ofPeers.map((facts) => ({ facts, use: { role: 'ca', who: '', where: peerCaFile ?? '' } as const })),
    ...apis.flatMap(({ name, value }) =>
      (value?.cas ?? []).map((facts) => ({
        facts,
        use: { role: 'ca', who: '', where: `kubeconfig of ${name}` } as const,
      })),
    ),
  ];
  const files = new Set(all.map(({ facts }) => facts.fingerprint));
  const candidates = [...all, ...shown.filter(({ facts }) => !files.has(facts.fingerprint))];
  const issuers = new Set([...found.map(({ facts }) => facts.issuer), ...shown.map(({ facts }) => facts.issuer)]);
  return candidates.filter(({ facts }) => issuers.has(facts.subject));
}

function merge(all: readonly Found[]): FoundCertificate[] {
  const byPrint = new Map<string, { facts: CertificateFacts; uses: CertificateUse[] }>();
  for (const { facts, use } of all) {
    const known = byPrint.get(facts.fingerprint) ?? { facts, uses: [] };
    const isTwice = known.uses.some(({ role, where }) => role === use.role && where === use.where);
    if (!isTwice) known.uses.push(use);
    byPrint.set(facts.fingerprint, known);
  }
  return [...byPrint.values()];
}

/** Who presents it in this role, each once. */
export function holdersOf({ uses }: FoundCertificate, role: CertificateRole): string[] {
  return [...new Set(uses.filter((use) => use.role === role).map(({ who }) => who))];
}

const ofBot: Partial<Record<CertificateRole, string>> = {
  bot: 'the bot’s own',
  'bot-kubernetes': 'the bot’s kubeconfig',
};

/** What people call it: `etcd-2 peer`, `peer of etcd-1 and etcd-2`, `client and peer of etcd-1`, `CA CN=etcd-ca`. */
export function labelOf(certificate: FoundCertificate): string {
  const { facts, uses } = certificate;
  const groups = new Map<string, string[]>();
  for (const role of roles) {
    if (!uses.some((use) => use.role === role)) continue;
    const own = role === 'ca' ? `CA ${facts.subject}` : ofBot[role];
    const who = own ?? listed(holdersOf(certificate, role));
    groups.set(who, [...(groups.get(who) ?? []), own === undefined ? roleWord(role) : '']);
  }
  return [...groups]
    .map(([who, words]) => {
      const said = words.filter((word) => word !== '');
      if (said.length === 0) return who;
      if (said.length === 1 && !/ and |API/.test(`${who} ${said[0]}`)) return `${who} ${said[0]}`;
      return `${listed(said)} ${said[0] === roleWord('api-server') ? '' : 'of '}${who}`;
    })
    .join(', ');
}

/** `client`, `peer`, `API server`. */
export function roleWord(role: CertificateRole): string {
  return role === 'api-server' ? 'API server' : role;
}

import { isIP } from 'node:net';
import { worstFirst } from '../report/report.ts';
import { listed } from '../report/text.ts';
import { endWords, severityOfEnd } from './certificate-end.ts';
import {
  type CertificateList,
  type CertificateRole,
  type CertificatesSeen,
  type CertificateUse,
  type FoundCertificate,
  holdersOf,
  labelOf,
  roles,
  roleWord,
} from './certificate-list.ts';
import { clientCertificateFault, describeCertificate, namesCover } from './certificates.ts';
import { addressOf } from './endpoint.ts';
import { showCertificateFile, showServerCertificate } from './etcdctl.ts';
import { type CertificateFault, certificateFaults, presentedCertificate } from './peer-certificate.ts';
import { plainlySaid } from './said.ts';
import { sentences, type Trouble } from './trouble.ts';

/** What is the matter with the certificates on the way: their ends, whom they name, and what could not be read. Worst first, then soonest. */
export function certificateTroubles(list: CertificateList, seen: CertificatesSeen, now: Date): Trouble[] {
  const soonest = [...list.found].sort((a, b) => a.facts.validTo.localeCompare(b.facts.validTo, 'en'));
  return worstFirst([
    ...list.found.flatMap((certificate) =>
      certificate.uses.flatMap((use) => listenerTroubles(certificate, use, seen, now)),
    ),
    ...soonest.flatMap((certificate) => endTroubles(certificate, seen, now)),
    ...ownTroubles(seen, now),
    ...unreadTroubles(list, seen),
    ...unlistedTroubles(seen),
    ...plainTroubles(list),
  ]);
}

function endTroubles(certificate: FoundCertificate, seen: CertificatesSeen, now: Date): Trouble[] {
  const { facts, uses } = certificate;
  const severity = severityOfEnd(facts, now);
  if (severity === null) return [];
  const used = roles.filter((role) => uses.some((use) => use.role === role));
  const ends = endWords(facts, now);
  return [
    {
      severity,
      grade: 'fact',
      claim: `${capital(titleOf(certificate))} ${ends}.`,
      evidence: sentences(`${listed([...new Set(uses.map(({ where }) => where))])}:`, describeCertificate(facts)),
      impact: sentences(...used.map((role) => breaks[role]), sharedByMany(certificate, seen)),
      advice: renewals[used[0] ?? 'peer'],
      command: showing(uses[0]),
      ...(new Date(facts.validTo) < now ? { since: facts.validTo } : {}),
      cause: 'certificate-expiry',
    },
  ];
}

/** `the peer certificate of etcd-2`, `the certificate that is shared: peer of etcd-1 and etcd-2`. */
function titleOf(certificate: FoundCertificate): string {
  const { facts, uses } = certificate;
  const used = new Set(uses.map(({ role }) => role));
  const [role] = used;
  if (used.size === 1 && role === 'ca') return `the CA ${facts.subject}`;
  if (used.size === 1 && role === 'bot') return 'the bot’s client certificate';
  if (used.size === 1 && role === 'bot-kubernetes') return 'the client certificate in the bot’s kubeconfig';
  const holders = role === undefined ? [] : holdersOf(certificate, role);
  if (used.size === 1 && role !== undefined && holders.length === 1)
    return `the ${role === 'client' ? 'server' : roleWord(role)} certificate of ${holders[0]}`;
  return `the certificate that serves as ${labelOf(certificate)}`;
}

/** What happens after its end, by what it is for. */
const breaks: Readonly<Record<CertificateRole, string>> = {
  client:
    'Clients that verify it (API servers, etcdctl, the bot) then refuse new connections to it; those that stand live on.',
  peer: 'When the member restarts after that, no member lets it in; running connections live on until they break.',
  bot: 'Members that check client certificates then refuse the bot: it sees and changes nothing there. The cluster itself is not touched.',
  'api-server':
    'kubectl, kubelets and controllers then refuse that API server: nodes turn NotReady, nothing is scheduled; pods go on running.',
  'bot-kubernetes': 'The API servers then no longer know the bot; the cluster itself is not touched.',
  ca: 'Whatever it signed is then refused at every new connection, however long that is valid itself.',
};

const renewals: Readonly<Record<CertificateRole, string>> = {
  client:
    'Renew it with the same names and put it in place: etcd reads the files again at each handshake, so no restart is needed. With kubeadm, on that node: `kubeadm certs renew etcd-server`.',
  peer: 'Renew it with the same names and put it in place: etcd reads the files again at each handshake, so no restart is needed. With kubeadm, on that node: `kubeadm certs renew etcd-peer`.',
  bot: 'Renew it with the same CA and put it in place: it is taken up without a restart.',
  'api-server':
    'On that node: `kubeadm certs renew apiserver`, then restart the API server. `kubeadm certs check-expiration` shows all of a node’s.',
  'bot-kubernetes': 'Make a new kubeconfig for the bot, or give it a service account’s token.',
  ca: 'Put the new CA beside the old one into every trusted-ca-file and restart one member at a time (etcd reads that file at its start only); issue the certificates anew; then take the old one out.',
};

/** One that many members share ends for all of them at once. */
function sharedByMany(certificate: FoundCertificate, { view }: CertificatesSeen): string {
  const amount = holdersOf(certificate, 'peer').length;
  const enough = view.quorum.voters - view.quorum.needed + 1;
  if (amount < 2 || amount < enough) return '';
  return `${amount} members share it: once ${enough} of them have restarted, the quorum is lost.`;
}

function showing(use: CertificateUse | undefined): string {
  if (use === undefined || use.where === '' || use.where.startsWith('kubeconfig')) return '';
  return use.where.startsWith('http') ? showServerCertificate(use.where) : showCertificateFile(use.where);
}

function listenerTroubles(
  certificate: FoundCertificate,
  use: CertificateUse,
  seen: CertificatesSeen,
  now: Date,
): Trouble[] {
  const { seen: met, role, who, where } = use;
  if (met === undefined) return [];
  if (role === 'peer') {
    const isCaKnown = (seen.peers.value?.peerCas ?? '') === '' ? 'ca-unknown' : 'ca-known';
    const presented = presentedCertificate(met.probe, isCaKnown);
    if (presented === null) return [];
    const { host } = addressOf(where);
    return certificateFaults(presented, [{ host, addresses: met.addresses }], now)
      .filter(({ about, weight }) => about !== 'dates' && weight !== 'unknown')
      .map((fault) => troubleOf(`The peer certificate of ${who}: ${fault.what}.`, fault, certificate, use));
  }
  if (role !== 'client') return [];
  return clientFaults(certificate, use, seen).map((fault) =>
    troubleOf(`The server certificate of ${who}: ${fault.what}.`, fault, certificate, use),
  );
}

/** A client listener shows its certificate to everybody who dials it; it does not hold the client's address against anything (etcd#10637). */
function clientFaults({ facts }: FoundCertificate, { where, seen: met }: CertificateUse, seen: CertificatesSeen) {
  const { host } = addressOf(where);
  const faults: CertificateFault[] = [];
  if (!namesCover(facts.names, host, 'go'))
    faults.push({
      about: 'server-name',
      what: `it lacks ${host} (it has ${facts.names.join(', ') || 'no names'})`,
      outcome: `clients that ask it there say "${refusedName(facts.names, host)}"`,
      weight: 'warning',
    });
  if (!facts.canServe)
    faults.push({
      about: 'usage',
      what: 'its extended key usage lacks serverAuth',
      outcome: 'clients say "x509: certificate specifies an incompatible key usage"',
      weight: 'warning',
    });
  const isUntrusted = /UNABLE|SELF_SIGNED|SIGNATURE|self.signed|unable/.test(met?.probe.authorizationError ?? '');
  if (isUntrusted)
    faults.push({
      about: 'issuer',
      what: `the ${seen.view.seen.tls.ca === undefined ? 'system’s CAs have' : 'configured CA has'} not signed it (its issuer is ${facts.issuer || 'not named'})`,
      outcome: 'the bot refuses it, and so does every client with that CA',
      weight: 'warning',
    });
  return faults;
}

/** Go's words for a certificate that lacks the address at which it is met: only names of its kind are told (crypto/x509, HostnameError). */
export function refusedName(names: readonly string[], host: string): string {
  const isAddress = isIP(host) !== 0;
  const ofKind = names.filter((name) => (isIP(name) !== 0) === isAddress);
  if (ofKind.length > 0) return `x509: certificate is valid for ${ofKind.join(', ')}, not ${host}`;
  return isAddress
    ? `x509: cannot validate certificate for ${host} because it doesn't contain any IP SANs`
    : `x509: certificate is not valid for any names, but wanted to match ${host}`;
}

function troubleOf(
  claim: string,
  fault: CertificateFault,
  certificate: FoundCertificate,
  use: CertificateUse,
): Trouble {
  const { about, outcome, weight } = fault;
  const isName = about === 'server-name' || about === 'client-name';
  const missing = isName ? `lacks ${addressOf(use.where).host}` : '';
  return {
    severity: weight === 'blocking' ? 'critical' : 'warning',
    grade: 'fact',
    claim,
    evidence: `${use.where}: ${describeCertificate(certificate.facts)}`,
    impact: outcome === '' ? '' : `${capital(outcome)}.`,
    advice: isName
      ? `Issue it again with ${addressOf(use.where).host} among its names as well, and put it in place: no restart is needed.`
      : 'Issue it again by the CA of the others, for server and client use, with a key of today’s size.',
    command: showServerCertificate(use.where),
    short: isName ? `${use.who} ${use.role} ${missing}` : `${use.who} ${use.role}: ${fault.what}`,
    cause: isName ? 'certificate-name' : 'certificate',
  };
}

/** The bot's own, where its end is not the matter. */
function ownTroubles({ view }: CertificatesSeen, now: Date): Trouble[] {
  const { clientCertificate: own, trustedCas, tls } = view.seen;
  if (own === null || severityOfEnd(own, now) !== null) return [];
  const fault = clientCertificateFault(own, trustedCas, now);
  if (fault === '') return [];
  return [
    {
      severity: 'warning',
      grade: 'inferred',
      claim: `Members may refuse the bot’s client certificate: ${fault}.`,
      evidence: `${tls.cert ?? ''}: ${describeCertificate(own)}`,
      impact: breaks.bot,
      advice: 'Put one in place that the members’ --trusted-ca-file signed, with clientAuth among its uses.',
      command: tls.cert === undefined ? '' : showCertificateFile(tls.cert),
      short: 'the bot’s certificate may be refused',
      cause: 'client-certificate-refused',
    },
  ];
}

function unreadTroubles({ unread }: CertificateList, { view }: CertificatesSeen): Trouble[] {
  if (unread.length === 0) return [];
  const names = listed(unread.map(({ who, role }) => `${who} ${roleWord(role)}`));
  return [
    {
      severity: 'warning',
      grade: 'unknown',
      claim: `${unread.length} ${unread.length === 1 ? 'certificate' : 'certificates'} could not be read: ${names}.`,
      evidence: unread.map(({ where, why }) => (where === '' ? why : `${where}: ${why}`)).join('; '),
      advice: `Open the way from ${view.seen.seenFrom} to those ports, or look there: a certificate shows nothing of itself elsewhere.`,
      short: `${unread.length} not read`,
    },
  ];
}

/** Peers are found by the member list alone. */
function unlistedTroubles({ view }: CertificatesSeen): Trouble[] {
  const { seen, members } = view;
  if (members.some(({ member }) => member !== null)) return [];
  return [
    {
      severity: 'warning',
      grade: 'unknown',
      claim: 'The peer certificates could not be looked for: nobody told who the members are.',
      evidence: plainlySaid(seen.membersFailure?.said ?? ''),
      advice: '`/etcd health` tells what is the matter; ask again then.',
      short: 'peers unknown',
    },
  ];
}

function plainTroubles({ plain }: CertificateList): Trouble[] {
  if (plain.length === 0) return [];
  return [
    {
      severity: 'info',
      grade: 'fact',
      claim: `${listed(plain.map(({ who, role }) => `${who} ${roleWord(role)}`))} ${plain.length === 1 ? 'speaks' : 'speak'} plain http: no certificate, and nothing is encrypted.`,
      evidence: plain.map(({ where }) => where).join(', '),
      advice: '`/etcd config` tells what that means.',
    },
  ];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

import { endWords, severityOfEnd } from './certificate-end.ts';
import {
  ageOf,
  type CertificateFacts,
  clientCertificateFault,
  day,
  daysLeft,
  describeCertificate,
  namesCover,
} from './certificates.ts';
import type { Asked, ClusterSeen } from './cluster.ts';
import { addressOf } from './endpoint.ts';
import { showCertificateFile, showServerCertificate } from './etcdctl.ts';
import { evidenceOf, labelsOf, severityOfLosing } from './silent-trouble.ts';
import { impactOfLosing, sentences, type Trouble } from './trouble.ts';
import type { ClusterView, MemberView } from './view.ts';

/** Members where TLS was refused: whose certificate, and why. One finding for all that share the reason. */
export function tlsTroubles(refused: readonly MemberView[], view: ClusterView, now: Date): Trouble[] {
  const groups = new Map<string, { readonly told: Told; readonly members: MemberView[] }>();
  for (const member of refused) {
    if (member.asked === null) continue;
    const told = explain(member.asked, view.seen, now);
    const key = `${told.cause} ${told.why}`;
    const group = groups.get(key) ?? { told, members: [] };
    group.members.push(member);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ told, members }) => {
    const labels = labelsOf(members, view);
    const [first] = members;
    return {
      severity: severityOfLosing(members, view),
      grade: told.grade ?? 'fact',
      claim: told.claim(labels, members.length),
      evidence: sentences(first?.asked == null ? '' : evidenceOf(first.asked), told.certificate),
      impact: sentences(
        'Seen from here only: other clients with good certificates may get in.',
        impactOfLosing(members, view),
      ),
      advice: told.advice,
      command: told.command,
      ...(told.since === undefined ? {} : { since: told.since }),
      short: told.short,
      who: members.map(({ label }) => label),
      cause: told.cause,
    };
  });
}

type Told = {
  readonly cause: string;
  /** What members must share to be told of together. */
  readonly why: string;
  readonly claim: (labels: string, amount: number) => string;
  readonly certificate: string;
  readonly advice: string;
  readonly command: string;
  readonly short: string;
  readonly since?: string;
  readonly grade?: Trouble['grade'];
};

function explain(asked: Asked, seen: ClusterSeen, now: Date): Told {
  const [leaf] = asked.probe?.chain ?? [];
  const kind = asked.failure?.kind;
  if (kind === 'client-certificate-refused' || leaf === undefined) return ownRefused(seen, asked, now);
  const { host } = addressOf(asked.endpoint);
  const command = showServerCertificate(asked.endpoint);
  const certificate = describeCertificate(leaf);
  const age = ageOf(leaf, now);
  if (age !== 'valid')
    return {
      cause: age === 'expired' ? 'server-certificate-expired' : 'server-certificate-not-yet-valid',
      why: leaf.fingerprint,
      claim: (labels) =>
        age === 'expired'
          ? `The server certificate of ${labels} expired on ${day(leaf.validTo)}.`
          : `The server certificate of ${labels} is valid only from ${day(leaf.validFrom)}.`,
      certificate,
      advice:
        age === 'expired'
          ? 'Renew it with the same names and put it in place: etcd reads the files again at each handshake, so no restart is needed. Look at the peers’ certificates at once, they are often as old.'
          : 'Correct the clock of this machine or of the one that signed it, or wait.',
      command,
      short:
        age === 'expired'
          ? `with a server certificate that expired ${day(leaf.validTo)}`
          : 'with a server certificate that is not yet valid',
      since: age === 'expired' ? leaf.validTo : leaf.validFrom,
    };
  if (kind === 'server-certificate-name' || (kind !== 'server-certificate-untrusted' && !namesCover(leaf.names, host)))
    return {
      cause: 'server-certificate-name',
      why: asked.endpoint,
      claim: (labels) => `The server certificate of ${labels} does not hold ${host}, where it is asked.`,
      certificate: sentences(certificate, `Its names: ${leaf.names.length === 0 ? 'none' : leaf.names.join(', ')}.`),
      advice: `Ask it at one of its names, or issue its certificate again with ${host} among the subject alternative names.`,
      command,
      short: `with a server certificate that lacks ${host}`,
    };
  if (kind === 'server-certificate-untrusted') return untrusted(leaf, asked, seen, command);
  return ownRefused(seen, asked, now);
}

function untrusted(leaf: CertificateFacts, asked: Asked, seen: ClusterSeen, command: string): Told {
  const file = seen.tls.ca;
  const namesakes = seen.trustedCas.some(({ subject }) => subject === leaf.issuer);
  const trusts =
    file === undefined ? 'the system’s CAs' : `${file} (${fewNames(seen.trustedCas.map(({ subject }) => subject))})`;
  return {
    cause: 'server-certificate-untrusted',
    why: `${leaf.issuer} ${asked.probe?.authorizationError ?? ''}`,
    claim: (labels) =>
      namesakes
        ? `The server certificate of ${labels} is signed by a CA of the configured one's name, but with another key.`
        : `The server certificate of ${labels} is signed by ${leaf.issuer}, which ${file === undefined ? 'this machine does not trust' : 'the configured ca file does not hold'}.`,
    certificate: sentences(describeCertificate(leaf), `Trusted here: ${trusts}.`),
    advice:
      file === undefined
        ? `Name the cluster's CA as tls.ca under etcd.clusters.${seen.cluster}.`
        : `Put the certificate of ${namesakes ? 'the CA that signs them now' : leaf.issuer} into ${file} (on a control-plane node of kubeadm it is /etc/kubernetes/pki/etcd/ca.crt). If it was right before, ask who changed the certificates.`,
    command,
    short: 'with a server certificate of an unknown CA',
  };
}

/** A bundle holds some 140 CAs: three, and a count. */
function fewNames(names: readonly string[]): string {
  const shown = names.slice(0, 3).join('; ');
  return names.length > 3 ? `${shown}; and ${names.length - 3} more` : shown;
}

/** The server ended the handshake because of our certificate; older ones give alert 42 for every reason. */
function ownRefused(seen: ClusterSeen, asked: Asked, now: Date): Told {
  const own = seen.clientCertificate;
  const fault = clientCertificateFault(own, seen.trustedCas, now);
  const file = seen.tls.cert;
  const said = asked.probe?.error ?? '';
  const isAlertOf = (number: number) => `${asked.failure?.said} ${said}`.includes(`alert number ${number}`);
  const guess = isAlertOf(48)
    ? 'it does not know the CA that signed it'
    : isAlertOf(45)
      ? 'it holds it for expired'
      : '';
  const isExpired = own !== null && ageOf(own, now) === 'expired';
  const reason = fault || guess;
  return {
    cause:
      own === null
        ? 'client-certificate-missing'
        : isExpired
          ? 'client-certificate-expired'
          : 'client-certificate-refused',
    why: '',
    grade: reason === '' ? 'fact' : 'inferred',
    claim: (labels, amount) => {
      const refuses = amount === 1 ? 'refuses' : 'refuse';
      if (own === null)
        return `${labels} ${amount === 1 ? 'wants' : 'want'} a client certificate, and none is configured.`;
      return `${labels} ${refuses} the bot's own client certificate${reason === '' ? ', which looks right from here' : `: ${reason}`}.`;
    },
    certificate: sentences(
      own === null ? '' : `The bot's certificate, ${file}: ${describeCertificate(own)}`,
      said === '' || asked.failure?.said.includes(said) ? '' : `The handshake said: ${said}.`,
    ),
    advice: ownAdvice(seen, fault, isExpired),
    command: file === undefined ? showServerCertificate(asked.endpoint) : showCertificateFile(file),
    short:
      own === null
        ? 'asking for a client certificate, none is configured'
        : `refusing the bot's certificate${reason === '' ? '' : `: ${reason}`}`,
    ...(isExpired ? { since: own.validTo } : {}),
  };
}

function ownAdvice({ cluster, tls }: ClusterSeen, fault: string, isExpired: boolean): string {
  if (tls.cert === undefined) return `Name tls.cert and tls.key under etcd.clusters.${cluster}.`;
  if (isExpired) return `Renew ${tls.cert} with the same CA and put it in place: it is taken up without a restart.`;
  if (fault !== '')
    return `Put a certificate at ${tls.cert} that the members' --trusted-ca-file signed, with clientAuth among its uses.`;
  return "Compare its issuer with the members' --trusted-ca-file, which may hold another CA than the one that signs the members. The member's log says `rejected connection` with the reason.";
}

/** The bot's own certificate while it still works: how long for yet, and whether the files on disk are in order. */
export function ownCertificateTroubles(view: ClusterView, now: Date): Trouble[] {
  const { clientCertificate: own, tls, staleCredentials } = view.seen;
  const troubles: Trouble[] = [];
  if (staleCredentials !== undefined)
    troubles.push({
      severity: 'warning',
      grade: 'fact',
      claim: 'The credential files have changed on disk and cannot be used; those read before are still in use.',
      evidence: staleCredentials,
      impact: 'None until the bot restarts or the old certificate ends; then the bot sees nothing of this cluster.',
      advice: 'Put the files that belong together in place: they are taken up by themselves.',
      short: "the bot's credential files are broken",
      cause: 'credentials',
    });
  const isRefused = view.members.some(({ asked }) => asked?.failure?.kind === 'client-certificate-refused');
  if (own === null || isRefused || tls.cert === undefined) return troubles;
  if (severityOfEnd(own, now) === null) return troubles;
  const hasEnded = ageOf(own, now) === 'expired';
  troubles.push({
    // However near: the cluster is as well as before.
    severity: 'warning',
    grade: 'fact',
    claim: `The bot's client certificate ${endWords(own, now)}.`,
    evidence: `${tls.cert}: ${describeCertificate(own)}`,
    impact: 'None for the cluster; members that check client certificates refuse the bot from then on.',
    advice: `Renew it and put it at ${tls.cert}: it is taken up without a restart. Other clients' certificates are often as old.`,
    command: showCertificateFile(tls.cert),
    ...(hasEnded ? { since: own.validTo } : {}),
    short: hasEnded ? "the bot's certificate expired" : `the bot's certificate ends in ${daysLeft(own, now)} d`,
    cause: 'client-certificate-expiry',
  });
  return troubles;
}

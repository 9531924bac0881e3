import type { Outcome, StepContext } from '../job.ts';
import { Refusal } from '../refusal.ts';
import { count, formatDuration, listed } from '../report/text.ts';
import { expectedCertificate, peerHosts, peerUrlsOfMembers } from './certificate-checks.ts';
import { certificateRequestSections } from './certificate-request.ts';
import type { EtcdCluster } from './client.ts';
import { handOverSections } from './member-config.ts';
import { type KnownCluster, type ListedMember, lookAt } from './member-reference.ts';
import { intended, tryLook, wait } from './patience.ts';
import { certificateFaults } from './peer-certificate.ts';
import type { PeersSeen } from './peers.ts';
import { diagnoseStart, peerFaults } from './start-diagnosis.ts';

/** A member on its way in. */
export type Joining = {
  readonly memberId: string;
  readonly name: string;
  readonly startTimeoutMs: number;
  /** Addresses of later nodes, for the certificate that is offered. */
  readonly spare: readonly string[];
};

/** Entries that two readings some milliseconds apart may differ by; etcd itself promotes from 90 % of the leader's index on. */
const smallLag = 1000;
/** A large database takes its time over the network: 8 GiB at 100 Mbit/s are eleven minutes. */
const catchUpTimeoutMs = 30 * 60_000;
/** How long a started member's own figures may be out of reach before the server's own guard is relied on. */
const unseenTimeoutMs = 60_000;
/** Links are made within an election timeout; a restarted process or a slow TLS handshake takes seconds. */
const linkTimeoutMs = 60_000;
/** A member counts a link as working when the new one dials it, and as broken when its own dial is refused: ten times a second. */
const linksHoldMs = 1000;

/** Somebody removed it in between: there is nothing to wait for. */
function gone({ name, memberId }: Joining): Outcome {
  return {
    kind: 'blocked',
    refusal: new Refusal(
      `${name} (${memberId}) is no member any more: somebody has removed it.`,
      'Ask again, if it is still to be added.',
    ),
  };
}

/** The cluster itself cannot be seen: the new member is not to blame. */
function unseenFor({ name, memberId, startTimeoutMs }: Joining, unseen: string, context: StepContext): Outcome {
  return wait(context, {
    reason: unseen,
    recheckAfterMs: 2000,
    timeoutMs: startTimeoutMs,
    otherwise: new Refusal(
      `The cluster cannot be seen, so ${name} (${memberId}) stays as it is: ${unseen}`,
      '`/etcd members` tells who is there once it can be seen again.',
    ),
  });
}

const memberOf = (view: KnownCluster, { memberId }: Joining): ListedMember | undefined =>
  view.members.find(({ member }) => member.id === memberId);

/** What takes a member back that does not come up; a learner costs nothing meanwhile, a voter does. */
function wayBack({ memberId, name }: Joining, isLearner: boolean | undefined): string {
  const cost =
    isLearner === true
      ? 'As a learner it costs the quorum nothing meanwhile'
      : `As a voter it counts for the quorum meanwhile, without voting`;
  return `${cost}. \`/etcd remove ${memberId}\` takes ${name} out again, as a change of its own.`;
}

/** Where it is kept that the certificate which all members share would be refused of the new node, and why. */
const sharedFaultKey = 'sharedCertificateFault';

/**
 * Gives the new node's configuration out, with the list of members as the cluster has it now. The members' certificates are read here
 * once more, so that the wait for the start can name the likeliest obstacle without asking their peer ports again and again.
 */
export async function ensureHandedOver(etcd: EtcdCluster, joining: Joining, context: StepContext): Promise<Outcome> {
  const { value: view, unseen } = await lookAt(etcd, context.signal);
  if (view === undefined) return unseenFor(joining, unseen, context);
  const member = memberOf(view, joining);
  if (member === undefined) return gone(joining);
  const { memberId: id, name, spare } = joining;
  const { peerUrls } = member.member;
  const { value: peers, unseen: unread } = await tryLook(() =>
    etcd.seePeers({ members: peerUrlsOfMembers(view), fresh: peerUrls }),
  );
  if (peers === undefined) return unseenFor(joining, unread, context);
  const hosts = peerHosts(peerUrls, peers);
  const fault = sharedFault(view, peers, peerUrls, context.now());
  if (fault !== '') await context.intent.write({ [sharedFaultKey]: fault });
  const members = view.members.map((each) => each.member);
  return {
    kind: 'done',
    note: `Start ${name} with one of the files below.`,
    sections: [
      ...handOverSections({ name, id, peerUrls, members, hosts }, view),
      ...(fault === '' ? [] : certificateRequestSections({ name, peerUrls, spare }, view, peers)),
    ],
  };
}

/** Why the certificate that all members share would be refused of the new node; '' where it would do, or where they share none. */
function sharedFault(view: KnownCluster, peers: PeersSeen, peerUrls: readonly string[], now: Date): string {
  const { certificate, source } = expectedCertificate({ view, peers, peerUrls, given: null, as: 'voter', now });
  if (certificate === null || source !== 'shared') return '';
  return (
    certificateFaults(certificate, peerHosts(peerUrls, peers), now).find(({ weight }) => weight === 'blocking')?.what ??
    ''
  );
}

/** Waits until the new member has told the cluster its name; says meanwhile what is seen of it. */
export async function ensureStarted(etcd: EtcdCluster, joining: Joining, context: StepContext): Promise<Outcome> {
  const { value: view, unseen } = await lookAt(etcd, context.signal);
  if (view === undefined) return unseenFor(joining, unseen, context);
  const member = memberOf(view, joining);
  if (member === undefined) return gone(joining);
  if (member.member.name !== '') {
    const isOther = member.member.name !== joining.name;
    return {
      kind: 'done',
      note: isOther ? `It has started, but calls itself ${member.member.name}.` : `${joining.name} has started.`,
    };
  }
  const { peerUrls } = member.member;
  const { value: peers, unseen: unread } = await tryLook(() => etcd.seePeers({ members: [], fresh: peerUrls }));
  if (peers === undefined) return unseenFor(joining, unread, context);
  const { cause, seen: found, advice } = diagnoseStart(member.member, peers, view.clusterId, context.now());
  const shared = cause === 'port-closed' ? intended(context, sharedFaultKey) : undefined;
  const seen =
    shared === undefined
      ? found
      : `${found} Its peers would refuse the certificate that all members share, for ${shared}: it needs one of its own.`;
  return wait(context, {
    reason: seen,
    recheckAfterMs: recheckOf(context),
    timeoutMs: joining.startTimeoutMs,
    otherwise: new Refusal(
      `${joining.name} has not started in ${formatDuration(joining.startTimeoutMs)}. ${seen}`,
      `${advice}\n${wayBack(joining, member.isLearner)}`,
    ),
  });
}

/** Somebody who starts it now wants to see it soon; somebody who does it after lunch does not. */
function recheckOf({ now, startedAt }: StepContext): number {
  const waitedMs = now().getTime() - startedAt.getTime();
  return waitedMs < 60_000 ? 2000 : waitedMs < 300_000 ? 5000 : 10_000;
}

/** Waits until the new member has received what the others have. */
export async function ensureCaughtUp(etcd: EtcdCluster, joining: Joining, context: StepContext): Promise<Outcome> {
  const { value: view, unseen } = await lookAt(etcd, context.signal);
  if (view === undefined) return unseenFor(joining, unseen, context);
  const member = memberOf(view, joining);
  if (member === undefined) return gone(joining);
  const { raftLag, status } = member;
  const waited = context.now().getTime() - context.startedAt.getTime();
  if (status === null && waited >= unseenTimeoutMs)
    return {
      kind: 'done',
      note: `Unknown: ${joining.name} tells the bot nothing at ${listed(member.member.clientUrls) || 'no client URL'} (${member.asked?.failure?.said ?? 'not asked'}). etcd itself refuses to promote a learner that lags.`,
    };
  if (status !== null && raftLag === null)
    return {
      kind: 'blocked',
      refusal: new Refusal(
        `What answers at ${member.endpoint} belongs to another cluster (${status.clusterId}).`,
        `Correct --advertise-client-urls of ${joining.name}. ${wayBack(joining, member.isLearner)}`,
      ),
    };
  if (raftLag !== null && raftLag <= smallLag)
    return { kind: 'done', note: `${count(Math.max(0, raftLag), 'entry', 'entries')} behind.` };
  return wait(context, {
    reason:
      raftLag === null
        ? `It tells nothing yet: ${member.asked?.failure?.said ?? 'it has told no client URL'}.`
        : `${count(raftLag, 'entry', 'entries')} behind.`,
    recheckAfterMs: 1000,
    timeoutMs: catchUpTimeoutMs,
    otherwise: new Refusal(
      `${joining.name} has not caught up in ${formatDuration(catchUpTimeoutMs)}: ${raftLag ?? 'an unknown number of'} entries behind.`,
      `Look at its network and disk. ${wayBack(joining, member.isLearner)}`,
    ),
  });
}

/**
 * Catches the zombie: a member that replicates and reports itself healthy while its peers refuse every connection to it. Its certificate is
 * read again, and the others' own metrics have to show a working connection to it. What cannot be read is said, and never taken for ok
 * unless the certificate itself has been read and is right.
 */
export async function ensureLinked(etcd: EtcdCluster, joining: Joining, context: StepContext): Promise<Outcome> {
  const { value: view, unseen } = await lookAt(etcd, context.signal, 'fresh');
  if (view === undefined) return unseenFor(joining, unseen, context);
  const member = memberOf(view, joining);
  if (member === undefined) return gone(joining);
  const { peerUrls } = member.member;
  const { value: peers, unseen: unread } = await tryLook(() => etcd.seePeers({ members: [], fresh: peerUrls }));
  if (peers === undefined) return unseenFor(joining, unread, context);
  const [fault] = peerFaults(member.member, peers, context.now()).filter(({ weight }) => weight === 'blocking');
  const others = view.members.filter((other) => other !== member && other.isStarted).map(({ label }) => label);
  const unlinked = member.unlinkedFrom;
  const unknown = others.filter((label) => !member.linkedFrom.includes(label) && !unlinked.includes(label));
  const links = [
    ...(member.linkedFrom.length > 0
      ? [`${listed(member.linkedFrom)} ${member.linkedFrom.length === 1 ? 'is' : 'are'} connected to it`]
      : []),
    ...(unlinked.length > 0
      ? [`${listed(unlinked)} ${unlinked.length === 1 ? 'has' : 'have'} no connection to it`]
      : []),
    ...(unknown.length > 0 ? [`unknown for ${listed(unknown)}: no metrics that tell`] : []),
  ].join('; ');
  const patience = { recheckAfterMs: 1000, timeoutMs: linkTimeoutMs };
  if (fault !== undefined)
    return wait(context, {
      ...patience,
      // A certificate is not mended by waiting; a minute is left to whoever is exchanging it.
      reason: `Its certificate would be refused: ${fault.what}.`,
      otherwise: zombie(joining, member, `its certificate is refused by its peers: ${fault.what}`, links),
    });
  if (unlinked.length > 0)
    return wait(context, {
      ...patience,
      reason: `${links}.`,
      otherwise: zombie(joining, member, 'its peers have no connection to it', links),
    });
  const isTls = member.member.peerUrls.some((url) => url.startsWith('https:'));
  const isRead = peers.peers.some(({ url, probe }) => peerUrls.includes(url) && probe.chain.length > 0);
  const certificate = isTls
    ? isRead
      ? 'Its certificate, read again, is right'
      : 'Its certificate could not be read'
    : 'The peers use no TLS';
  // Metrics that were read before it started do not know it yet.
  const isTooEarly =
    unknown.length > 0 && context.now().getTime() - context.startedAt.getTime() < 3000 && areReadable(view, unknown);
  if ((unknown.length === others.length && isTls && !isRead) || isTooEarly)
    return wait(context, {
      ...patience,
      reason: `${certificate}; ${links}.`,
      otherwise: new Refusal(
        `Whether the peers of ${joining.name} can connect to it is unknown, so it is not promoted: ${certificate.toLowerCase()}, and ${links}.`,
        `Open its peer port to the bot, or name the members' metricsUrls in the configuration. ${wayBack(joining, member.isLearner)}`,
      ),
    });
  if (member.linkedFrom.length > 0 && context.now().getTime() - context.startedAt.getTime() < linksHoldMs)
    return wait(context, {
      recheckAfterMs: linksHoldMs,
      timeoutMs: linkTimeoutMs,
      reason: `${certificate}; ${links}. Whether that lasts is looked at once more.`,
      otherwise: zombie(joining, member, 'its links do not last', links),
    });
  return { kind: 'done', note: `${certificate}; ${links}.` };
}

function areReadable(view: KnownCluster, labels: readonly string[]): boolean {
  return view.members.some(({ label, metrics }) => labels.includes(label) && metrics !== null);
}

function zombie(joining: Joining, { status, isLearner }: ListedMember, why: string, links: string): Refusal {
  const looks =
    status === null
      ? ''
      : ' It replicates and reports itself healthy all the same, and etcd would promote it: a zombie.';
  return new Refusal(
    `${joining.name} is not fit to vote: ${why}.${looks}`,
    `Seen: ${links || 'nothing of its links'}. Give it a certificate with its own address for server and client, restart it, and \`/etcd promote ${joining.memberId}\`. ${wayBack(joining, isLearner)}`,
  );
}

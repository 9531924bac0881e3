import { formatDuration, listed } from '../report/text.ts';
import type { Asked } from './cluster.ts';
import { etcdctl } from './etcdctl.ts';
import { isTlsTrouble, isUnreachable } from './failure.ts';
import { tlsTroubles } from './tls-trouble.ts';
import { impactOfLosing, sentences, type Trouble } from './trouble.ts';
import { type ClusterView, hostOf, type MemberView } from './view.ts';

/** Members that did not answer, or not as etcd would: told apart by what could be seen of them from here and by the others. */
export function reachTroubles(view: ClusterView, now: Date): Trouble[] {
  const failing = view.members.filter(({ asked }) => asked?.failure !== undefined);
  const isTls = (member: MemberView) => member.asked !== null && isRefusedByTls(member.asked);
  const isAuth = (member: MemberView) => /^(auth-|token-|permission)/.test(kindOf(member));
  return [
    ...tlsTroubles(failing.filter(isTls), view, now),
    ...authTroubles(failing.filter(isAuth), view),
    ...failing.filter((member) => !isTls(member) && !isAuth(member)).map((member) => silentTrouble(member, view)),
    ...view.strays.map((stray) => strayTrouble(stray, view)),
    ...(view.seen.members === null ? [nobodyTrouble(view)] : []),
  ];
}

const kindOf = (member: MemberView) => member.asked?.failure?.kind ?? 'other';

/** Whether TLS ended the call: as the call's error says, or as the probe does where that error was too general. */
export function isRefusedByTls({ failure, probe }: Asked): boolean {
  if (failure === undefined || probe?.speaksOtherScheme) return false;
  if (isTlsTrouble(failure.kind) && failure.kind !== 'not-tls') return true;
  return failure.code === 14 && /alert/.test(probe?.error ?? '');
}

/** Everything that is neither TLS nor authentication. */
function silentTrouble(member: MemberView, view: ClusterView): Trouble {
  const asked = member.asked;
  if (asked?.failure === undefined || member.endpoint === null)
    throw new TypeError('only failed members are explained');
  const { failure, probe } = asked;
  const base = {
    grade: 'fact' as const,
    severity: severityOfLosing([member], view),
    who: [member.label],
    evidence: evidenceOf(asked),
    impact: impactOfLosing([member], view),
    command: etcdctl(view.seen, [member.endpoint], '--command-timeout=5s', 'endpoint', 'status', '-w', 'table'),
    ...(asked.failingSince === undefined ? {} : { since: asked.failingSince }),
  };
  const { label } = member;
  const place = label === hostOf(member.endpoint) ? label : `${label} (${hostOf(member.endpoint)})`;
  if (probe?.speaksOtherScheme && probe.speaks !== 'http1' && probe.speaks !== 'other')
    return { ...base, ...schemeTrouble(place, member.endpoint) };
  if (
    failure.kind === 'not-etcd' ||
    failure.kind === 'not-tls' ||
    probe?.speaks === 'http1' ||
    probe?.speaks === 'other'
  )
    return {
      ...base,
      claim: `What answers at ${place} is not etcd.`,
      advice:
        'Name the client URL of a member (port 2379 by default), not a proxy, a web server or the peer port 2380.',
      short: 'not etcd',
      cause: 'not-etcd',
    };
  if (failure.kind === 'unknown-name')
    return {
      ...base,
      claim: `The name of ${place} is not known here.`,
      advice: 'Correct the endpoint, or the name service that the bot asks.',
      short: 'unknown by name here',
      cause: 'unknown-name',
    };
  if (failure.kind === 'deadline' && probe?.reached !== 'silent')
    return { ...base, ...hungTrouble(member, place, view) };
  if (isUnreachable(failure.kind) || probe?.reached === 'silent' || probe?.reached === 'closed')
    return { ...base, ...unreachableTrouble(member, place, asked) };
  return {
    ...base,
    claim: `${place} answers with an error.`,
    advice: 'Read the log of that member at this time.',
    short: 'answering with an error',
    cause: 'error',
  };
}

type Told = Pick<Trouble, 'claim' | 'advice' | 'short' | 'cause'> & Partial<Pick<Trouble, 'grade' | 'command'>>;

function schemeTrouble(place: string, endpoint: string): Told {
  const isHttps = endpoint.startsWith('https:');
  return {
    claim: isHttps
      ? `${place} speaks plain HTTP, but is asked with https.`
      : `${place} speaks TLS, but is asked with http.`,
    advice: isHttps
      ? 'Write its endpoint with http://, or give the member a certificate (--cert-file, --key-file).'
      : 'Write its endpoint with https:// and name the CA under tls.',
    short: isHttps ? 'without TLS, asked with https' : 'using TLS, asked with http',
    cause: 'wrong-scheme',
  };
}

function hungTrouble(member: MemberView, place: string, view: ClusterView): Told {
  const timeout = formatDuration(view.seen.requestTimeoutMs);
  if (member.metrics?.isDefragmenting)
    return {
      claim: `${place} is defragmenting its database and answers nothing else until that is done.`,
      advice: 'Wait: it takes some 10 to 15 ms a megabyte. Do not restart it in the middle.',
      short: 'defragmenting',
      cause: 'defragmenting',
    };
  const gotFar = member.asked?.probe?.reached === 'handshake' || member.asked?.probe?.speaks === 'http2';
  return {
    claim: `${place} hangs: it accepts connections but did not answer within ${timeout}.`,
    advice: sentences(
      gotFar
        ? 'The process runs but is stuck: look at its disk (a stalled fsync blocks it) and whether somebody defragments it.'
        : 'The process is stopped or starved: look at the state of the process, the CPU and the disk of that machine.',
      'Restart only this member, once the others are healthy.',
    ),
    short: `hung (no answer in ${timeout})`,
    cause: 'hung',
  };
}

/** Unreachable from here is not down: the others' connections to it, where they can be read, settle which. */
function unreachableTrouble(member: MemberView, place: string, asked: Asked): Told {
  const how = asked.probe?.reached === 'silent' ? 'no answer to the connection' : howOf(asked);
  const { linkedFrom, unlinkedFrom } = member;
  if (linkedFrom.length > 0)
    return {
      grade: 'inferred',
      claim: `${place} cannot be reached from here, but is up: ${listed(linkedFrom)} ${linkedFrom.length === 1 ? 'has a' : 'have'} working ${linkedFrom.length === 1 ? 'connection' : 'connections'} to it.`,
      advice:
        'Look between the bot and that member: firewall, routes, and whether --listen-client-urls holds this address.',
      short: `unreachable from here (${how}), but its peers reach it`,
      cause: 'unreachable-from-here',
    };
  if (unlinkedFrom.length > 0)
    return {
      grade: 'inferred',
      claim: `${place} is down: it cannot be reached from here, and ${listed(unlinkedFrom)} ${unlinkedFrom.length === 1 ? 'has' : 'have'} no connection to it.`,
      advice: 'Start the member again on its own data directory, and read its log from before it ended.',
      short: `down (${how})`,
      cause: 'down',
    };
  return {
    claim: `${place} cannot be reached from here; whether it is down is not known, for no other member's metrics tell.`,
    advice: 'Look at the process on that machine first, then at the network between the bot and it.',
    short: `unreachable from here (${how})`,
    cause: 'unreachable',
  };
}

function howOf({ failure }: Asked): string {
  if (failure?.kind === 'closed-port') return 'port closed';
  if (failure?.kind === 'no-route') return 'no route';
  return 'connection lost';
}

/** What the call said, and what the probe met. */
export function evidenceOf({ failure, probe, endpoint, tookMs }: Asked): string {
  const met = probe === undefined ? '' : probeEvidence(probe);
  return sentences(`${endpoint} after ${tookMs} ms: ${failure?.said ?? ''}`.replace(/[.:\s]*$/, '.'), met);
}

function probeEvidence({ reached, speaks, said, error, speaksOtherScheme }: NonNullable<Asked['probe']>): string {
  if (reached === 'silent') return 'A second connection got no answer at all.';
  if (speaksOtherScheme)
    return said === ''
      ? 'The other scheme works on the same port.'
      : `The same port, asked the other way, said: "${said}".`;
  if (speaks === 'http1' || speaks === 'other') return said === '' ? 'It speaks HTTP/1.1 only.' : `It said: "${said}".`;
  if (speaks === 'http2') return 'A second connection was taken and HTTP/2 spoken.';
  if (error !== '' || reached === 'closed' || reached === 'name') return '';
  return reached === 'handshake'
    ? 'A second connection finished its TLS handshake; then silence.'
    : 'A second connection was accepted; then silence.';
}

function authTroubles(members: readonly MemberView[], view: ClusterView): Trouble[] {
  const [first] = members;
  const { seen } = view;
  const refused = seen.authFailure;
  if (
    refused !== undefined &&
    refused.kind !== 'auth-disabled' &&
    (first !== undefined || refused.kind === 'auth-wrong')
  )
    return [
      {
        severity: 'critical',
        grade: 'fact',
        claim:
          refused.kind === 'auth-wrong'
            ? `The cluster refuses the configured user ${seen.username ?? ''} and its password.`
            : `The configured user ${seen.username ?? ''} got no token.`,
        evidence: refused.said,
        impact: 'The bot sees only what the cluster shows to everybody.',
        advice: `Correct auth under etcd.clusters.${seen.cluster} in the configuration.`,
        short: refused.kind === 'auth-wrong' ? 'user or password refused' : 'no token for the configured user',
        cause: 'auth',
      },
    ];
  if (first?.asked?.failure === undefined) return [];
  const isDenied = kindOf(first) === 'permission' && seen.username !== null;
  return [
    {
      severity: 'critical',
      grade: 'fact',
      claim: isDenied
        ? `The user ${seen.username} may not ask ${labelsOf(members, view)} for its status.`
        : `${labelsOf(members, view)} ${members.length === 1 ? 'wants' : 'want'} a user and a password, and ${seen.username === null ? 'none is configured' : 'took none'}.`,
      evidence: evidenceOf(first.asked),
      impact: 'The health of these members cannot be seen; nothing is known to be wrong with them.',
      advice: isDenied
        ? 'Give that user the role root, which etcd wants for maintenance calls.'
        : `Set auth.username and auth.password under etcd.clusters.${seen.cluster} in the configuration.`,
      short: isDenied ? 'permission denied' : 'authentication required',
      cause: 'auth',
    },
  ];
}

function strayTrouble(stray: Asked, view: ClusterView): Trouble {
  const command = etcdctl(view.seen, [stray.endpoint], 'member', 'list', '-w', 'table');
  if (stray.status !== undefined) {
    const isForeign = stray.status.clusterId !== view.clusterId;
    return {
      severity: 'critical',
      grade: 'fact',
      claim: isForeign
        ? `The configured endpoint ${stray.endpoint} belongs to another cluster (${stray.status.clusterId}).`
        : `The configured endpoint ${stray.endpoint} is answered by ${stray.status.memberId}, which is no member of this cluster any more.`,
      evidence: `Status of ${stray.endpoint}: cluster ${stray.status.clusterId}, member ${stray.status.memberId}; the others: cluster ${view.clusterId}.`,
      impact: 'Clients that use this endpoint read and write other data than the rest.',
      advice: 'Take it out of the configuration of the bot and of every client.',
      command,
      short: isForeign
        ? `${hostOf(stray.endpoint)} is another cluster`
        : `${hostOf(stray.endpoint)} is a removed member`,
      cause: 'foreign-endpoint',
    };
  }
  return {
    severity: 'warning',
    grade: 'fact',
    claim: `The configured endpoint ${stray.endpoint} is the client URL of no member, and does not answer as one.`,
    evidence: evidenceOf(stray),
    impact: 'None for the cluster.',
    advice:
      'Correct the endpoint in the configuration. If it is a member under another name, that member may be the one in trouble.',
    command,
    short: 'named but no member',
    who: [hostOf(stray.endpoint)],
    cause: 'stray-endpoint',
  };
}

function nobodyTrouble({ seen }: ClusterView): Trouble {
  return {
    severity: 'critical',
    grade: 'unknown',
    claim: `Whether ${seen.cluster} works is not known: nobody there answers the bot.`,
    evidence: seen.membersFailure?.said ?? 'no answer',
    impact: 'Not known for quorum and writes.',
    advice:
      'Mend what the other findings tell, then ask again; look from another machine to tell the cluster from the way to it.',
  };
}

/** `etcd-1 and etcd-3`, `all 3 members`. */
export function labelsOf(members: readonly MemberView[], view: ClusterView): string {
  if (members.length < 3 || members.length < view.members.length) return listed(members.map(({ label }) => label));
  return `all ${members.length} ${view.seen.members === null ? 'endpoints' : 'members'}`;
}

/** Critical where it stops the cluster; a warning where the others go on. */
export function severityOfLosing(
  lost: readonly MemberView[],
  { quorum, working, seen }: ClusterView,
): 'critical' | 'warning' {
  if (lost.every(({ isLearner }) => isLearner) && quorum.voters > 0) return 'warning';
  return working < quorum.needed || quorum.voters === 0 ? (seen.alarms === null ? 'critical' : 'warning') : 'warning';
}

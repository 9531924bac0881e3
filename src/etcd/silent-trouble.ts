import { formatDuration, listed } from '../report/text.ts';
import type { Asked } from './cluster.ts';
import { etcdctl } from './etcdctl.ts';
import { isUnreachable } from './failure.ts';
import { lookAtListener, lookAtProcess } from './look-commands.ts';
import { plainlySaid } from './said.ts';
import { impactOfLosing, sentences, type Trouble } from './trouble.ts';
import { type ClusterView, hostOf, type MemberView } from './view.ts';

/** Members that gave no answer of etcd's, for another reason than TLS or authentication. One finding for all that share the reason. */
export function silentTroubles(members: readonly MemberView[], view: ClusterView): Trouble[] {
  const groups = new Map<string, { readonly told: Told; readonly members: MemberView[] }>();
  for (const member of members) {
    const told = explain(member, view);
    const key = [told.cause, told.short, told.advice, told.claim('', 'one')].join('|');
    const group = groups.get(key) ?? { told, members: [] };
    group.members.push(member);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ told, members: same }) => {
    const since = same
      .flatMap(({ asked }) => (asked?.failingSince === undefined ? [] : [asked.failingSince]))
      .sort()[0];
    const { claim, state: _, ...rest } = told;
    return {
      grade: 'fact',
      ...rest,
      severity:
        same.every((member) => isOurs(member, view)) && view.voting >= view.quorum.needed
          ? 'info'
          : severityOfLosing(same, view),
      claim: claim(listed(same.map(placeOf)), same.length === 1 ? 'one' : 'many'),
      evidence: same.flatMap(({ asked }) => (asked === null ? [] : [evidenceOf(asked)])).join(' '),
      impact: impactOfLosing(same, view),
      who: same.map(({ label }) => label),
      ...(since === undefined ? {} : { since }),
    };
  });
}

/** Grammatical. */
type Amount = 'one' | 'many';
type Told = Pick<Trouble, 'advice' | 'short' | 'cause' | 'command'> &
  Partial<Pick<Trouble, 'grade'>> & {
    readonly claim: (places: string, number: Amount) => string;
    /** One word or two for a table. */
    readonly state: string;
  };

const s = (number: Amount) => (number === 'one' ? 's' : '');

/** What a table says of a member that gave no answer of etcd's: the word that its finding is headed with. */
export function silentState(member: MemberView, view: ClusterView): string {
  return explain(member, view).state;
}

function placeOf({ label, endpoint }: MemberView): string {
  const host = hostOf(endpoint ?? '');
  return label === host ? label : `${label} (${host})`;
}

function explain(member: MemberView, view: ClusterView): Told {
  const { asked, endpoint } = member;
  if (asked?.failure === undefined || endpoint === null) throw new TypeError('only failed members are explained');
  const { failure, probe } = asked;
  if (probe?.speaksOtherScheme && probe.speaks !== 'http1' && probe.speaks !== 'other')
    return wrongScheme(endpoint, view);
  if (probe?.lacksHttp2 && probe.speaks === 'nothing' && probe.authorizationError === '' && failure.kind !== 'deadline')
    return withoutHttp2(endpoint);
  if (['not-etcd', 'not-tls'].includes(failure.kind) || probe?.speaks === 'http1' || probe?.speaks === 'other')
    return notEtcd(endpoint);
  if (failure.kind === 'unknown-name')
    return {
      claim: (places, number) =>
        `The ${number === 'one' ? 'name' : 'names'} of ${places} ${number === 'one' ? 'is' : 'are'} not known here.`,
      advice: 'Correct the endpoint, or the name service that the bot asks.',
      command: `getent hosts ${hostOf(endpoint).replace(/:\d+$/, '')}`,
      short: 'unknown by name here',
      state: 'unknown name',
      cause: 'unknown-name',
    };
  if (failure.kind === 'deadline' && probe?.reached !== 'silent') return hung(member, endpoint, view);
  if (isUnreachable(failure.kind) || probe?.reached === 'silent' || probe?.reached === 'closed')
    return unreachable(member, endpoint, asked);
  return {
    claim: (places, number) => `${places} answer${s(number)} with an error.`,
    advice: 'Read the log of that member at this time.',
    command: lookAtProcess(endpoint),
    short: 'answering with an error',
    state: 'error',
    cause: 'error',
  };
}

function wrongScheme(endpoint: string, view: ClusterView): Told {
  const isHttps = endpoint.startsWith('https:');
  const corrected = isHttps ? endpoint.replace('https:', 'http:') : endpoint.replace('http:', 'https:');
  return {
    claim: (places, number) =>
      isHttps
        ? `${places} speak${s(number)} plain HTTP, but ${number === 'one' ? 'is' : 'are'} asked with https.`
        : `${places} speak${s(number)} TLS, but ${number === 'one' ? 'is' : 'are'} asked with http.`,
    advice: isHttps
      ? 'Write the endpoint with http://, or give the member a certificate (--cert-file, --key-file).'
      : 'Write the endpoint with https:// and name the CA under tls; where the member asks for one, a client certificate too.',
    command: etcdctl(
      isHttps ? { ...view.seen, tls: {} } : view.seen,
      [corrected],
      '--command-timeout=5s',
      'endpoint',
      'status',
      '-w',
      'table',
    ),
    short: isHttps ? 'without TLS, asked with https' : 'using TLS, asked with http',
    state: 'wrong scheme',
    cause: 'wrong-scheme',
  };
}

/** The peer port takes TLS and then no gRPC of clients: their ALPN has no common word. */
function withoutHttp2(endpoint: string): Told {
  return {
    claim: (places, number) =>
      `${places} speak${s(number)} TLS, but no HTTP/2, as every client URL of etcd does: ${number === 'one' ? 'it is not one' : 'they are none'}.`,
    advice:
      'Name the client URL of a member (port 2379 by default): its peer port (2380 by default) answers like this, and so do web servers and some proxies.',
    command: curlVersion(endpoint),
    short: 'no client URL of etcd (a peer port?)',
    state: 'not a client URL',
    cause: 'not-etcd',
  };
}

function notEtcd(endpoint: string): Told {
  return {
    claim: (places) => `What answers at ${places} is not etcd.`,
    advice: 'Name the client URL of a member (port 2379 by default), not a proxy, a web server or the peer port 2380.',
    command: curlVersion(endpoint),
    short: 'not etcd',
    state: 'not etcd',
    cause: 'not-etcd',
  };
}

/** What etcd answers with its version and others with something else. */
const curlVersion = (endpoint: string) => `curl -ski ${new URL('/version', endpoint).href}`;

const ourDefragmentation = ({ member }: MemberView, { seen }: ClusterView) =>
  seen.defragmenting?.find(({ memberId }) => memberId === member?.id);

/** Silent because a change of the bot's has it rewrite its database: wanted, and over soon. */
function isOurs(member: MemberView, view: ClusterView): boolean {
  return member.asked?.failure?.kind === 'deadline' && ourDefragmentation(member, view) !== undefined;
}

function hung(member: MemberView, endpoint: string, view: ClusterView): Told {
  const timeout = formatDuration(view.seen.requestTimeoutMs);
  const byUs = ourDefragmentation(member, view);
  if (member.metrics?.isDefragmenting || byUs !== undefined)
    return {
      claim: (places, number) =>
        number === 'one'
          ? `${places} is defragmenting its database and answers nothing else until that is done.`
          : `${places} are defragmenting their databases and answer nothing else until that is done.`,
      advice:
        byUs === undefined
          ? 'Wait: it takes some 10 to 15 ms a megabyte. Do not restart it in the middle.'
          : `Wait: a change of mine does it, and about ${formatDuration(byUs.expectedMs)} were expected. Do not restart it in the middle.`,
      command: lookAtProcess(endpoint),
      short: 'defragmenting',
      state: 'defragmenting',
      cause: 'defragmenting',
    };
  const gotFar = member.asked?.probe?.reached === 'handshake' || member.asked?.probe?.speaks === 'http2';
  return {
    claim: (places, number) =>
      number === 'one'
        ? `${places} hangs: it accepts connections but did not answer within ${timeout}.`
        : `${places} hang: they accept connections but did not answer within ${timeout}.`,
    advice: sentences(
      gotFar
        ? 'The process runs but is stuck: look at its disk (a stalled fsync blocks it) and whether somebody defragments it.'
        : 'The process is stopped or starved: look at the state of the process, the CPU and the disk of that machine.',
      view.isStopped
        ? 'The quorum is lost, so there is nothing to wait for: resume or restart one at a time, on its own data directory, until the cluster answers again.'
        : 'Restart only this member, and only while the others are healthy.',
    ),
    command: lookAtProcess(endpoint),
    short: `hung (no answer in ${timeout})`,
    state: 'hung',
    cause: 'hung',
  };
}

/** Unreachable from here is not down: the others' connections to it, where they can be read, settle which. */
function unreachable({ linkedFrom, unlinkedFrom }: MemberView, endpoint: string, asked: Asked): Told {
  const how = asked.probe?.reached === 'silent' ? 'no answer to the connection' : howOf(asked);
  const peers = (list: readonly string[], one: string, many: string) =>
    `${listed(list)} ${list.length === 1 ? one : many}`;
  if (linkedFrom.length > 0)
    return {
      grade: 'inferred',
      claim: (places, number) =>
        `${places} cannot be reached from here, but ${number === 'one' ? 'is' : 'are'} up: ${peers(linkedFrom, 'has a working connection', 'have working connections')} to ${number === 'one' ? 'it' : 'them'}.`,
      advice:
        'Look between the bot and that member: firewall, routes, and whether --listen-client-urls holds this address.',
      command: lookAtListener(endpoint),
      short: `unreachable from here (${how}), but connected to its peers`,
      state: 'unreachable from here',
      cause: 'unreachable-from-here',
    };
  if (unlinkedFrom.length > 0)
    return {
      grade: 'inferred',
      claim: (places, number) =>
        number === 'one'
          ? `${places} is down: it cannot be reached from here, and ${peers(unlinkedFrom, 'has', 'have')} no connection to it.`
          : `${places} are down: they cannot be reached from here, and ${peers(unlinkedFrom, 'has', 'have')} no connection to them.`,
      advice: 'Start what is down again, each on its own data directory, and read the log from before the end.',
      command: lookAtProcess(endpoint),
      short: `down (${how})`,
      state: 'down',
      cause: 'down',
    };
  return {
    claim: (places, number) =>
      `${places} cannot be reached from here; whether ${number === 'one' ? 'it is' : 'they are'} down is not known, for no other member's metrics tell.`,
    advice: 'Look at the process on that machine first, then at the network between the bot and it.',
    command: lookAtProcess(endpoint),
    short: `unreachable from here (${how})`,
    state: 'unreachable',
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
  return sentences(`${endpoint} after ${tookMs} ms: ${plainlySaid(failure?.said ?? '')}`.replace(/[.:\s]*$/, '.'), met);
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

/** `etcd-1 and etcd-3`, `all 3 members`. */
export function labelsOf(members: readonly MemberView[], view: ClusterView): string {
  if (members.length < 3 || members.length < view.members.length) return listed(members.map(({ label }) => label));
  return `all ${members.length} ${view.seen.members === null ? 'endpoints' : 'members'}`;
}

/** Critical where it stops the cluster; a warning where the others go on. */
export function severityOfLosing(
  lost: readonly MemberView[],
  { quorum, voting, seen }: ClusterView,
): 'critical' | 'warning' {
  if (lost.every(({ isLearner }) => isLearner) && quorum.voters > 0) return 'warning';
  return voting < quorum.needed || quorum.voters === 0 ? (seen.alarms === null ? 'critical' : 'warning') : 'warning';
}

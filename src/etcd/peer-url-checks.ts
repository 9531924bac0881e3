import type { Check } from '../job.ts';
import { listed } from '../report/text.ts';
import { ok } from './checks.ts';
import { addressOf, canonicalEndpoint } from './endpoint.ts';
import type { KnownCluster } from './member-reference.ts';
import { canonicalPeerUrl, hostsOf } from './peer-url.ts';
import type { PeerSeen, PeersSeen } from './peers.ts';

/** The new member's name and addresses, against those of the members. @param peerUrls as `requirePeerUrls` gives them */
export function peerUrlChecks(
  view: KnownCluster,
  peers: PeersSeen,
  name: string,
  peerUrls: readonly string[],
): Check[] {
  const fresh = peers.peers.filter(({ url }) => peerUrls.includes(url));
  return [
    nameCheck(view, name),
    schemeCheck(view, peerUrls),
    portCheck(view, peerUrls),
    addressCheck(view, fresh),
    takenCheck(view, fresh, peerUrls),
    hostCheck(view, peers, peerUrls),
  ];
}

function nameCheck(view: KnownCluster, wanted: string): Check {
  const name = 'The name is free';
  const holder = view.members.find(({ member }) => member.name === wanted);
  if (holder === undefined) return ok(name, `No member of ${view.seen.cluster} is called ${wanted}.`);
  return {
    name,
    status: 'blocking',
    seen: `${wanted} is the member ${holder.member.id} at ${holder.member.peerUrls.join(', ')}.`,
    advice: `Choose another name; or, to replace that member, \`/etcd remove ${wanted}\` first.`,
  };
}

const peerUrlsOf = (view: KnownCluster) => view.members.flatMap(({ member }) => member.peerUrls.map(canonicalPeerUrl));

function schemeCheck(view: KnownCluster, peerUrls: readonly string[]): Check {
  const name = 'The scheme is the peers’';
  const schemes = [...new Set(peerUrlsOf(view).map((url) => url.split(':')[0] ?? ''))];
  const wrong = peerUrls.filter((url) => !schemes.includes(url.split(':')[0] ?? ''));
  const own = [...new Set(peerUrls.map((url) => url.split(':')[0] ?? ''))];
  if (wrong.length === 0 && own.length === 1) return ok(name, `${own[0]}, as the members’ peer URLs.`);
  return {
    name,
    status: 'blocking',
    seen: `${peerUrls.join(', ')} ${peerUrls.length === 1 ? 'is' : 'are'} ${listed(own)}, and the members’ peer URLs are ${listed(schemes)}.`,
    advice: `Write ${schemes[0]}://: peers that speak TLS and peers that do not never understand each other.`,
  };
}

/** etcd's registered ports (IANA): 2379 for clients, 2380 for peers. */
const clientPort = 2379;

function portCheck(view: KnownCluster, peerUrls: readonly string[]): Check {
  const name = 'The port is a peer port';
  const peerPorts = new Set(peerUrlsOf(view).map(portOf));
  const clientPorts = new Set([
    clientPort,
    ...view.members.flatMap(({ member }) => member.clientUrls.map(canonicalEndpoint).map(portOf)),
  ]);
  const wrong = peerUrls.filter((url) => clientPorts.has(portOf(url)) && !peerPorts.has(portOf(url)));
  const [first] = wrong;
  if (first === undefined)
    return ok(
      name,
      `${listed([...new Set(peerUrls.map((url) => String(portOf(url))))])}; the members use ${listed([...peerPorts].map(String))}.`,
    );
  const better = peerPorts.size === 1 ? [...peerPorts][0] : 2380;
  return {
    name,
    status: 'blocking',
    seen: `${first} has a port where members take clients (${portOf(first)}); the members’ peers are at ${listed([...peerPorts].map(String))}.`,
    advice: `Peers talk on a port of their own: write ${first.replace(/:\d+$/, `:${better}`)}.`,
  };
}

function portOf(url: string): number {
  return URL.canParse(url) ? addressOf(url).port : 0;
}

const isLoopback = (address: string) => /^127\./.test(address) || address === '::1';
const isUnspecified = (address: string) => address === '0.0.0.0' || address === '::';

/** The other members must be able to dial it. */
function addressCheck(view: KnownCluster, fresh: readonly PeerSeen[]): Check {
  const name = 'The address can be dialled';
  const unknown = fresh.filter(({ addresses }) => addresses === null || addresses.length === 0);
  if (unknown.length > 0)
    return {
      name,
      status: 'blocking',
      seen: `The name in ${listed(unknown.map(({ url }) => url))} is not known here.`,
      advice: 'Give it an address in the name service that all members use, or use the IP address.',
    };
  const nowhere = fresh.find(({ addresses }) => addresses?.some(isUnspecified));
  if (nowhere !== undefined)
    return {
      name,
      status: 'blocking',
      seen: `${nowhere.url} is no address that anybody can dial: it means "every address of this machine".`,
      advice: 'Name the address by which the other members reach the node.',
    };
  const local = fresh.find(({ addresses }) => addresses?.some(isLoopback));
  const membersAreLocal = hostsOf(peerUrlsOf(view)).some((host) => isLoopback(host) || host === 'localhost');
  if (local !== undefined && !membersAreLocal)
    return {
      name,
      status: 'blocking',
      seen: `${local.url} is a loopback address: every member would dial itself.`,
      advice: 'Name the address by which the other members reach the node.',
    };
  return ok(
    name,
    fresh
      .map(
        ({ url, addresses }) =>
          `${url}${addresses?.join() === hostsOf([url])[0] ? '' : ` is ${addresses?.join(', ')}`}`,
      )
      .join('; ')
      .concat('.'),
  );
}

/** Nobody else is told by these URLs, and no etcd runs there. */
function takenCheck(view: KnownCluster, fresh: readonly PeerSeen[], peerUrls: readonly string[]): Check {
  const name = 'The peer URL is nobody’s yet';
  const holder = view.members.find(({ member }) =>
    member.peerUrls.map(canonicalPeerUrl).some((url) => peerUrls.includes(url)),
  );
  if (holder !== undefined)
    return {
      name,
      status: 'blocking',
      seen: `${listed(holder.member.peerUrls)} is ${holder.member.name === '' ? `the member ${holder.member.id}, which never started` : `that of ${holder.label}`}.`,
      advice:
        holder.member.name === ''
          ? `Start that one, or \`/etcd remove ${holder.member.id}\` first.`
          : 'Give the new node’s own address.',
    };
  const running = fresh.find(({ clusterId }) => clusterId !== undefined);
  if (running !== undefined)
    return {
      name,
      status: 'blocking',
      seen: `An etcd runs at ${running.url} already, as part of ${running.clusterId === view.clusterId ? 'this very cluster' : `another cluster (${running.clusterId})`}.`,
      advice:
        running.clusterId === view.clusterId
          ? 'Give the new node’s own address.'
          : 'Stop it and empty its data directory: a new member starts with none.',
    };
  const open = fresh.filter(({ probe }) => probe.reached === 'connected' || probe.reached === 'handshake');
  return ok(
    name,
    open.length === 0
      ? 'No member has it, and nothing listens there yet.'
      : 'No member has it. Something listens there, and does not say that it is an etcd.',
  );
}

/** Two members on one machine are lost together. */
function hostCheck(view: KnownCluster, peers: PeersSeen, peerUrls: readonly string[]): Check {
  const name = 'A machine of its own';
  const own = addressesOf(peerUrls, peers);
  const sharing = view.members.filter(({ member }) =>
    addressesOf(member.peerUrls, peers).some((address) => own.includes(address)),
  );
  if (sharing.length === 0) return ok(name, 'No member is at its address.');
  return {
    name,
    status: 'warning',
    seen: `${listed(sharing.map(({ label }) => label))} ${sharing.length === 1 ? 'is' : 'are'} at the same address: ${listed(own)}.`,
    advice: 'A machine that holds two members takes both with it: put the new one elsewhere.',
  };
}

function addressesOf(urls: readonly string[], { peers }: PeersSeen): string[] {
  const canonical = urls.map(canonicalPeerUrl);
  const resolved = peers
    .filter(({ url }) => canonical.includes(canonicalPeerUrl(url)))
    .flatMap(({ addresses }) => addresses ?? []);
  return [...new Set([...hostsOf(urls), ...resolved])];
}

import { nearest } from '../nearest.ts';
import { Refusal } from '../refusal.ts';
import { listed, shortened } from '../report/text.ts';
import type { EtcdCluster, MetricsAge } from './client.ts';
import type { ClusterSeen, Member } from './cluster.ts';
import { type Looked, tryLook } from './patience.ts';
import { type ClusterView, type MemberView, viewCluster } from './view.ts';

/** One that the cluster's own list holds. */
export type ListedMember = MemberView & { readonly member: Member };

/** A cluster that can be changed: who its members are is known, and which cluster it is. */
export type KnownCluster = Omit<ClusterView, 'clusterId' | 'members'> & {
  readonly clusterId: string;
  readonly members: readonly ListedMember[];
};

/**
 * What a change needs to know before anything else.
 * @throws Refusal when nobody could tell who the members are
 */
export function requireKnown(seen: ClusterSeen): KnownCluster {
  const view = viewCluster(seen);
  const { clusterId } = view;
  const members = view.members.flatMap((member) => (isListed(member) ? [member] : []));
  if (seen.members === null || clusterId === null)
    throw new Refusal(
      `Who the members of ${seen.cluster} are could not be seen: ${seen.membersFailure?.said ?? 'nobody answered'}.`,
      'Nothing is changed blindly. `/etcd health` tells what is the matter.',
    );
  return { ...view, clusterId, members };
}

/**
 * Looks at a cluster from within a step.
 * @returns why, where it cannot be seen at the moment
 */
export async function lookAt(
  etcd: EtcdCluster,
  signal: AbortSignal,
  metrics: MetricsAge = 'recent',
): Promise<Looked<KnownCluster>> {
  return await tryLook(async () => requireKnown(await etcd.see(signal, metrics)));
}

function isListed(member: MemberView): member is ListedMember {
  return member.member !== null;
}

/**
 * The member that was typed, as a name or as an id, hexadecimal or decimal.
 * @throws Refusal when there is none, or more than one of that name
 */
export function findMember(view: KnownCluster, word: string): ListedMember {
  const { cluster } = view.seen;
  const named = view.members.filter(({ member }) => member.name === word);
  const id = idOf(word);
  const decimal = hexOfDecimal(word);
  const byId = view.members.filter(({ member }) => member.id === id);
  const found =
    named.length > 0 ? named : byId.length > 0 ? byId : view.members.filter(({ member }) => member.id === decimal);
  const [first] = found;
  if (found.length > 1)
    throw new Refusal(
      `${found.length} members of ${cluster} are called ${shortened(word, 60)}.`,
      'Name the one by its id.',
      found.map(({ member }) => member.id),
    );
  if (first !== undefined) return first;
  const names = view.members.map(({ member }) => member.name || member.id);
  const near = nearest(word, names);
  throw new Refusal(
    `${cluster} has no member ${shortened(word, 60)}${near === undefined ? '.' : `; did you mean ${near}?`}`,
    id !== undefined && /^[0-9a-f]{10,16}$/.test(id)
      ? 'A member that was removed never comes back under its id. `/etcd members` lists those there are.'
      : '`/etcd members` lists them with their ids.',
    names,
  );
}

function idOf(word: string): string | undefined {
  const [, digits] = /^(?:0x)?0*([0-9a-f]{1,16})$/i.exec(word) ?? [];
  return digits?.toLowerCase();
}

/** Logs, alarms in a status and etcdctl's JSON give ids in decimal. */
function hexOfDecimal(word: string): string | undefined {
  return /^\d{1,20}$/.test(word) ? BigInt(word).toString(16) : undefined;
}

/** `etcd-1 and etcd-2`; members by the labels that people know them by. */
export function labelled(members: readonly MemberView[]): string {
  return listed(members.map(({ label }) => label));
}

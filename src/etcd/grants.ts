import type { Check } from '../job.ts';
import { listed } from '../report/text.ts';
import { ok } from './checks.ts';
import type { EtcdCluster } from './client.ts';
import type { Failure } from './failure.ts';
import type { KnownCluster } from './member-reference.ts';

/** The command that gives the role root. */
export const grantRoot = '`etcdctl user grant-role <user> root`';

/** What to do where etcd allows a call to its root only, without a full stop. Snapshots, defragmentation and members are root's: no permission on keys opens them. */
export const rootAdvice = `Give the bot’s etcd user the role root: ${grantRoot}`;

/** Whether etcd refused for lack of a right, or of a user. */
export function needsRoot({ kind }: Failure): boolean {
  return kind === 'permission' || kind === 'auth-required';
}

/**
 * Whether the bot's etcd user may do what etcd allows to its root only. Nothing where that cannot matter or cannot be seen: no user is configured, etcd asks for
 * none, or nobody answers, which other checks tell.
 */
export async function rootChecks(etcd: EtcdCluster, { seen, members }: KnownCluster): Promise<Check[]> {
  const at = members.find(({ works }) => works)?.endpoint;
  if (seen.username === null || seen.authFailure !== undefined || at == null) return [];
  const name = 'The bot may do it';
  const { value: roles } = await etcd.rights.roles(at, seen.username);
  if (roles === undefined) return [];
  if (roles.includes('root')) return [ok(name, `The etcd user ${seen.username} has the role root.`)];
  return [
    {
      name,
      status: 'blocking',
      seen: `The etcd user ${seen.username} has ${roles.length === 0 ? 'no role' : `the ${roles.length === 1 ? 'role' : 'roles'} ${listed(roles)}`}, and etcd wants root.`,
      advice: `Grant it: \`etcdctl user grant-role ${seen.username} root\`; then ask again.`,
    },
  ];
}

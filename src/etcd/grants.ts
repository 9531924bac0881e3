import type { Failure } from './failure.ts';

/** The command that gives the role root. */
export const grantRoot = '`etcdctl user grant-role <user> root`';

/** What to do where etcd allows a call to its root only, without a full stop. Snapshots, defragmentation and members are root's: no permission on keys opens them. */
export const rootAdvice = `Give the bot’s etcd user the role root: ${grantRoot}`;

/** Whether etcd refused for lack of a right, or of a user. */
export function needsRoot({ kind }: Failure): boolean {
  return kind === 'permission' || kind === 'auth-required';
}

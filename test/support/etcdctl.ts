import { findBinary } from '../../scripts/binaries.mjs';
import { type CommandResult, runToEnd } from './command-line.ts';
import { etcdEnvironment } from './etcd-member.ts';

/** Runs etcdctl with the endpoints and the client's files; throws where there is no etcdctl. */
export async function runEtcdctl(
  endpoints: readonly string[],
  tls: { readonly ca: string; readonly cert: string; readonly key: string } | undefined,
  args: readonly string[],
): Promise<CommandResult> {
  const binary = findBinary('etcdctl');
  if (binary === undefined) throw new Error('No etcdctl was found. Run `node scripts/setup.mjs`, or put it on PATH.');
  const security = tls === undefined ? [] : ['--cacert', tls.ca, '--cert', tls.cert, '--key', tls.key];
  return runToEnd({
    name: 'etcdctl',
    command: binary.path,
    // Before 3.4 etcdctl spoke the old API unless told.
    env: { ...etcdEnvironment(binary), ETCDCTL_API: '3' },
    args: ['--endpoints', endpoints.join(','), ...security, ...args],
  });
}

/** Runs a command as a report gives it to be pasted: with its own endpoints and files, and nothing added (etcdctl joins repeated endpoints). */
export async function pasteEtcdctl(command: string): Promise<CommandResult> {
  const binary = findBinary('etcdctl');
  const [program, ...args] = command.split(' ');
  if (binary === undefined || program !== 'etcdctl') throw new Error(`This is not run here: ${command}`);
  return runToEnd({
    name: 'etcdctl',
    command: binary.path,
    env: { ...etcdEnvironment(binary), ETCDCTL_API: '3' },
    args,
  });
}

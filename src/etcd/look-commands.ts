import { quotedWord } from '../shell-quoting.ts';
import { addressOf } from './endpoint.ts';
import { etcdctl } from './etcdctl.ts';
import { patienceMs } from './space/figures.ts';
import type { ClusterView, MemberView } from './view.ts';

/** Every endpoint that a member was asked at. */
export function endpointsOf(view: ClusterView): string[] {
  const endpoints = view.members.flatMap(({ endpoint }) => (endpoint === null ? [] : [endpoint]));
  return endpoints.length === 0 ? [...view.seen.configuredEndpoints] : endpoints;
}

/** Endpoints that answer; every endpoint where none does. */
export function answeringEndpoints(view: ClusterView): string[] {
  const answering = view.members.flatMap(({ endpoint, status }) =>
    endpoint === null || status === null ? [] : [endpoint],
  );
  return answering.length === 0 ? endpointsOf(view) : answering;
}

/** A command that only reads: every member that answers, side by side. */
export function statusTable(view: ClusterView): string {
  return etcdctl(view.seen, answeringEndpoints(view), 'endpoint', 'status', '-w', 'table');
}

/** A command that looks at the process itself, where asking it comes to nothing: its state (T is stopped, D waits for a disk) and its log. */
export function lookAtProcess(endpoint: string): string {
  return `ssh ${quotedWord(addressOf(endpoint).host)} 'ps -C etcd -o pid,stat,etime,args; journalctl -u etcd -n 30 --no-pager'`;
}

/** A command that shows on which addresses a machine listens at an endpoint's port. */
export function lookAtListener(endpoint: string): string {
  const { host, port } = addressOf(endpoint);
  return `ssh ${quotedWord(host)} 'ss -ltn sport = :${port}'`;
}

/**
 * Defragments one member. It takes 10 to 15 ms a megabyte, in which the member answers nothing; etcdctl's own 5 s would end
 * the command and not the work, so it waits 30 s and 100 ms a megabyte.
 */
export function defragment(member: MemberView, view: ClusterView): string {
  return etcdctl(view.seen, [member.endpoint ?? ''], `--command-timeout=${patienceSeconds(member)}s`, 'defrag');
}

/** Compacts the history up to a revision, and waits until the space is free inside. */
export function compact(revision: number, view: ClusterView): string {
  const largest = [...view.members].sort((a, b) => sizeOf(b) - sizeOf(a))[0];
  const seconds = largest === undefined ? 30 : patienceSeconds(largest);
  return etcdctl(
    view.seen,
    answeringEndpoints(view),
    `--command-timeout=${seconds}s`,
    'compact',
    String(revision),
    '--physical',
  );
}

const sizeOf = ({ status }: MemberView) => status?.dbSizeBytes ?? 0;
const patienceSeconds = (member: MemberView) => Math.ceil(patienceMs(sizeOf(member)) / 1000);

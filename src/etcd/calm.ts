import type { Outcome, StepContext } from '../job.ts';
import { Refusal } from '../refusal.ts';
import type { Section } from '../report/report.ts';
import { formatDuration } from '../report/text.ts';
import { votersOf } from './checks.ts';
import type { EtcdCluster } from './client.ts';
import { reportHealth } from './health.ts';
import { type KnownCluster, lookAt } from './member-reference.ts';
import { wait } from './patience.ts';

/** Members need some heartbeats to see a change; what is still wrong after this long was wrong before, or is so by the change. */
const calmTimeoutMs = 20_000;

/** What is to be shown at the end, by how the cluster then is. */
export type Ending = (view: KnownCluster) => readonly Section[];

/** The last step of a change: the cluster agrees and works, with its health as it is now. */
export async function ensureCalm(
  etcd: EtcdCluster,
  context: StepContext,
  ending: Ending = () => [],
  mustWork: readonly string[] = [],
): Promise<Outcome> {
  const { value: view, unseen } = await lookAt(etcd, context.signal);
  if (view === undefined)
    return wait(context, {
      reason: unseen,
      recheckAfterMs: 1000,
      timeoutMs: calmTimeoutMs,
      otherwise: new Refusal(
        `The change was made, but the cluster cannot be seen now: ${unseen}`,
        'Ask for `/etcd health`.',
      ),
    });
  const report = reportHealth(view.seen, context.now());
  const trouble = unrestOf(view, mustWork);
  const sections = [...ending(view), ...report.sections];
  if (trouble === '') return { kind: 'done', note: report.summary, findings: report.findings, sections };
  return wait(context, {
    reason: trouble,
    recheckAfterMs: 500,
    timeoutMs: calmTimeoutMs,
    otherwise: new Refusal(
      `The change was made, but after ${formatDuration(calmTimeoutMs)} the cluster is not well: ${trouble}`,
      '`/etcd health` tells what to do.',
    ),
    sections,
  });
}

/** Why the cluster is not at rest; '' where it is. Members that were down before do not count: they are told as findings. */
function unrestOf(view: KnownCluster, mustWork: readonly string[]): string {
  const followed = new Set(votersOf(view).flatMap(({ works, status }) => (works ? [status?.leaderId] : [])));
  if (view.leader === null || followed.size !== 1) return 'The members do not agree on a leader yet.';
  if (view.working < view.quorum.needed)
    return `${view.working} of ${view.quorum.voters} voters work, ${view.quorum.needed} are needed.`;
  if (view.seen.alarms === null) return `No round of consensus: ${view.seen.alarmsFailure?.said ?? 'no answer'}.`;
  const lost = mustWork.find((id) => !view.members.some((member) => member.member.id === id && member.works));
  if (lost === undefined) return '';
  const member = view.members.find((one) => one.member.id === lost);
  return `${member?.label ?? lost} does not answer the bot as a working member: ${member?.asked?.failure?.said ?? 'it follows no leader'}.`;
}

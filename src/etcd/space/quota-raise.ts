import type { Section } from '../../report/report.ts';
import { formatBytes } from '../../report/text.ts';
import { votersOf } from '../checks.ts';
import type { KnownCluster } from '../member-reference.ts';
import { leaderLast } from '../space-recovery.ts';
import { suggestedQuotaBytes } from '../space-trouble.ts';

/** Twice the quota, up to what etcd suggests at most. */
export function nextQuotaBytes(quotaBytes: number): number {
  return Math.max(quotaBytes, Math.min(quotaBytes * 2, suggestedQuotaBytes));
}

/** How a quota is raised by hand: the setting in each way that etcd takes it, and the order, each restart gated on the health of the last. */
export function quotaRaiseSections(view: KnownCluster, quotaBytes: number): Section[] {
  const bytes = nextQuotaBytes(quotaBytes);
  if (bytes === quotaBytes)
    return [
      {
        kind: 'text',
        title: 'The quota is as large as etcd suggests',
        text: `${formatBytes(quotaBytes)} of quota, and more than 80% of it in use: a larger one makes starts, snapshots and defragmentations slow. Delete what is not needed, or move what is large (in Kubernetes: events into an etcd of their own).`,
      },
    ];
  const order = leaderLast(votersOf(view)).map(({ label }) => label);
  return [
    {
      kind: 'text',
      title: 'Raise the quota, one member at a time',
      text: [
        `More than 80% of ${formatBytes(quotaBytes)} is in use: data that lives. Delete what is not needed, or raise the quota to ${formatBytes(bytes)}, the same on every member; etcd suggests 8 GiB at most.`,
        ...order.map(
          (label, at) =>
            `${at + 1}. ${label}: set it, restart etcd there, and go on only when \`/etcd health\` says that all are healthy.`,
        ),
        `Then set etcd.clusters.${view.seen.cluster}.quotaBytes of the bot to the same.`,
      ].join('\n'),
    },
    {
      kind: 'code',
      title: 'The setting, in ONE of these ways',
      text: [
        '# a flag, as in a systemd unit',
        `--quota-backend-bytes=${bytes}`,
        '# a variable, as in /etc/etcd/etcd.env',
        `ETCD_QUOTA_BACKEND_BYTES=${bytes}`,
        '# a configuration file',
        `quota-backend-bytes: ${bytes}`,
        '# a static pod: below `command:` in /etc/kubernetes/manifests/etcd.yaml; the kubelet restarts it when the file is saved',
        `    - --quota-backend-bytes=${bytes}`,
      ].join('\n'),
    },
  ];
}

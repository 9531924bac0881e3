import type { Command } from '../src/command.ts';
import { etcdAdd } from './etcd/add.ts';
import { etcdAlarms } from './etcd/alarms.ts';
import { etcdCerts } from './etcd/certs.ts';
import { etcdCompact } from './etcd/compact.ts';
import { etcdCompare } from './etcd/compare.ts';
import { etcdConfig } from './etcd/config.ts';
import { etcdDefrag } from './etcd/defrag.ts';
import { etcdDisarm } from './etcd/disarm.ts';
import { etcdExpireEvents } from './etcd/expire-events.ts';
import { etcdHealth } from './etcd/health.ts';
import { etcdKeys } from './etcd/keys.ts';
import { etcdMembers } from './etcd/members.ts';
import { etcdMoveLeader } from './etcd/move-leader.ts';
import { etcdPromote } from './etcd/promote.ts';
import { etcdRecoverSpace } from './etcd/recover-space.ts';
import { etcdRemove } from './etcd/remove.ts';
import { etcdSnapshot } from './etcd/snapshot.ts';
import { etcdSnapshotDrill } from './etcd/snapshot-drill.ts';
import { etcdSnapshotVerify } from './etcd/snapshot-verify.ts';
import { etcdSnapshots } from './etcd/snapshots.ts';
import { etcdSpace } from './etcd/space.ts';
import { oomAsk } from './oom/ask.ts';
import { oomFix } from './oom/fix.ts';
import { oomHeap } from './oom/heap.ts';
import { oomList } from './oom/list.ts';
import { oomRollback } from './oom/rollback.ts';
import { oomSize } from './oom/size.ts';
import { oomWatch } from './oom/watch.ts';
import { oomWatchOff } from './oom/watch-off.ts';
import { oomWatchOn } from './oom/watch-on.ts';
import { oomWhy } from './oom/why.ts';
import { opsApprovals } from './ops/approvals.ts';
import { opsAudit } from './ops/audit.ts';
import { opsCancel } from './ops/cancel.ts';
import { opsChanges } from './ops/changes.ts';
import { opsWhoami } from './ops/whoami.ts';

/** Everything that people may ask: the only registry. Help, the Slack manifest and the documentation are made from it. */
export const commands: readonly Command[] = [
  etcdHealth,
  etcdMembers,
  etcdKeys,
  etcdCompare,
  etcdCerts,
  etcdConfig,
  etcdExpireEvents,
  etcdMoveLeader,
  etcdAdd,
  etcdPromote,
  etcdRemove,
  etcdSpace,
  etcdAlarms,
  etcdRecoverSpace,
  etcdCompact,
  etcdDefrag,
  etcdDisarm,
  etcdSnapshot,
  etcdSnapshots,
  etcdSnapshotVerify,
  etcdSnapshotDrill,
  oomWhy,
  oomFix,
  oomAsk,
  oomRollback,
  oomList,
  oomHeap,
  oomSize,
  oomWatch,
  oomWatchOn,
  oomWatchOff,
  opsApprovals,
  opsChanges,
  opsCancel,
  opsAudit,
  opsWhoami,
];

import type { Command } from '../src/command.ts';
import { etcdHealth } from './etcd/health.ts';
import { etcdMembers } from './etcd/members.ts';
import { oomHeap } from './oom/heap.ts';
import { oomSize } from './oom/size.ts';
import { oomWhy } from './oom/why.ts';

/** Everything that people may ask: the only registry. Help, the Slack manifest and the documentation are made from it. */
export const commands: readonly Command[] = [etcdHealth, etcdMembers, oomWhy, oomHeap, oomSize];

import type { Awareness } from '../jvm/awareness.ts';
import { isAtLeast, type JdkVersion } from '../jvm/version.ts';

/**
 * The CPUs that a JVM counts in a container: the node's where it does not see the container; else the quota, rounded up; else,
 * before JDK-8281181 (19, 17.0.5, 11.0.17), the CPU request as shares of 1024, where 1024 itself means none and no request
 * at all is the kernel's smallest share, one CPU.
 */
export function visibleCpus(
  jdk: JdkVersion,
  awareness: Pick<Awareness, 'assumed' | 'scope'>,
  nodeCpus: number,
  share: { readonly limit: number | undefined; readonly request: number | undefined },
): { readonly cpus: number; readonly why: string } {
  if (!awareness.assumed || awareness.scope === 'heap') return { cpus: nodeCpus, why: 'the node’s CPUs' };
  if (share.limit !== undefined && share.limit > 0)
    return { cpus: Math.min(nodeCpus, Math.ceil(share.limit)), why: `the CPU limit ${share.limit}, rounded up` };
  if (!countsShares(jdk)) return { cpus: nodeCpus, why: 'the node’s CPUs, for there is no CPU limit' };
  const shares = Math.max(2, Math.floor((share.request ?? 0) * 1024));
  if (shares === 1024) return { cpus: nodeCpus, why: 'the node’s CPUs, for there is no CPU limit' };
  return {
    cpus: Math.min(nodeCpus, Math.ceil(shares / 1024)),
    why: `the CPU request ${share.request ?? 'left out'}, which this JDK counts as CPUs`,
  };
}

function countsShares(jdk: JdkVersion): boolean {
  if (jdk.major >= 19) return false;
  if (jdk.major === 17) return isAtLeast(jdk, 17, 5) === false;
  if (jdk.major === 11) return isAtLeast(jdk, 11, 17) === false;
  return true;
}

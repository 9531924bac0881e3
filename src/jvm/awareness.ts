import type { Grade } from '../report/report.ts';
import { type FlagSetting, flagValue } from './flags.ts';
import type { Seen } from './printed-heap.ts';
import { formatJdkVersion, isAtLeast, type JdkVersion } from './version.ts';

export type Cgroup = 'v1' | 'v2';

export type Awareness = {
  /** Whether the JVM sizes itself by the container's limit; null when what is known does not decide it. */
  readonly aware: true | false | null;
  /** One sentence without a full stop. */
  readonly why: string;
  readonly grade: Grade;
  /** The smallest upgrade or flag that mends it; null where nothing needs mending. */
  readonly mend: string | null;
  /** Which of the two to reckon with: what is known, else the likelier one. */
  readonly assumed: boolean;
  /** `heap`: the heap follows the limit, but CPUs and the collector still follow the node. */
  readonly scope: 'all' | 'heap';
};

type AwarenessInput = {
  readonly jdk: JdkVersion;
  /** The flags in effect. */
  readonly flags: readonly FlagSetting[];
  readonly cgroup: Cgroup;
  /** The node's kernel release, `6.18.3-200.fc43.x86_64`; null when unknown. Counts only with cgroup v2. */
  readonly kernel: string | null;
  /** What its log tells of the memory it sees. */
  readonly seen?: Seen;
};

/**
 * Whether this JVM sees its container's memory limit. Sources: run on 8u504, 11.0.24, 11.0.32.1, 17.0.12, 17.0.15, 17.0.20.1,
 * 21.0.12.1, 25, 26, 27; JDK-8230305 (cgroup v2), JDK-8347129 and JDK-8349988 (kernels without v1 controllers);
 * kubernetes.io "About cgroup v2"; corretto-21#135, #143; keycloak#36609.
 */
export function containerAwareness({ seen, ...input }: AwarenessInput): Awareness {
  const reckoned = reckonedAwareness(input);
  if (seen === undefined || reckoned.scope === 'heap') return reckoned;
  if (seen.isAware) return yes(seen.why, 'fact');
  return no(seen.why, 'fact', reckoned.mend ?? 'Set -Xmx.');
}

function reckonedAwareness({ jdk, flags, cgroup, kernel }: AwarenessInput): Awareness {
  const name = `JDK ${formatJdkVersion(jdk)}`;
  if (jdk.vendor === 'openj9') return openJ9(jdk, name, cgroup);
  if (jdk.vendor === 'graalvm-native') return yes('native images read the limit by themselves', 'inferred');
  const hasSupport = isOneOf(jdk, [[8, 191]], 10) ?? null;
  if (hasSupport !== false && flagValue(flags, 'UseContainerSupport') === 'false') {
    const why = '-XX:-UseContainerSupport turns the reading of the limit off';
    return readsOldFlag(flags, cgroup) ?? no(why, 'fact', 'Remove -XX:-UseContainerSupport.');
  }
  if (hasSupport === false) {
    const heapOnly = readsOldFlag(flags, cgroup);
    if (heapOnly) return heapOnly;
    const upgrade = cgroup === 'v1' ? (jdk.major === 8 ? '8u191' : '11') : jdk.major === 8 ? '8u372' : '11.0.16';
    return no(
      `${name} has no container support: it came with 8u191 and 10`,
      'fact',
      `Upgrade to ${upgrade} or later, or set -Xmx.`,
    );
  }
  return cgroup === 'v1' ? onCgroupV1(jdk, name, hasSupport) : onCgroupV2(jdk, name, kernel);
}

/** Semeru reads cgroup v2 from 8.0.382, 11.0.20 and 17.0.8 on, IBM Java from 8.0.8.6 on (kubernetes.io, "About cgroup v2"). */
function openJ9(jdk: JdkVersion, hotspotName: string, cgroup: Cgroup): Awareness {
  const name = `OpenJ9 of ${hotspotName}`;
  const since: Readonly<Record<number, number>> = { 8: 382, 11: 20, 17: 8 };
  const needed = since[jdk.major];
  if (cgroup === 'v1' || (needed === undefined && jdk.major > 17))
    return yes(`${name} reads the limit from cgroup ${cgroup}`, 'inferred');
  const later = jdk.major < 8 ? '8.0.382' : `${jdk.major}.0.${needed ?? 8}`;
  const mend = `Upgrade to ${needed === undefined ? '17.0.8' : later} or later, or set -Xmx.`;
  if (needed === undefined) return no(`${name} cannot read limits from cgroup v2`, 'inferred', mend);
  if (jdk.update === null) return floating(name, later);
  // IBM Java counts service refreshes and fix packs: 8.0.8.6.
  const isIbm = jdk.major === 8 && jdk.update <= 20;
  const reads = isIbm ? jdk.update > 8 || (jdk.update === 8 && (jdk.patch ?? 0) >= 6) : jdk.update >= needed;
  return reads
    ? yes(`${name} reads the limit from cgroup v2`, 'inferred')
    : no(
        `${name} cannot read limits from cgroup v2`,
        'inferred',
        isIbm ? 'Upgrade to 8.0.8.6 or later, or set -Xmx.' : mend,
      );
}

function onCgroupV1(jdk: JdkVersion, name: string, hasSupport: true | null): Awareness {
  if (hasSupport === null) return floating(name, '8u191');
  const fixedBuild = jdk.major === 21 && jdk.update === 9 ? 11 : jdk.major === 25 && jdk.update === 1 ? 9 : null;
  if (fixedBuild === null) return yes(`${name} reads the limit from cgroup v1`, 'fact');
  // The first builds of these two releases misread v1 limits; vendors built them again (corretto-21#135).
  const build = buildNumber(jdk);
  const mend = `Take a build of it from ${fixedBuild} on (java -version tells: +${fixedBuild}), a later update, or set -Xmx.`;
  if (build !== null && build >= fixedBuild)
    return yes(`${name} build ${build} reads the limit from cgroup v1`, 'inferred');
  if (build !== null) return no(`build ${build} of ${name} misreads limits of cgroup v1`, 'inferred', mend);
  return unknown(`the first builds of ${name} misread limits of cgroup v1, and the build is not known`, mend, false);
}

function onCgroupV2(jdk: JdkVersion, name: string, kernel: string | null): Awareness {
  const readsV2 = isOneOf(
    jdk,
    [
      [8, 372],
      [11, 16],
    ],
    15,
  );
  const since = jdk.major === 8 ? '8u372' : '11.0.16';
  if (readsV2 === false) {
    const upgrade = jdk.major === 8 ? '8u372' : jdk.major <= 11 ? '11.0.16' : '15';
    return no(`${name} cannot read limits from cgroup v2`, 'fact', `Upgrade to ${upgrade} or later, or set -Xmx.`);
  }
  if (isKernelWithoutV1(kernel)) return onKernelWithoutV1(jdk, name, kernel ?? '');
  if (readsV2 === null) return floating(name, since);
  return yes(`${name} reads the limit from cgroup v2`, 'fact');
}

/**
 * From 6.12 on kernels are built without the v1 cpuset controller, later ones also without v1 memory, and a JVM that looks for
 * them in /proc/cgroups then takes the node's memory. The kernel's release does not tell how it was built.
 */
function onKernelWithoutV1(jdk: JdkVersion, name: string, kernel: string): Awareness {
  const clause = `on kernel ${kernel}, where /proc/cgroups may lack the v1 controllers`;
  const good: Readonly<Record<number, number>> = { 11: 32, 17: 20, 21: 12 };
  const bad: Readonly<Record<number, number>> = { 11: 24, 17: 15, 21: 6 };
  if (jdk.major >= 25) return yes(`${name} reads the limit on kernel ${kernel}`, 'fact');
  const firstGood = good[jdk.major];
  if (firstGood === undefined) {
    const upgrade = jdk.major === 8 ? 'no JDK 8 is known to read it there: set -Xmx' : 'Upgrade to JDK 25 or set -Xmx';
    const mend = `${upgrade.replace(/^no/, 'No')}, or -XX:MaxRAM.`;
    return no(`${name} takes the node's memory ${clause}`, 'inferred', mend);
  }
  const mend = `Upgrade to ${jdk.major}.0.${firstGood} or later, or set -Xmx.`;
  if (jdk.update === null)
    return unknown(
      `${name} before ${jdk.major}.0.${firstGood} may take the node's memory ${clause}; only the major is known`,
      mend,
      true,
    );
  if (jdk.update >= firstGood) return yes(`${name} reads the limit on kernel ${kernel}`, 'fact');
  if (jdk.update <= (bad[jdk.major] ?? 0)) return no(`${name} takes the node's memory ${clause}`, 'inferred', mend);
  return unknown(`${name} lies between the updates that are known bad and known good ${clause}`, mend, false);
}

/** 8u131 to 8u181 and 9 had an experimental flag that reads one file of cgroup v1, for the heap alone. */
function readsOldFlag(flags: readonly FlagSetting[], cgroup: Cgroup): Awareness | undefined {
  if (flagValue(flags, 'UseCGroupMemoryLimitForHeap') !== 'true') return undefined;
  const flag = '-XX:+UseCGroupMemoryLimitForHeap';
  if (cgroup === 'v2')
    return no(
      `${flag} reads a file that cgroup v2 does not have; it warns and takes the node's memory`,
      'fact',
      'Upgrade to 8u372 or later, or set -Xmx.',
    );
  const why = `${flag} makes the heap follow the limit; CPUs and the choice of collector still follow the node`;
  return { ...yes(why, 'fact'), scope: 'heap' };
}

/** Whether the JDK has what came with the given updates and with every later major; null when only the major is known. */
function isOneOf(jdk: JdkVersion, updates: readonly (readonly [number, number])[], fromMajor: number): boolean | null {
  if (jdk.major >= fromMajor) return true;
  const update = updates.find(([major]) => major === jdk.major);
  return update ? isAtLeast(jdk, update[0], update[1]) : false;
}

function isKernelWithoutV1(kernel: string | null): boolean {
  const match = /^v?(\d{1,3})\.(\d{1,4})/.exec(kernel ?? '');
  if (!match) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > 6 || (major === 6 && minor >= 12);
}

/** 21.0.9+10 → 10; Corretto writes its build as the fourth field: 21.0.9.11.1. */
function buildNumber(jdk: JdkVersion): number | null {
  const match = /^[^\d]*\d+\.0\.\d+(?:\.(\d+)\.\d+|[+_](\d+))/.exec(jdk.text);
  return match ? Number(match[1] ?? match[2]) : null;
}

function yes(why: string, grade: Grade): Awareness {
  return { aware: true, why, grade, mend: null, assumed: true, scope: 'all' };
}

function no(why: string, grade: Grade, mend: string): Awareness {
  return { aware: false, why, grade, mend, assumed: false, scope: 'all' };
}

function unknown(why: string, mend: string, assumed: boolean): Awareness {
  return { aware: null, why, grade: 'unknown', mend, assumed, scope: 'all' };
}

function floating(name: string, since: string): Awareness {
  return unknown(
    `only the major of ${name} is known, and it reads the limit from ${since} on; tags without an update float to the newest`,
    `Name the update; make sure that it is ${since} or later.`,
    true,
  );
}

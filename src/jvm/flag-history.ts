import { isAtLeast, type JdkVersion } from './version.ts';

/** What a JVM does with a flag: takes it, takes it only unlocked, ignores it with a warning, or refuses to start. */
export type FlagState = 'accepted' | 'experimental' | 'ignored' | 'unrecognized';
export type FlagKind = 'switch' | 'size' | 'percentage' | 'fraction' | 'count' | 'text';

type History = {
  readonly kind: FlagKind;
  readonly since?: readonly [major: number, update: number];
  /** Releases after the first that lack it: 9 lacks what came to 8 later. */
  readonly absentIn?: readonly number[];
  /** The first and the last release in which it must be unlocked. */
  readonly experimental?: readonly [from: number, until: number];
  /** The first release that warns and ignores it. */
  readonly ignoredFrom?: number;
  /** The first release that does not start with it. */
  readonly goneFrom?: number;
};

const always = (kind: FlagKind): History => ({ kind });
const withContainerSupport = (kind: FlagKind): History => ({ kind, since: [8, 191], absentIn: [9] });
const cms = (kind: FlagKind): History => ({ kind, ignoredFrom: 14, goneFrom: 15 });
const oldGcLog = (kind: FlagKind): History => ({ kind, goneFrom: 9 });

/**
 * The flags that decide about memory, and those that keep a JVM from starting after an upgrade.
 * Sources: run on 8, 11, 17, 21, 25, 26, 27; openjdk/jdk src/hotspot/share/runtime/arguments.cpp, special_jvm_flags; JEP 363, 366, 374.
 */
const histories: Readonly<Record<string, History>> = {
  MaxHeapSize: always('size'),
  InitialHeapSize: always('size'),
  MinHeapSize: { kind: 'size', since: [13, 0] },
  NewSize: always('size'),
  MaxNewSize: always('size'),
  OldSize: { kind: 'size', ignoredFrom: 24, goneFrom: 25 },
  MetaspaceSize: always('size'),
  MaxMetaspaceSize: always('size'),
  CompressedClassSpaceSize: always('size'),
  MaxDirectMemorySize: always('size'),
  ReservedCodeCacheSize: always('size'),
  InitialCodeCacheSize: always('size'),
  ErgoHeapSizeLimit: always('size'),
  HeapBaseMinAddress: always('size'),
  G1HeapRegionSize: always('size'),
  SoftMaxHeapSize: { kind: 'size', since: [13, 0] },
  ThreadStackSize: always('count'),
  NewRatio: always('count'),
  SurvivorRatio: always('count'),
  ObjectAlignmentInBytes: always('count'),
  ParallelGCThreads: always('count'),
  ConcGCThreads: always('count'),
  MaxRAM: { kind: 'size', ignoredFrom: 27 },
  MaxRAMPercentage: withContainerSupport('percentage'),
  MinRAMPercentage: withContainerSupport('percentage'),
  InitialRAMPercentage: withContainerSupport('percentage'),
  MaxRAMFraction: { kind: 'fraction', goneFrom: 25 },
  MinRAMFraction: { kind: 'fraction', goneFrom: 25 },
  InitialRAMFraction: { kind: 'fraction', goneFrom: 25 },
  ActiveProcessorCount: withContainerSupport('count'),
  UseContainerSupport: withContainerSupport('switch'),
  PreferContainerQuotaForCPUCount: { kind: 'switch', since: [8, 191], absentIn: [9], ignoredFrom: 20, goneFrom: 21 },
  UseContainerCpuShares: { kind: 'switch', ignoredFrom: 20, goneFrom: 21 },
  UseCGroupMemoryLimitForHeap: { kind: 'switch', since: [8, 131], experimental: [8, 10], goneFrom: 11 },
  AggressiveHeap: { kind: 'switch', ignoredFrom: 27 },
  UseCompressedOops: always('switch'),
  UseSerialGC: always('switch'),
  UseParallelGC: always('switch'),
  UseParallelOldGC: { kind: 'switch', ignoredFrom: 15, goneFrom: 16 },
  UseG1GC: always('switch'),
  UseConcMarkSweepGC: cms('switch'),
  UseParNewGC: { kind: 'switch', goneFrom: 10 },
  UseZGC: { kind: 'switch', since: [11, 0], experimental: [11, 14] },
  ZGenerational: { kind: 'switch', since: [21, 0], ignoredFrom: 24, goneFrom: 26 },
  UseShenandoahGC: { kind: 'switch', since: [8, 0], absentIn: [9, 10], experimental: [12, 14] },
  ShenandoahRegionSize: { kind: 'size', since: [11, 0], experimental: [11, 99] },
  UseEpsilonGC: { kind: 'switch', since: [11, 0], experimental: [11, 99] },
  UseCompactObjectHeaders: { kind: 'switch', since: [24, 0], experimental: [24, 24] },
  AlwaysActAsServerClassMachine: always('switch'),
  NeverActAsServerClassMachine: always('switch'),
  UnlockExperimentalVMOptions: always('switch'),
  UnlockDiagnosticVMOptions: always('switch'),
  IgnoreUnrecognizedVMOptions: always('switch'),
  AlwaysPreTouch: always('switch'),
  ExitOnOutOfMemoryError: { kind: 'switch', since: [8, 92] },
  CrashOnOutOfMemoryError: { kind: 'switch', since: [8, 92] },
  HeapDumpOnOutOfMemoryError: always('switch'),
  HeapDumpPath: always('text'),
  VMOptionsFile: { kind: 'text', since: [9, 0] },
  PermSize: { kind: 'size', ignoredFrom: 8, goneFrom: 17 },
  MaxPermSize: { kind: 'size', ignoredFrom: 8, goneFrom: 17 },
  AggressiveOpts: { kind: 'switch', ignoredFrom: 12, goneFrom: 13 },
  UseBiasedLocking: { kind: 'switch', ignoredFrom: 18, goneFrom: 19 },
  BiasedLockingStartupDelay: { kind: 'count', ignoredFrom: 18, goneFrom: 19 },
  UnlockCommercialFeatures: { kind: 'switch', goneFrom: 11 },
  CMSInitiatingOccupancyFraction: cms('count'),
  UseCMSInitiatingOccupancyOnly: cms('switch'),
  CMSClassUnloadingEnabled: cms('switch'),
  CMSParallelRemarkEnabled: cms('switch'),
  CMSScavengeBeforeRemark: cms('switch'),
  PrintGCDateStamps: oldGcLog('switch'),
  PrintGCTimeStamps: oldGcLog('switch'),
  PrintTenuringDistribution: oldGcLog('switch'),
  PrintHeapAtGC: oldGcLog('switch'),
  PrintGCApplicationStoppedTime: oldGcLog('switch'),
  UseGCLogFileRotation: oldGcLog('switch'),
  NumberOfGCLogFiles: oldGcLog('count'),
  GCLogFileSize: oldGcLog('size'),
};

/** The names above: what a mistyped flag may have meant. */
export const knownFlags: readonly string[] = Object.keys(histories);

/** What kind of value a flag takes; undefined for flags that are not in the table, whose values nobody checks here. */
export function flagKind(name: string): FlagKind | undefined {
  return histories[name]?.kind;
}

/** What this JDK does with the flag. A flag that is not in the table is taken to be accepted. */
export function flagState(name: string, jdk: JdkVersion): FlagState {
  const history = histories[name];
  if (!history) return 'accepted';
  // Where only the major is known the newest update is assumed: tags without an update float to it.
  const isOlder = history.since !== undefined && isAtLeast(jdk, history.since[0], history.since[1]) === false;
  if (isOlder || history.absentIn?.includes(jdk.major)) return 'unrecognized';
  if (history.goneFrom !== undefined && jdk.major >= history.goneFrom) return 'unrecognized';
  if (history.ignoredFrom !== undefined && jdk.major >= history.ignoredFrom) return 'ignored';
  const [from, until] = history.experimental ?? [1, 0];
  return jdk.major >= from && jdk.major <= until ? 'experimental' : 'accepted';
}

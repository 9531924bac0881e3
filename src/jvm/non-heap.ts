import type { Collector } from './collector.ts';
import { type FlagSetting, flagText, flagValue } from './flags.ts';
import type { Arithmetic } from './heap.ts';
import { parseMemorySize } from './option-value.ts';

/** What a JVM needs beside its heap. Profiles and factors: measured with native memory tracking on JDK 17 and checked in real cgroups. */

const mebi = 1024 ** 2;

type Profile = {
  readonly name: string;
  readonly base: number;
  readonly metaspace: number;
  readonly code: number;
  readonly threads: number;
  readonly direct: number;
};

const small: Profile = { name: 'small', base: 32, metaspace: 32, code: 16, threads: 25, direct: 4 };
const standard: Profile = { name: 'standard', base: 40, metaspace: 64, code: 40, threads: 50, direct: 16 };
const large: Profile = { name: 'large', base: 64, metaspace: 128, code: 96, threads: 200, direct: 64 };

/** A thread touches a quarter of its stack's megabyte at most (measured: 96 KiB idle). */
const threadBytes = 0.25 * mebi;

export type NonHeap = {
  readonly bytes: number;
  readonly parts: readonly Arithmetic[];
  /** The part for direct memory, bytes: what -XX:MaxDirectMemorySize should say. */
  readonly directBytes: number;
};

/** What to reckon with beside the heap at this limit; a flag that bounds a part replaces it. */
export function estimateNonHeap(limitBytes: number, flags: readonly FlagSetting[]): NonHeap {
  const limitMebi = limitBytes / mebi;
  const profile = limitMebi <= 256 ? small : limitMebi < 4096 ? standard : large;
  const bounded = (name: string, part: string, assumedMebi: number): Arithmetic => {
    const set = flags.findLast((flag) => flag.name === name);
    const bytes = parseMemorySize(set?.value ?? '', 17);
    // MaxDirectMemorySize=0 means "as large as the heap", which bounds nothing.
    return set !== undefined && bytes !== undefined && bytes > 0
      ? { name: part, bytes, why: flagText(set) }
      : { name: part, bytes: assumedMebi * mebi, why: `${profile.name} profile` };
  };
  const direct = bounded('MaxDirectMemorySize', 'Direct memory', profile.direct);
  const parts: readonly Arithmetic[] = [
    { name: 'JVM itself', bytes: profile.base * mebi, why: `${profile.name} profile` },
    bounded('MaxMetaspaceSize', 'Metaspace', profile.metaspace),
    bounded('ReservedCodeCacheSize', 'Compiled code', profile.code),
    { name: 'Threads', bytes: profile.threads * threadBytes, why: `${profile.threads} threads of 0.25 MiB` },
    direct,
  ];
  return { bytes: parts.reduce((sum, part) => sum + part.bytes, 0), parts, directBytes: direct.bytes };
}

/** What a collector needs for itself: a fixed part, and a share of the heap. */
export type CollectorCost = { readonly fixedBytes: number; readonly perHeapByte: number };

const costs: Readonly<Record<Collector, CollectorCost>> = {
  Serial: { fixedBytes: 0, perHeapByte: 0.0034 },
  Parallel: { fixedBytes: 10 * mebi, perHeapByte: 0.037 },
  // Not measured: taken to need what Parallel needs.
  CMS: { fixedBytes: 10 * mebi, perHeapByte: 0.037 },
  G1: { fixedBytes: 38 * mebi, perHeapByte: 0.04 },
  Shenandoah: { fixedBytes: 2 * mebi, perHeapByte: 0.032 },
  Z: { fixedBytes: 64 * mebi, perHeapByte: 0 },
};

export function collectorCost(gc: Collector): CollectorCost {
  return costs[gc];
}

/** Whether direct memory is already bounded by a flag. */
export function isDirectBounded(flags: readonly FlagSetting[]): boolean {
  return (parseMemorySize(flagValue(flags, 'MaxDirectMemorySize') ?? '', 17) ?? 0) > 0;
}

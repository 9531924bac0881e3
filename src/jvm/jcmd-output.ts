/** What a JVM answers to jcmd: parsers of its own texts, JDK 8 to 25. Sizes in bytes. */

const units: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  K: 1024,
  KB: 1024,
  M: 1024 ** 2,
  MB: 1024 ** 2,
  G: 1024 ** 3,
  GB: 1024 ** 3,
};

function sizeOf(digits: string | undefined, unit: string | undefined): number {
  return Number(digits ?? Number.NaN) * (units[unit ?? ''] ?? 1);
}

/** The flags of `VM.flags` that decide about memory. */
export type VmFlags = {
  readonly maxHeapBytes: number | undefined;
  readonly initialHeapBytes: number | undefined;
  readonly reservedCodeCacheBytes: number | undefined;
  readonly maxMetaspaceBytes: number | undefined;
  readonly maxDirectMemoryBytes: number | undefined;
  /** `G1` of `-XX:+UseG1GC`. */
  readonly collector: string | undefined;
  /** All of them, as they are printed. */
  readonly words: readonly string[];
};

/** undefined where the text is no answer to `VM.flags`. */
export function parseVmFlags(text: string): VmFlags | undefined {
  const words = text.split(/\s+/).filter((word) => word.startsWith('-XX:'));
  if (words.length === 0) return undefined;
  const size = (name: string): number | undefined => {
    const written = words.map((word) => new RegExp(`^-XX:${name}=(\\d{1,19})$`).exec(word)?.[1]).find((value) => value);
    return written === undefined ? undefined : Number(written);
  };
  return {
    maxHeapBytes: size('MaxHeapSize'),
    initialHeapBytes: size('InitialHeapSize'),
    reservedCodeCacheBytes: size('ReservedCodeCacheSize'),
    maxMetaspaceBytes: size('MaxMetaspaceSize'),
    maxDirectMemoryBytes: size('MaxDirectMemorySize'),
    collector: words.map((word) => /^-XX:\+Use(\w+?)GC$/.exec(word)?.[1]).find((name) => name),
    words,
  };
}

export type HeapInfo = {
  readonly usedBytes: number;
  /** What the heap holds of memory now, used or not. */
  readonly committedBytes: number;
  readonly metaspaceUsedBytes: number | undefined;
};

/**
 * `GC.heap_info`, by collector: one line for G1, ZGC and Shenandoah, one for each generation else. JDK 8 has no such command; JDK 25 tells no
 * metaspace in it. undefined where the text is none.
 */
export function parseHeapInfo(text: string): HeapInfo | undefined {
  const metaspace = /^\s*Metaspace\s+used (\d+)([KMG]?)/m.exec(text);
  const metaspaceUsedBytes = metaspace === null ? undefined : sizeOf(metaspace[1], metaspace[2]);
  const g1 =
    /garbage-first heap\s+total (?:reserved \d+[KMG]?, committed )?(\d+)([KMG]?), used (\d+)([KMG]?)/.exec(text) ??
    undefined;
  if (g1 !== undefined)
    return { committedBytes: sizeOf(g1[1], g1[2]), usedBytes: sizeOf(g1[3], g1[4]), metaspaceUsedBytes };
  const z = /ZHeap\s+used (\d+)([KMG]?), capacity (\d+)([KMG]?)/.exec(text);
  if (z !== null) return { usedBytes: sizeOf(z[1], z[2]), committedBytes: sizeOf(z[3], z[4]), metaspaceUsedBytes };
  const shenandoah = /Shenandoah Heap[\s\S]{0,200}?(\d+)([KMG]?) committed, (\d+)([KMG]?) used/.exec(text);
  if (shenandoah !== null)
    return {
      committedBytes: sizeOf(shenandoah[1], shenandoah[2]),
      usedBytes: sizeOf(shenandoah[3], shenandoah[4]),
      metaspaceUsedBytes,
    };
  const generation =
    /^\s*(?:def new generation|tenured generation|DefNew|Tenured|PSYoungGen|ParOldGen|PSOldGen|par new generation|concurrent mark-sweep generation)\s+total (\d+)([KMG]?), used (\d+)([KMG]?)/gm;
  const generations = [...text.matchAll(generation)];
  if (generations.length === 0) return undefined;
  const sum = (amounts: readonly number[]) => amounts.reduce((total, amount) => total + amount, 0);
  return {
    committedBytes: sum(generations.map((match) => sizeOf(match[1], match[2]))),
    usedBytes: sum(generations.map((match) => sizeOf(match[3], match[4]))),
    metaspaceUsedBytes,
  };
}

export type MemoryArea = { readonly name: string; readonly reservedBytes: number; readonly committedBytes: number };

export type NativeMemory =
  /** The JVM was started without -XX:NativeMemoryTracking. */
  | { readonly kind: 'off' }
  | {
      readonly kind: 'on';
      readonly reservedBytes: number;
      readonly committedBytes: number;
      /** The largest first, by what is committed. */
      readonly areas: readonly MemoryArea[];
    };

/** `VM.native_memory summary`. undefined where the text is none. */
export function parseNativeMemory(text: string): NativeMemory | undefined {
  if (/Native memory tracking is not enabled/i.test(text)) return { kind: 'off' };
  const total = /^Total:\s+reserved=(\d+)([KMG]?B),\s+committed=(\d+)([KMG]?B)/m.exec(text);
  if (total === null) return undefined;
  const areas = [...text.matchAll(/^-\s+(\S[^(\n]{0,60}?)\s+\(reserved=(\d+)([KMG]?B),\s+committed=(\d+)([KMG]?B)/gm)];
  return {
    kind: 'on',
    reservedBytes: sizeOf(total[1], total[2]),
    committedBytes: sizeOf(total[3], total[4]),
    areas: areas
      .map(([, name = '', reserved, reservedUnit, committed, committedUnit]) => ({
        name,
        reservedBytes: sizeOf(reserved, reservedUnit),
        committedBytes: sizeOf(committed, committedUnit),
      }))
      .sort((a, b) => b.committedBytes - a.committedBytes),
  };
}

/** The next question may be one that it has. */
export const noSuchCommand = 'this JDK has no such command';

/** Why jcmd was of no use, from what it printed; undefined where that does not tell. */
export function jcmdTrouble(text: string): string | undefined {
  if (/Unknown diagnostic command/i.test(text)) return noSuchCommand;
  if (/AttachNotSupportedException|well-known file|DisableAttachMechanism|Unable to open socket file/i.test(text))
    return 'the JVM lets nobody attach: another user, -XX:+DisableAttachMechanism, or it hangs';
  if (/Operation not permitted|Permission denied/i.test(text)) return 'the user of the container may not attach to it';
  if (/Read-only file system/i.test(text)) return 'its /tmp is read-only, and jcmd attaches by a socket there';
  if (/No such process/i.test(text)) return 'the process is gone';
  if (/Could not create the Java Virtual Machine|Could not reserve enough space|insufficient memory/i.test(text))
    return 'jcmd itself could not start';
  return undefined;
}

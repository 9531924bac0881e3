/** What a JVM itself printed about its heap and its memory: a fact, which beats any arithmetic. */

const mebi = 1024 ** 2;

export type PrintedHeap = {
  readonly maxHeapBytes: number;
  /** Undefined where the line tells of the largest heap alone. */
  readonly initialHeapBytes: number | undefined;
  /** The line that tells it. */
  readonly line: string;
};

const units: Readonly<Record<string, number>> = { B: 1, K: 1024, M: mebi, G: 1024 ** 3 };

/**
 * The largest heap that a log tells: `MaxHeapSize := 134217728` (8) or `MaxHeapSize = 132120576 {product} {ergonomic}` (9 and
 * later) of -XX:+PrintFlagsFinal and hs_err, or `Heap Max Capacity: 128M` of -Xlog:gc+init. Left aside, for they do not tell it
 * exactly: -XX:+PrintCommandLineFlags and the head of an old gc log (before rounding), -XshowSettings (less one survivor space).
 */
export function printedHeap(log: string): PrintedHeap | undefined {
  let initialHeapBytes: number | undefined;
  let found: { bytes: number; line: string } | undefined;
  for (const full of log.split('\n')) {
    const line = full.length > 1000 ? full.slice(0, 1000) : full;
    const flag = /^\s*(?:size_t|uintx)\s+(Initial|Max)HeapSize\s+:?=\s+(\d{1,15})\b/.exec(line);
    const capacity = /\[gc,init\s*\] Heap (Initial|Max) Capacity: (\d{1,12})([BKMG])\b/.exec(line);
    const which = flag?.[1] ?? capacity?.[1];
    const bytes = Number(flag?.[2] ?? capacity?.[2]) * (units[capacity?.[3] ?? 'B'] ?? 1);
    if (which === 'Initial') initialHeapBytes ??= bytes;
    if (which === 'Max') found ??= { bytes, line: line.trim() };
  }
  return found === undefined ? undefined : { maxHeapBytes: found.bytes, initialHeapBytes, line: found.line };
}

/**
 * The memory that a JVM took for its machine's, in whole MiB as it prints it: `Memory: 24105M` of -Xlog:gc+init, `Memory: 4k page,
 * physical 24684084k(…)` of a gc log of 8. Equal to the node and not to the limit, it does not see its container.
 */
export function printedMemory(log: string): { readonly mebibytes: number; readonly line: string } | undefined {
  for (const full of log.split('\n')) {
    const line = full.length > 1000 ? full.slice(0, 1000) : full;
    const modern = /\[gc,init\s*\] Memory: (\d{1,12})([KMG])\b/.exec(line);
    const old = /^Memory: \d+k page, physical (\d{1,15})k\(/.exec(line);
    const bytes =
      old === null ? Number(modern?.[1]) * (units[modern?.[2] ?? 'B'] ?? 1) : Number(old[1] ?? Number.NaN) * 1024;
    if (Number.isFinite(bytes)) return { mebibytes: Math.floor(bytes / mebi), line: line.trim() };
  }
  return undefined;
}

/** Whether that memory is the container's or the node's; undefined where it is neither, or both are the same. */
export function seenMemory(log: string, limitBytes: number, nodeBytes: number): Seen | undefined {
  const printed = printedMemory(log);
  if (printed === undefined) return undefined;
  const [limit, node] = [limitBytes, nodeBytes].map((bytes) => Math.floor(bytes / mebi));
  if (limit === node || (printed.mebibytes !== limit && printed.mebibytes !== node)) return undefined;
  const isAware = printed.mebibytes === limit;
  return {
    isAware,
    why: `its log tells the memory of the ${isAware ? 'container' : 'node'}: ${printed.line.slice(-60)}`,
  };
}

/** What the log says about the memory that the JVM sees. */
export type Seen = {
  readonly isAware: boolean;
  /** A clause. */
  readonly why: string;
};

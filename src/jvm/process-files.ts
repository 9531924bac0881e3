/** What the kernel tells of a process and of its cgroup, as text files. Sizes in bytes. */

export type ProcessStatus = {
  readonly name: string;
  /** In memory now. */
  readonly rssBytes: number | undefined;
  /** Of that, what is backed by no file: heap, metaspace, stacks, buffers. */
  readonly anonymousBytes: number | undefined;
  readonly peakRssBytes: number | undefined;
  readonly swapBytes: number | undefined;
  readonly threads: number | undefined;
  /** Real user id. */
  readonly userId: number | undefined;
  /** Whether it catches SIGQUIT: one that does not is ended by it (a JVM under -Xrs). Undefined where it is not told. */
  readonly catchesQuit: boolean | undefined;
};

/** `/proc/<pid>/status` (proc_pid_status(5)). undefined where the text is none. */
export function parseProcessStatus(text: string): ProcessStatus | undefined {
  const name = field(text, 'Name');
  if (name === undefined) return undefined;
  const caught = field(text, 'SigCgt');
  const user = /^\d+/.exec(field(text, 'Uid') ?? '')?.[0];
  return {
    name,
    rssBytes: kilobytes(text, 'VmRSS'),
    anonymousBytes: kilobytes(text, 'RssAnon'),
    peakRssBytes: kilobytes(text, 'VmHWM'),
    swapBytes: kilobytes(text, 'VmSwap'),
    threads: whole(field(text, 'Threads')),
    userId: whole(user),
    // Signal n is bit n - 1; SIGQUIT is 3.
    catchesQuit: caught === undefined || !/^[0-9a-f]{1,16}$/.test(caught) ? undefined : /[4-7c-f]$/.test(caught),
  };
}

/** The start time in clock ticks since boot: with the pid it names one process. Field 22 of proc_pid_stat(5); the name may hold anything. */
export function startTicksIn(stat: string): string | undefined {
  const rest = stat.slice(stat.lastIndexOf(')') + 1).trim();
  const ticks = rest.split(/\s+/)[19];
  return ticks !== undefined && /^\d{1,20}$/.test(ticks) ? ticks : undefined;
}

export type ProcessLimits = { readonly openFiles: string | undefined; readonly processes: string | undefined };

/** The soft limits of `/proc/<pid>/limits`. */
export function parseLimits(text: string): ProcessLimits {
  const soft = (name: string) => new RegExp(`^${name}\\s+(\\d{1,20}|unlimited)\\b`, 'm').exec(text)?.[1];
  return { openFiles: soft('Max open files'), processes: soft('Max processes') };
}

/** The words of `/proc/<pid>/cmdline`: NUL ends each. */
export function commandWords(cmdline: string): string[] {
  return cmdline
    .replace(/\0+\n?$/, '')
    .split('\0')
    .filter((word, index) => word !== '' || index > 0);
}

export type CgroupMemory = {
  readonly currentBytes: number | undefined;
  /** Undefined: unlimited, or not told. */
  readonly limitBytes: number | undefined;
  readonly peakBytes: number | undefined;
  /** Processes that the kernel killed for this limit. */
  readonly oomKills: number | undefined;
  /** What is in use and cannot be dropped at once: current less inactive file pages, as the kubelet reckons it. */
  readonly workingSetBytes: number | undefined;
};

/** What v1 writes for no limit: the largest whole number of pages. */
const unlimitedBytes = 2 ** 62;

/** From the files of a cgroup's memory, by their names, v1 or v2. */
export function cgroupMemory(files: Readonly<Record<string, string>>): CgroupMemory {
  const read = (...names: readonly string[]) =>
    names.map((name) => whole(files[name]?.trim())).find((value) => value !== undefined);
  const currentBytes = read('memory.current', 'memory.usage_in_bytes');
  const limitBytes = read('memory.max', 'memory.limit_in_bytes');
  const stat = files['memory.stat'] ?? '';
  const inactive = whole(
    /^(?:total_inactive_file) (\d+)$/m.exec(stat)?.[1] ?? /^inactive_file (\d+)$/m.exec(stat)?.[1],
  );
  const events = files['memory.events'] ?? files['memory.oom_control'] ?? '';
  return {
    currentBytes,
    limitBytes: limitBytes === undefined || limitBytes >= unlimitedBytes ? undefined : limitBytes,
    peakBytes: read('memory.peak', 'memory.max_usage_in_bytes'),
    oomKills: whole(/^oom_kill (\d+)$/m.exec(events)?.[1]),
    workingSetBytes: currentBytes === undefined ? undefined : Math.max(0, currentBytes - (inactive ?? 0)),
  };
}

function field(text: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(\\S[^\\n]*)$`, 'm').exec(text)?.[1]?.trim();
}

function kilobytes(text: string, name: string): number | undefined {
  const amount = whole(/^(\d+) kB$/.exec(field(text, name) ?? '')?.[1]);
  return amount === undefined ? undefined : amount * 1024;
}

function whole(digits: string | undefined): number | undefined {
  return digits !== undefined && /^\d{1,19}$/.test(digits) ? Number(digits) : undefined;
}

/** A thread dump as a JVM writes it into its log at SIGQUIT. */
export type ThreadDump = {
  /** What tells it from another: its lines up to the first thread. */
  readonly head: string;
  readonly threads: number;
  /** How many threads are in each state, the most first. */
  readonly states: readonly (readonly [string, number])[];
  readonly hasDeadlock: boolean;
  /** Whether its end is there too. */
  readonly isWhole: boolean;
  readonly text: string;
};

/** The last dump in a log; undefined where there is none. */
export function lastThreadDump(log: string): ThreadDump | undefined {
  const at = log.lastIndexOf('\nFull thread dump ');
  const start = at >= 0 ? log.lastIndexOf('\n', at - 1) + 1 : log.startsWith('Full thread dump ') ? 0 : undefined;
  if (start === undefined) return undefined;
  const rest = log.slice(start);
  const text = rest.slice(0, endOf(rest));
  const states = new Map<string, number>();
  for (const [, state = ''] of text.matchAll(/^\s+java\.lang\.Thread\.State: ([A-Z_]+)/gm))
    states.set(state, (states.get(state) ?? 0) + 1);
  const first = text.search(/^"/m);
  return {
    head: text.slice(0, first < 0 ? 400 : Math.min(first, 400)),
    threads: [...text.matchAll(/^"[^\n]*" (?:#\d+ |.*\btid=)/gm)].length,
    states: [...states].sort((a, b) => b[1] - a[1]),
    hasDeadlock: /^Found (?:one|\d+) Java-level deadlock/m.test(text),
    isWhole: /^JNI global ref(?:erence)?s:/m.test(text),
    text,
  };
}

/** The heap's summary comes last; what the program writes afterwards is its own. */
function endOf(rest: string): number {
  const references = /^JNI global ref(?:erence)?s:[^\n]*\n?/m.exec(rest);
  if (references === null) return rest.length;
  const after = references.index + references[0].length;
  const deadlock = /^Found (?:one|\d+) Java-level deadlock[\s\S]*?^Found \d+ deadlocks?\.\n?/m.exec(rest.slice(after));
  const heap =
    /^\s*\n?Heap\n(?:[ \t]+[^\n]*\n?|(?:garbage|PS|Par|Def|Tenured|ZHeap|Shenandoah|Metaspace)[^\n]*\n?)+/m.exec(
      rest.slice(after),
    );
  const ends = [deadlock, heap].flatMap((match) => (match === null ? [] : [after + match.index + match[0].length]));
  return Math.max(after, ...ends);
}

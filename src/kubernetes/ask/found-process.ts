import { type ProcessStatus, parseProcessStatus, startTicksIn } from '../../jvm/process-files.ts';
import { partsOf } from './scripts.ts';

/** A java process in a container, as it was found. */
export type FoundProcess = {
  readonly pid: number;
  readonly startTicks: string;
  readonly comm: string;
  readonly exe: string | undefined;
  readonly jcmd: string | undefined;
  readonly status: ProcessStatus | undefined;
};

export type Found = {
  /** The largest first. */
  readonly processes: readonly FoundProcess[];
  /** How many java processes are another container's, or the node's. */
  readonly foreign: number;
};

/**
 * The java processes of this container, from the output of the search. Where containers or the node share their processes, only those in the
 * container's own cgroup are its own; what cannot be told apart is not.
 * @param visible whose processes can be seen from here
 */
export function foundProcesses(output: string, visible: 'own' | 'shared'): Found {
  const parts = partsOf(output);
  const self = parts.find(({ mark }) => mark === 'self')?.text.trim() ?? '';
  const tools = (parts.find(({ mark }) => mark === 'tools')?.text ?? '').split('\n').map((line) => line.trim());
  const anyJcmd = tools.find((line) => /^\/[^\s]{1,200}\/jcmd$/.test(line));
  const groups: (typeof parts)[] = [];
  for (const part of parts) {
    if (part.mark === 'process') groups.push([part]);
    else if (part.mark === 'tools') break;
    else groups.at(-1)?.push(part);
  }
  const processes: FoundProcess[] = [];
  let foreign = 0;
  for (const group of groups) {
    const word = (mark: string) => group.find((part) => part.mark === mark)?.word ?? '';
    const text = (mark: string) => group.find((part) => part.mark === mark)?.text ?? '';
    const pid = /^\d{1,9}$/.test(word('process')) ? Number(word('process')) : undefined;
    const startTicks = startTicksIn(text('stat'));
    if (pid === undefined || startTicks === undefined) continue;
    const cgroup = text('cgroup').trim();
    const isOwn = cgroup === self && cgroup !== '';
    if (!isOwn && visible === 'shared') {
      foreign += 1;
      continue;
    }
    const exe = word('exe').replace(/ \(deleted\)$/, '');
    processes.push({
      pid,
      startTicks,
      comm: word('comm'),
      exe: exe === '' ? undefined : exe,
      jcmd: word('jcmd') || anyJcmd,
      status: parseProcessStatus(text('status')),
    });
  }
  const rss = ({ status }: FoundProcess) => status?.rssBytes ?? 0;
  return { processes: processes.sort((a, b) => rss(b) - rss(a) || a.pid - b.pid), foreign };
}

/** Attaching sends SIGQUIT, which ends whatever does not catch it: only what is java, and catches it, may be asked. */
export function mayBeSignalled({ comm, exe, status }: Pick<FoundProcess, 'comm' | 'exe' | 'status'>): boolean {
  return (comm === 'java' || /\/java$/.test(exe ?? '')) && status?.catchesQuit === true;
}

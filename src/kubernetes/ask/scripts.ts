/**
 * All that is ever run in a container. What varies is handed over as arguments, never written into a script. No environment of a process is
 * read. jcmd attaches by a socket in /tmp, which it leaves there; nothing else is written.
 */

const mark = '@@';

/**
 * Every process that is java by its name or its program, with what the kernel tells of it; which cgroup the container itself is in; and where
 * jcmd is, found without starting it. `read` is the shell's own: hundreds of processes cost no hundreds of programs.
 */
const findScript = `
echo '${mark}self'
cat /proc/self/cgroup 2>/dev/null
n=0
for d in /proc/[0-9]*; do
  c=
  { read -r c < "$d/comm"; } 2>/dev/null || continue
  e=
  [ "$c" = java ] || { e=$(readlink "$d/exe" 2>/dev/null); case "$e" in */java) ;; *) continue ;; esac; }
  [ -n "$e" ] || e=$(readlink "$d/exe" 2>/dev/null)
  n=$((n + 1))
  [ "$n" -gt 64 ] && break
  echo "${mark}process \${d##*/}"
  echo "${mark}comm $c"
  echo "${mark}exe $e"
  for j in "\${e%/*}/jcmd" "\${e%/*}/../../bin/jcmd"; do
    [ -n "$e" ] && [ -x "$j" ] && { echo "${mark}jcmd $j"; break; }
  done
  echo "${mark}cgroup"
  cat "$d/cgroup" 2>/dev/null
  echo "${mark}status"
  cat "$d/status" 2>/dev/null
  echo "${mark}stat"
  cat "$d/stat" 2>/dev/null
done
echo '${mark}tools'
[ -n "$JAVA_HOME" ] && [ -x "$JAVA_HOME/bin/jcmd" ] && echo "$JAVA_HOME/bin/jcmd"
command -v jcmd
exit 0
`;

const cgroupFolders = ['/sys/fs/cgroup', '/sys/fs/cgroup/memory'];
/** v2, then v1. */
export const cgroupFiles = [
  'memory.current',
  'memory.max',
  'memory.peak',
  'memory.events',
  'memory.stat',
  'memory.usage_in_bytes',
  'memory.limit_in_bytes',
  'memory.max_usage_in_bytes',
  'memory.oom_control',
] as const;
const cgroupPaths = cgroupFolders.flatMap((folder) => cgroupFiles.map((file) => `${folder}/${file}`));

/** The command line comes last: what it holds can be taken for nothing else. */
const readScript = `
for f in "$@"; do
  [ -r "$f" ] || continue
  echo "${mark}file $f"
  cat "$f" 2>/dev/null
  echo
done
exit 0
`;

/** Whether pid $1, started at tick $2, is still that process: pids are used again. */
const sameProcess = `
ticks() { shift 19; echo "$1"; }
s=
{ read -r s < "/proc/$1/stat"; } 2>/dev/null || exit 90
[ "$(ticks \${s##*) })" = "$2" ] || exit 90
`;

/**
 * One question to one JVM. The variables are cleared for this program alone: what they ask for (a heap of half a gigabyte, an agent, a debug
 * port) would be given to jcmd too. Its own heap is bounded, and it is ended where there is a program for that. An old busybox takes other
 * arguments for timeout, so that it is tried first.
 */
const jcmdScript = `${sameProcess}
p=$1
j=$3
shift 3
unset JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS OPENJ9_JAVA_OPTIONS IBM_JAVA_OPTIONS
t=
timeout 5 true 2>/dev/null && t='timeout 15'
exec $t "$j" -J-Xms4m -J-Xmx24m -J-XX:+UseSerialGC -J-XX:TieredStopAtLevel=1 -J-XX:-UsePerfData "$p" "$@"
`;

const quitScript = `${sameProcess}
c=
{ read -r c < "/proc/$1/comm"; } 2>/dev/null
[ "$c" = java ] || case "$(readlink "/proc/$1/exe" 2>/dev/null)" in */java) ;; *) exit 91 ;; esac
kill -3 "$1"
`;

/** What scripts exit with where the process is another one by now, and where it is not java. */
export const exitCodes = { gone: 90, notJava: 91 } as const;

const shell = (script: string, args: readonly string[]): readonly string[] => ['sh', '-c', script, 'sh', ...args];

export const findCommand = shell(findScript, []);
export const cgroupCommand = shell(readScript, cgroupPaths);

export function readCommand(pid: number): readonly string[] {
  return shell(readScript, [...cgroupPaths, `/proc/${pid}/status`, `/proc/${pid}/limits`, `/proc/${pid}/cmdline`]);
}

export function jcmdCommand(process: { pid: number; startTicks: string }, jcmd: string, words: readonly string[]) {
  return shell(jcmdScript, [String(process.pid), process.startTicks, jcmd, ...words]);
}

export function quitCommand(process: { pid: number; startTicks: string }): readonly string[] {
  return shell(quitScript, [String(process.pid), process.startTicks]);
}

/** Where there is no shell: one file, by a program of its own. */
export function catCommand(path: string): readonly string[] {
  return ['cat', path];
}

/** The parts of a script's output, each under its mark and what stands behind that. */
export function partsOf(output: string): { readonly mark: string; readonly word: string; readonly text: string }[] {
  return output
    .split(new RegExp(`^${mark}`, 'm'))
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      const head = end < 0 ? part : part.slice(0, end);
      const [name = '', ...rest] = head.split(' ');
      return { mark: name, word: rest.join(' '), text: end < 0 ? '' : part.slice(end + 1) };
    });
}

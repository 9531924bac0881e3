import { oomHeapJob } from '../../jobs/oom/heap.ts';
import { command, type Words } from '../../src/command.ts';
import { requireJdk } from '../../src/jvm/version.ts';
import { requireSize } from '../../src/kubernetes/size-words.ts';
import { redact } from '../../src/redact.ts';
import { Refusal } from '../../src/refusal.ts';

const architectures: Readonly<Record<string, string>> = {
  amd64: 'amd64',
  x86_64: 'amd64',
  arm64: 'arm64',
  aarch64: 'arm64',
};

/** `/oom heap`: the heap that a JVM takes by itself, by its version, limit, node and flags. */
export const oomHeap = command({
  name: 'oom heap',
  summary: 'The heap that a JVM takes: the arithmetic alone, without a cluster',
  takes: '',
  explains: 'JVM flags go after --, as on the command line. Sizes are Kubernetes quantities or plain bytes.',
  examples: [
    '/oom heap --jdk 8u181 --limit 512Mi --node 8155000Ki --cgroup v1',
    '/oom heap --jdk 17 --limit 1Gi --node 16Gi --env JAVA_TOOL_OPTIONS=-XX:MaxRAMPercentage=75.0 -- -Xms256m',
  ],
  allowed: 'viewer',
  cluster: 'none',
  flags: {
    jdk: {
      type: 'string',
      value: '<version>',
      required: true,
      help: 'The JDK: 8u181, 1.8.0_181, 17, 17.0.12 (needed)',
    },
    limit: { type: 'string', value: '<quantity>', help: 'The container’s memory limit; none where not given' },
    node: {
      type: 'string',
      value: '<quantity>',
      required: true,
      help: 'The node’s memory, status.capacity.memory (needed)',
    },
    cpus: { type: 'string', value: '<count>', help: 'CPUs that the JVM counts; 2 where not given' },
    arch: { type: 'string', value: '<architecture>', help: 'amd64 or arm64; amd64 where not given' },
    cgroup: { type: 'string', value: '<version>', help: 'v1 or v2; v2 where not given' },
    kernel: { type: 'string', value: '<release>', help: 'The node’s kernel, 6.18; counts with cgroup v2 only' },
    'page-size': {
      type: 'string',
      value: '<size>',
      help: 'The kernel’s pages, 4Ki or 64Ki; 4Ki on amd64, else both are told',
    },
    env: {
      type: 'string',
      value: '<NAME=VALUE>',
      multiple: true,
      help: 'A variable of the container: JAVA_TOOL_OPTIONS=-Xmx1g',
    },
  },
  job: oomHeapJob,
  input(words) {
    refuseWords(words);
    const cgroup = cgroupOf(words.flag('cgroup'));
    const kernel = kernelOf(words.flag('kernel'));
    const limit = words.flag('limit');
    const jdk = required(words, 'jdk', 'Name the JDK: --jdk 8u181, --jdk 17.');
    requireJdk(jdk);
    return {
      jdk,
      limitBytes: limit === undefined ? null : requireSize('--limit', limit),
      nodeBytes: requireSize(
        '--node',
        required(
          words,
          'node',
          'Give the node’s memory: --node 8155000Ki (kubectl get node -o jsonpath={.status.capacity.memory}).',
        ),
      ),
      cpus: cpusOf(words.flag('cpus')),
      architecture: architectureOf(words.flag('arch')),
      cgroup: cgroup ?? 'v2',
      // Before v2 no JVM looked at what newer kernels lack.
      kernel: cgroup === 'v1' ? null : kernel,
      pageBytes: pageBytesOf(words.flag('page-size')),
      args: [...words.rest],
      env: Object.fromEntries(words.flags('env').map(variable)),
      assumed: [
        ...(cgroup === undefined ? ['cgroup v2 assumed: --cgroup was not given.'] : []),
        ...(cgroup === 'v1' && kernel !== null ? ['The kernel does not count with cgroup v1.'] : []),
        ...(words.flag('cpus') === undefined ? ['2 CPUs assumed: --cpus was not given.'] : []),
      ],
    };
  },
});

function refuseWords(words: Words): void {
  const [first] = words.positionals;
  if (first === undefined) return;
  throw new Refusal(
    `"${redact(first).slice(0, 60)}" is not expected here.`,
    'Put JVM flags after --, and everything else behind its flag.',
  );
}

function required(words: Words, name: string, advice: string): string {
  const value = words.flag(name)?.trim();
  if (value === undefined || value === '') throw new Refusal(`--${name} is missing.`, advice);
  return value;
}

function cgroupOf(text: string | undefined): 'v1' | 'v2' | undefined {
  if (text === undefined) return undefined;
  const version = /^v?([12])$/i.exec(text.trim())?.[1];
  if (version === undefined)
    throw new Refusal(
      `There is no cgroup version "${redact(text).slice(0, 60)}".`,
      'Use v1 or v2: stat -fc %T /sys/fs/cgroup on the node prints cgroup2fs for v2.',
      ['v1', 'v2'],
    );
  return version === '1' ? 'v1' : 'v2';
}

function kernelOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (/^v?\d{1,3}\.\d{1,4}(?:[.+_-][\w.+~-]{0,80})?$/.test(text.trim())) return text.trim();
  throw new Refusal(
    `"${redact(text).slice(0, 60)}" is not a kernel release.`,
    'Write it as uname -r tells it: 6.18 or 5.15.0-1084-aws.',
  );
}

function pageBytesOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const kibibytes = /^(?:(4|64)(?:Ki|K|k)|(4096|65536))$/.exec(text.trim());
  if (kibibytes !== null) return kibibytes[2] === undefined ? Number(kibibytes[1]) * 1024 : Number(kibibytes[2]);
  throw new Refusal(
    `Pages of "${redact(text).slice(0, 60)}" are not modelled.`,
    'Kernels for amd64 and arm64 have pages of 4Ki or 64Ki: getconf PAGESIZE tells.',
    ['4Ki', '64Ki'],
  );
}

function cpusOf(text: string | undefined): number {
  if (text === undefined) return 2;
  const cpus = /^\d{1,4}$/.test(text.trim()) ? Number(text) : 0;
  if (cpus >= 1) return cpus;
  throw new Refusal(
    `--cpus "${redact(text).slice(0, 60)}" is not a number of CPUs.`,
    'The JVM counts whole CPUs, at least 1, and rounds a limit of 1.5 up to 2.',
  );
}

function architectureOf(text: string | undefined): string {
  if (text === undefined) return 'amd64';
  const known = architectures[text.trim().toLowerCase()];
  if (known !== undefined && Object.hasOwn(architectures, text.trim().toLowerCase())) return known;
  throw new Refusal(`The architecture "${redact(text).slice(0, 60)}" is not modelled yet.`, 'amd64 and arm64 are.', [
    'amd64',
    'arm64',
  ]);
}

function variable(text: string): [string, string] {
  const match = /^([A-Za-z_][A-Za-z0-9_.-]*)=(.*)$/s.exec(text);
  if (!match)
    throw new Refusal('--env needs NAME=VALUE.', 'Write --env JAVA_TOOL_OPTIONS=-Xmx1g; quote what holds spaces.');
  return [match[1] ?? '', match[2] ?? ''];
}

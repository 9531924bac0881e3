import { Refusal } from '../refusal.ts';
import type { Grade } from '../report/report.ts';
import { formatBytes } from '../report/text.ts';
import { type Awareness, type Cgroup, containerAwareness } from './awareness.ts';
import { type Collector, chooseCollector } from './collector.ts';
import { type FlagSetting, type Flags, flagValue, readFlags } from './flags.ts';
import { heapFatal, sizeHeap } from './heap-size.ts';
import { predictOtherVm } from './other-vm.ts';
import type { Seen } from './printed-heap.ts';
import { formatJdkVersion, type JdkVersion } from './version.ts';

export type HeapInput = {
  readonly jdk: JdkVersion;
  /** The container's memory limit; null where it has none. */
  readonly limitBytes: number | null;
  /** The node's memory: status.capacity.memory, which is MemTotal. */
  readonly nodeBytes: number;
  /** CPUs that the JVM counts. */
  readonly cpus: number;
  /** amd64, arm64. */
  readonly architecture: string;
  readonly cgroup: Cgroup;
  readonly kernel: string | null;
  /** The kernel's pages, bytes; null or left out where not known: 4 KiB on amd64, either on arm64. */
  readonly pageBytes?: number | null;
  /** What the JVM's log tells of the memory it sees. */
  readonly seen?: Seen;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The content of argument files, by path, where known. */
  readonly files?: Readonly<Record<string, string>>;
};

/** A line of the reckoning, for people. */
export type Arithmetic = { readonly name: string; readonly bytes: number; readonly why: string };

export type Heap = {
  readonly jdk: string;
  readonly containerAware: true | false | null;
  /** What the JVM takes for its memory. */
  readonly physicalBytes: number;
  /** 0 where the JVM refuses to start. */
  readonly initialHeapBytes: number;
  readonly maxHeapBytes: number;
  /** Gencon is OpenJ9's. */
  readonly gc: Collector | 'Gencon';
  readonly compressedOops: boolean;
  /** The message with which the JVM refuses to start. */
  readonly fatal: string | null;
  /** `inferred` where an option stands there that is not known here, and so only likely refused. */
  readonly fatalGrade: Grade;
  readonly flags: readonly FlagSetting[];
  readonly arithmetic: readonly Arithmetic[];
  /** What was assumed or is not modelled, in words. */
  readonly notes: readonly string[];
  readonly awareness: Awareness;
  /** The largest heap if the JVM, of which it is not known whether it sees the limit, does the other thing than assumed. */
  readonly otherwiseMaxHeapBytes: number | null;
  /** The heap on a kernel with pages of 64 KiB, where it is not known which pages this one has, and where it is another. */
  readonly withLargePages: { readonly initialHeapBytes: number; readonly maxHeapBytes: number } | null;
  readonly ignored: Flags['ignored'];
  readonly suspicious: Flags['suspicious'];
  /** Argument files whose content is not known: the answer leaves out what they set. */
  readonly unread: readonly string[];
};

const oldestMajor = 8;
const newestMajor = 27;

/**
 * The heap that a HotSpot JVM takes, to the byte, by the rules of JDK 8 to 27 on 64-bit Linux with 4 KiB pages.
 * Sources: openjdk/jdk src/hotspot/share/runtime/arguments.cpp (set_heap_size) and gc/shared/gcArguments.cpp; run on seven JDKs.
 * @throws Refusal for what is not modelled
 */
export function predictHeap(input: HeapInput): Heap {
  if (input.jdk.vendor === 'openj9' || input.jdk.vendor === 'graalvm-native')
    return predictOtherVm(input, containerAwareness({ ...input, flags: [] }));
  refuseUnmodelled(input);
  const flags = readFlags(input);
  const awareness = containerAwareness({ ...input, flags: flags.effective });
  const here = predict(input, flags, awareness, awareness.assumed);
  const heap = { ...here, withLargePages: withLargePages(input, flags, awareness, here) };
  if (awareness.aware !== null || input.limitBytes === null || heap.fatal !== null) return heap;
  const { maxHeapBytes } = predict(input, flags, awareness, !awareness.assumed);
  return { ...heap, otherwiseMaxHeapBytes: maxHeapBytes === heap.maxHeapBytes ? null : maxHeapBytes };
}

const smallPageBytes = 4096;
const largePageBytes = 65_536;

function withLargePages(input: HeapInput, flags: Flags, awareness: Awareness, heap: Heap): Heap['withLargePages'] {
  if (!arePagesUnknown(input) || heap.fatal !== null) return null;
  const large = predict({ ...input, pageBytes: largePageBytes }, flags, awareness, awareness.assumed);
  const { initialHeapBytes, maxHeapBytes } = large;
  const isSame = initialHeapBytes === heap.initialHeapBytes && maxHeapBytes === heap.maxHeapBytes;
  return isSame ? null : { initialHeapBytes, maxHeapBytes };
}

/** On amd64 pages are of 4 KiB; kernels for arm64 are built with 4, 16 or 64 KiB. */
function arePagesUnknown({ architecture, pageBytes }: HeapInput): boolean {
  return (pageBytes ?? null) === null && /^(arm64|aarch64)$/.test(architecture);
}

function refuseUnmodelled({ jdk, architecture }: HeapInput): void {
  const measure = 'Read the heap in the container: java -XX:+PrintFlagsFinal -version | grep HeapSize.';
  if (jdk.major < oldestMajor)
    throw new Refusal(
      `JDK ${jdk.major} is not modelled yet; 8 to 27 are.`,
      `${measure} It sees no container limit: set -Xmx.`,
    );
  if (jdk.major > newestMajor) throw new Refusal(`JDK ${jdk.major} is not modelled yet; 8 to 27 are.`, measure);
  if (!/^(amd64|x86_64|arm64|aarch64)$/.test(architecture))
    throw new Refusal(`The architecture ${architecture} is not modelled yet; amd64 and arm64 are.`, measure);
}

function predict(input: HeapInput, flags: Flags, awareness: Awareness, isAware: boolean): Heap {
  const { jdk, limitBytes, nodeBytes } = input;
  const containerBytes = Math.min(limitBytes ?? nodeBytes, nodeBytes);
  const osBytes = isAware ? containerBytes : nodeBytes;
  const effective = flags.effective;
  const collector = chooseCollector({
    major: jdk.major,
    flags: effective,
    cpus: input.cpus,
    // The old experimental flag changes what the heap is sized by, not what the machine is taken for.
    osBytes: awareness.scope === 'heap' ? nodeBytes : osBytes,
  });
  const size = sizeHeap({
    jdk,
    flags,
    osBytes,
    gc: collector.gc,
    // The old flag bounds even an explicit -XX:MaxRAM.
    ceilingBytes: awareness.scope === 'heap' ? containerBytes : null,
    pageBytes: input.pageBytes ?? smallPageBytes,
  });
  const fatal = flags.vmStarts ? (collector.fatal ?? heapFatal({ jdk, flags, gc: collector.gc, size })) : flags.fatal;
  const starts = fatal === null;
  const from =
    isAware && limitBytes !== null && limitBytes <= nodeBytes ? 'the limit of the container' : 'the memory of the node';
  const physicalWhy = flagValue(effective, 'MaxRAM') === undefined ? from : '-XX:MaxRAM';
  return {
    jdk: formatJdkVersion(jdk),
    containerAware: awareness.aware,
    physicalBytes: size.physicalBytes,
    initialHeapBytes: starts ? size.initialBytes : 0,
    maxHeapBytes: starts ? size.maxBytes : 0,
    gc: collector.gc,
    compressedOops: size.compressedOops,
    fatal: fatal ?? flags.fatal,
    fatalGrade: flags.isFatalKnown ? 'fact' : 'inferred',
    flags: effective,
    arithmetic: starts
      ? [
          { name: 'Memory it sees', bytes: size.physicalBytes, why: physicalWhy },
          { name: 'Initial heap', bytes: size.initialBytes, why: size.initialWhy },
          { name: 'Largest heap', bytes: size.maxBytes, why: size.maxWhy },
        ]
      : [],
    notes: [...notes(input, flags, awareness, collector), ...(starts ? reservationNote(size.maxBytes, nodeBytes) : [])],
    awareness,
    otherwiseMaxHeapBytes: null,
    withLargePages: null,
    ignored: flags.ignored,
    suspicious: flags.suspicious,
    unread: flags.unread,
  };
}

function notes(
  input: HeapInput,
  flags: Flags,
  awareness: Awareness,
  collector: { gc: Collector; why: string },
): string[] {
  const { jdk, limitBytes, nodeBytes, kernel, cgroup } = input;
  const pages =
    arePagesUnknown(input) && collector.gc !== 'Z' && collector.gc !== 'Shenandoah'
      ? ['4 KiB pages assumed; on an arm64 kernel with 64 KiB pages both sizes are rounded up to multiples of 32 MiB.']
      : [];
  const isOutdone = limitBytes !== null && limitBytes > nodeBytes;
  return [
    `Collector: ${collector.gc} (${collector.why}).`,
    ...(limitBytes === null ? [] : [`${sentence(awareness.why)}.`]),
    ...(limitBytes !== null && cgroup === 'v2' && kernel === null && awareness.aware === true && jdk.major < 25
      ? ['Kernel not given: taken to be older than 6.12.']
      : []),
    ...(isThreadBound(input, flags, collector.gc)
      ? ['Where the CPU runs two threads a core and shows it, 2 or 3 CPUs count as one, and the JVM takes Serial.']
      : []),
    ...(isOutdone ? [`The limit is larger than the node (${formatBytes(nodeBytes)}): it does not count.`] : []),
    ...(collector.gc === 'Shenandoah' && jdk.major !== 17
      ? ['Shenandoah was compared with a real JVM on JDK 17 only.']
      : []),
    ...pages,
    ...flags.unread.map((file) => `The file ${file} was not read: what it sets is not counted.`),
    ...flags.suspicious.map(
      ({ name, near }) => `Not known here: ${name}. If ${near} was meant, the JVM refuses to start with it.`,
    ),
  ];
}

/** The kubelet sets vm.overcommit_memory=1 (kubernetes/kubernetes pkg/util/sysctl): mappings succeed, whatever the node has. */
function reservationNote(maxBytes: number, nodeBytes: number): string[] {
  if (maxBytes <= nodeBytes) return [];
  return [
    'The heap may grow past the node’s memory: a Kubernetes node lets it reserve that much, and the container dies as it fills.',
  ];
}

/** Before 27 the JVM divides CPUs by the threads of a core when it looks for a server (os::is_server_class_machine). */
function isThreadBound({ jdk, cpus, architecture }: HeapInput, flags: Flags, gc: Collector): boolean {
  const isChosen = flags.effective.every(
    ({ name, value }) => !/^Use\w+GC$|^ActiveProcessorCount$/.test(name) || value === 'false',
  );
  return jdk.major < 27 && isChosen && gc !== 'Serial' && cpus < 4 && /^(amd64|x86_64)$/.test(architecture);
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

import { containerAwareness } from '../jvm/awareness.ts';
import { readFlags } from '../jvm/flags.ts';
import { type Heap, predictHeap } from '../jvm/heap.ts';
import type { JvmHint } from '../jvm/hint.ts';
import { type PrintedHeap, printedHeap, seenMemory } from '../jvm/printed-heap.ts';
import { type Recommendation, recommendHeap } from '../jvm/recommendation.ts';
import {
  formatJdkVersion,
  type JdkVersion,
  jdkFromImage,
  jdkFromLog,
  parseJdkVersion,
  vendorFromLog,
} from '../jvm/version.ts';
import { Refusal } from '../refusal.ts';
import type { Grade } from '../report/report.ts';
import { formatBytes } from '../report/text.ts';
import { type CgroupVersion, cgroupVersion, pageBytes } from './cgroup.ts';
import type { Evidence } from './evidence.ts';
import type { Explanation } from './explanation.ts';
import type { JavaContainer } from './java-container.ts';
import { shownLine } from './java-log.ts';
import { peakOf } from './memory-history.ts';
import { cpuShare, type MemoryLimit, nodeCpus, nodeMemoryBytes, usageBytes } from './memory-limit.ts';
import { timeMs } from './objects.ts';
import { parseQuantity } from './quantity.ts';
import { visibleCpus } from './visible-cpus.ts';

/** What the JVM in a container takes by itself, as far as the pod tells. */
export type JavaAnalysis = {
  readonly jdk: JdkVersion | undefined;
  /** Where the version is told: a clause. */
  readonly jdkFrom: string;
  readonly jdkGrade: Grade;
  readonly heap: Heap | undefined;
  readonly heapGrade: Grade;
  /** Where the version is not known and does not matter: the largest heap that the flags give on every JDK. */
  readonly boundedHeapBytes: number | undefined;
  /** Whether flags may stand where they cannot be seen, so that nothing may be concluded from the heap. */
  readonly areFlagsUnseen: boolean;
  readonly cgroup: CgroupVersion;
  /** Why there is no heap: not modelled, or something is not known. */
  readonly heapMissing: Refusal | undefined;
  /** What the heap would be if what is not known were otherwise: sentences. */
  readonly otherwise: readonly string[];
  readonly notes: readonly string[];
  readonly recommendation: Recommendation | undefined;
  readonly recommendationMissing: Refusal | undefined;
};

/** Finds the JDK, predicts its heap and, where memory was the matter, reckons the flags to set. */
export function analyseJava(
  evidence: Evidence,
  limit: MemoryLimit,
  java: JavaContainer,
  explanation: Explanation,
  hint?: JvmHint,
): JavaAnalysis {
  const { version: jdk, from: jdkFrom, grade: jdkGrade } = findJdk(evidence, java, hint);
  const cgroup = cgroupVersion(evidence.node);
  const prediction = predict(evidence, limit, java, jdk, cgroup);
  const isPrinted = prediction.heap !== undefined && printedHeap(logOf(evidence)) !== undefined;
  // A heap that the JVM printed is known, whatever flags made it so.
  const mayHaveOthers = mayHaveOtherFlags(limit, java, prediction);
  const areFlagsUnseen = mayHaveOthers && !isPrinted;
  const advised = recommend({ evidence, limit, java, jdk, ...prediction, areFlagsUnseen, mayHaveOthers }, explanation);
  return {
    jdk,
    jdkFrom,
    jdkGrade,
    cgroup,
    ...prediction,
    heapGrade: isPrinted ? 'fact' : heapGrade(jdkGrade, prediction, java),
    areFlagsUnseen,
    ...advised,
  };
}

/** What a log says is a fact; what the config says goes before the image’s tag, which may be another’s number. */
function findJdk(
  evidence: Evidence,
  java: JavaContainer,
  hint: JvmHint | undefined,
): {
  version: JdkVersion | undefined;
  from: string;
  grade: Grade;
} {
  const { startLog, endLog, container } = evidence;
  const logged = jdkFromLog(startLog ?? '') ?? jdkFromLog(endLog ?? '');
  const image = container.spec?.image ?? container.status?.image;
  const tagged = image === undefined ? undefined : jdkFromImage(image);
  // Which VM it is decides the rules, and a version alone does not tell it.
  const vendor = logged?.version.vendor ?? vendorFromLog(logOf(evidence)) ?? hint?.jdk.vendor ?? tagged?.vendor;
  const asVendor = (version: JdkVersion) => (vendor === undefined ? version : { ...version, vendor });
  if (logged !== undefined)
    return {
      version: asVendor(logged.version),
      from: `the log: ${around(logged.line, logged.version.text)}`,
      grade: 'fact',
    };
  if (hint !== undefined)
    return { version: asVendor(hint.jdk), from: `configured for ${hint.match}`, grade: 'inferred' };
  if (tagged !== undefined && image !== undefined)
    return { version: asVendor(tagged), from: `the image ${image}`, grade: 'inferred' };
  // Images of a JDK set it for themselves; a pod that sets it too names what its image is built with.
  const named = java.environment.variables.JAVA_VERSION;
  const asNamed = named === undefined ? undefined : parseJdkVersion(named);
  if (asNamed !== undefined)
    return { version: asVendor(asNamed), from: `JAVA_VERSION of the pod: ${asNamed.text}`, grade: 'inferred' };
  return { version: undefined, from: 'neither the log that was read nor the image tells it', grade: 'unknown' };
}

/** The words around the version: log lines begin with times and class names, which nobody asked for. */
function around(line: string, version: string): string {
  const at = line.indexOf(version);
  const start = at < 0 ? 0 : Math.max(0, at - 30);
  const part = line.slice(start, start + 80);
  return `${start > 0 ? '…' : ''}${shownLine(part)}${start + 80 < line.length ? '…' : ''}`;
}

type Prediction = Pick<JavaAnalysis, 'heap' | 'boundedHeapBytes' | 'heapMissing' | 'otherwise' | 'notes'> & {
  /** With the flags seen it would not have started, and it ran. */
  readonly isContradicted?: true;
};

function predict(
  evidence: Evidence,
  limit: MemoryLimit,
  java: JavaContainer,
  jdk: JdkVersion | undefined,
  cgroup: CgroupVersion,
): Prediction {
  const none = { heap: undefined, boundedHeapBytes: undefined, otherwise: [], notes: [] };
  const nodeBytes = nodeMemoryBytes(evidence.node);
  const own = jdk === undefined ? printedHeap(logOf(evidence)) : undefined;
  if (own !== undefined)
    return {
      ...none,
      heapMissing: unknownJdk,
      boundedHeapBytes: own.maxHeapBytes,
      otherwise: [
        `Its log tells a largest heap of ${formatBytes(own.maxHeapBytes)}: ${shownLine(own.line.slice(-80))}`,
      ],
    };
  if (jdk === undefined)
    return { ...none, heapMissing: unknownJdk, ...bothHypotheses(evidence, limit, java, nodeBytes) };
  if (nodeBytes === undefined && limit.limitBytes === undefined) return { ...none, heapMissing: unknownNode };
  const info = evidence.node?.status.nodeInfo;
  const effective = readFlags({ jdk, args: java.args, env: java.env }).effective;
  const log = logOf(evidence);
  const told = seenMemory(log, limit.limitBytes ?? 0, nodeBytes ?? 0);
  const seenInLog = told === undefined ? {} : { seen: told };
  const inputFor = (version: 'v1' | 'v2') => {
    const kernel = info?.kernelVersion ?? null;
    const awareness = containerAwareness({ jdk, flags: effective, cgroup: version, kernel, ...seenInLog });
    const seen = visibleCpus(jdk, awareness, nodeCpus(evidence.node) ?? 2, cpuShare(evidence.container.spec));
    return {
      awareness,
      seen,
      input: {
        jdk,
        limitBytes: limit.limitBytes ?? null,
        // Without the node only a JVM that sees its limit can be reckoned; its limit bounds what it may ask for.
        nodeBytes: nodeBytes ?? limit.limitBytes ?? 0,
        cpus: seen.cpus,
        architecture: info?.architecture ?? evidence.node?.metadata.labels['kubernetes.io/arch'] ?? 'amd64',
        cgroup: version,
        kernel,
        pageBytes: pageBytes(evidence.node),
        args: java.args,
        env: java.env,
        ...seenInLog,
      },
    };
  };
  try {
    const assumed = cgroup.version ?? 'v2';
    const main = inputFor(assumed);
    if (nodeBytes === undefined && !main.awareness.assumed) return { ...none, heapMissing: unknownNode };
    const reckoned = predictHeap(main.input);
    const printed = printedHeap(log);
    const heap = printed === undefined ? reckoned : asPrinted(reckoned, printed);
    if (heap.fatal !== null && hasRun(evidence))
      return { ...none, heapMissing: contradiction(heap.fatal), isContradicted: true };
    const notes = [...heap.notes, `CPUs it counts: ${main.seen.cpus} (${main.seen.why}).`];
    const otherwise: string[] = [];
    if (heap.otherwiseMaxHeapBytes !== null)
      otherwise.push(
        `If it ${main.awareness.assumed ? 'does not see' : 'does see'} its limit, the largest heap is ${formatBytes(heap.otherwiseMaxHeapBytes)}.`,
      );
    if (cgroup.version === undefined && limit.limitBytes !== undefined && printed === undefined) {
      const other = predictHeap(inputFor('v1').input);
      if (other.maxHeapBytes !== heap.maxHeapBytes)
        otherwise.push(
          `If the node runs cgroup v1 (${cgroup.why}), the largest heap is ${formatBytes(other.maxHeapBytes)}.`,
        );
    }
    if (heap.withLargePages !== null)
      otherwise.push(
        `If the kernel of the node has pages of 64 KiB, the largest heap is ${formatBytes(heap.withLargePages.maxHeapBytes)}.`,
      );
    if (nodeBytes === undefined) notes.push('The node could not be read: its memory and CPUs are not counted.');
    return { heap, boundedHeapBytes: undefined, heapMissing: undefined, otherwise, notes };
  } catch (error) {
    if (error instanceof Refusal) return { ...none, heapMissing: error };
    throw error;
  }
}

/** What was read of the log: its beginning and its end. */
function logOf({ startLog, endLog }: Evidence): string {
  return [startLog, endLog].filter((part) => part !== undefined).join('\n');
}

/** What a JVM prints of its own heap beats what was reckoned, and tells flags that cannot be seen from here. */
function asPrinted(reckoned: Heap, { maxHeapBytes, initialHeapBytes, line }: PrintedHeap): Heap {
  if (reckoned.maxHeapBytes === maxHeapBytes) return { ...reckoned, otherwiseMaxHeapBytes: null, withLargePages: null };
  const isOtherHypothesis = reckoned.otherwiseMaxHeapBytes === maxHeapBytes;
  return {
    ...reckoned,
    maxHeapBytes,
    initialHeapBytes: initialHeapBytes ?? Math.min(reckoned.initialHeapBytes, maxHeapBytes),
    containerAware: isOtherHypothesis ? !reckoned.awareness.assumed : reckoned.containerAware,
    otherwiseMaxHeapBytes: null,
    withLargePages: null,
    fatal: null,
    arithmetic: [
      ...reckoned.arithmetic.filter(({ name }) => name !== 'Largest heap'),
      { name: 'Largest heap', bytes: maxHeapBytes, why: `as the JVM itself printed: ${shownLine(line.slice(-80))}` },
    ],
    notes: [
      ...reckoned.notes,
      ...(reckoned.fatal === null
        ? [
            `By version, limit and the flags seen the largest heap would be ${formatBytes(reckoned.maxHeapBytes)}; what the JVM printed counts.`,
          ]
        : []),
    ],
  };
}

/** How long the container ran that ended. */
function ranFor({ container }: Evidence): number | undefined {
  const start = timeMs(container.ended?.startedAt);
  const end = timeMs(container.ended?.finishedAt);
  return start === undefined || end === undefined || end < start ? undefined : end - start;
}

/** A container that was killed for memory or runs now did start, whatever its flags look like from here. */
function hasRun({ container }: Evidence): boolean {
  return container.ended?.reason === 'OOMKilled' || container.status?.state.running !== undefined;
}

function contradiction(fatal: string): Refusal {
  return new Refusal(
    `With the flags seen here this JVM would refuse to start (${shownLine(fatal)}), yet it ran: something is not seen.`,
    'Read its flags in the container: jcmd 1 VM.command_line.',
  );
}

const unknownJdk = new Refusal(
  'The JDK’s version is not known, so its heap cannot be reckoned for certain.',
  'Run java -version in the container, or log it at the start with -showversion.',
);
const calculated = new Refusal(
  'The heap is what the buildpack’s memory calculator leaves of the limit.',
  'Lower what it counts beside the heap (BPL_JVM_THREAD_COUNT: each thread counts 1 MiB; -XX:ReservedCodeCacheSize), or raise the limit. A larger -Xmx alone makes it refuse to start.',
);
const unknownNode = new Refusal(
  'The node’s memory is not known, and this JVM sizes its heap by it.',
  'Grant get nodes to Quorum’s identity, or set -Xmx.',
);

/** Without a version: what a JVM takes that sees its limit, and what one takes that does not. */
function bothHypotheses(
  evidence: Evidence,
  limit: MemoryLimit,
  java: JavaContainer,
  nodeBytes: number | undefined,
): Pick<JavaAnalysis, 'boundedHeapBytes' | 'otherwise'> {
  const nothing = { boundedHeapBytes: undefined, otherwise: [] };
  const { limitBytes } = limit;
  if (limitBytes === undefined || nodeBytes === undefined) return nothing;
  const heapOf = (version: string) => {
    const jdk = parseJdkVersion(version);
    if (jdk === undefined) return undefined;
    try {
      return predictHeap({
        jdk,
        limitBytes,
        nodeBytes,
        cpus: nodeCpus(evidence.node) ?? 2,
        architecture: evidence.node?.status.nodeInfo.architecture ?? 'amd64',
        cgroup: 'v1',
        kernel: null,
        args: java.args,
        env: java.env,
      }).maxHeapBytes;
    } catch (error) {
      if (error instanceof Refusal) return undefined;
      throw error;
    }
  };
  const aware = heapOf('17.0.20');
  const blind = heapOf('8u181');
  if (aware === undefined || blind === undefined || aware === 0 || blind === 0) return nothing;
  if (aware === blind)
    return {
      boundedHeapBytes: aware,
      otherwise: [`Whatever the version, its flags give a largest heap of ${formatBytes(aware)}.`],
    };
  const wasKilled = evidence.container.ended?.reason === 'OOMKilled';
  const rest = limitBytes - aware;
  const pick =
    wasKilled && blind > limitBytes && rest > limitBytes / 2
      ? ` The second fits what happened: beside a heap of ${formatBytes(aware)} the rest of the process would have needed ${formatBytes(rest)}.`
      : '';
  const otherwise = [
    `A JVM that sees its limit would take up to ${formatBytes(aware)}; one that does not would take up to ${formatBytes(blind)}, from the node’s ${formatBytes(nodeBytes)}.${pick}`,
  ];
  return { boundedHeapBytes: undefined, otherwise };
}

function heapGrade(jdkGrade: Grade, { heap }: Prediction, java: JavaContainer): Grade {
  if (heap === undefined) return 'unknown';
  const isExact = jdkGrade === 'fact' && heap.awareness.grade === 'fact' && java.unknown.length === 0;
  return isExact ? 'fact' : heap.awareness.aware === null ? 'unknown' : 'inferred';
}

/**
 * Whether the JVM may have had other flags than those seen. An entrypoint's are not reckoned with where the heap is past the
 * limit without them; a variable of the JVM's own is, for what it is there for is to set them.
 */
function mayHaveOtherFlags({ limitBytes }: MemoryLimit, java: JavaContainer, prediction: Prediction): boolean {
  const { heap, isContradicted } = prediction;
  if (isContradicted === true) return true;
  if (java.unknown.length === 0) return false;
  const isPast = heap !== undefined && limitBytes !== undefined && heap.maxHeapBytes > limitBytes;
  return java.isVariableUnseen || !isPast;
}

/** What the other containers of the pod use of a limit that they share: a sample, else what they ask for; undefined for nothing. */
function usedByOthers({ pod, container, metrics }: Evidence, limitBytes: number): number | undefined {
  const others = [
    ...pod.spec.containers,
    ...pod.spec.initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ];
  const sum = others
    .filter(({ name }) => name !== container.name)
    .map(({ name, resources }) => usageBytes(metrics, name) ?? parseQuantity(resources.requests.memory ?? '') ?? 0)
    .reduce((total, bytes) => total + bytes, 0);
  return sum > 0 && sum < limitBytes ? sum : undefined;
}

type Known = {
  readonly evidence: Evidence;
  readonly limit: MemoryLimit;
  readonly java: JavaContainer;
  readonly jdk: JdkVersion | undefined;
  readonly heap: Heap | undefined;
  readonly boundedHeapBytes: number | undefined;
  readonly areFlagsUnseen: boolean;
  /** Flags may stand where they cannot be seen, whether the heap is known or not: they may beat a percentage. */
  readonly mayHaveOthers: boolean;
};

function recommend(
  { evidence, limit, java, jdk, heap, boundedHeapBytes, areFlagsUnseen, mayHaveOthers }: Known,
  { cause, advice }: Explanation,
): Pick<JavaAnalysis, 'recommendation' | 'recommendationMissing'> {
  const isHeapTrouble = cause === 'heap' || cause === 'gc-overhead';
  const wasKilled = cause === 'limit' || cause === 'pod-limit' || cause === 'child-process';
  const heapBytes = heap?.maxHeapBytes ?? boundedHeapBytes;
  const mayOutgrow = heapBytes !== undefined && limit.limitBytes !== undefined && heapBytes > limit.limitBytes;
  const runsOn = cause === 'none' && evidence.container.status?.state.running !== undefined;
  // What has an advice of its own needs no flags.
  if (advice !== undefined) return { recommendation: undefined, recommendationMissing: undefined };
  if (limit.limitBytes === undefined || !(isHeapTrouble || wasKilled || (mayOutgrow && runsOn)))
    return { recommendation: undefined, recommendationMissing: undefined };
  if (java.hasMemoryCalculator && isHeapTrouble)
    return { recommendation: undefined, recommendationMissing: calculated };
  // Their flags are other ones: what is not modelled is not advised upon either.
  if (jdk?.vendor === 'openj9' || jdk?.vendor === 'graalvm-native')
    return { recommendation: undefined, recommendationMissing: undefined };
  if (heap !== undefined && heap.fatal !== null) return { recommendation: undefined, recommendationMissing: undefined };
  const peakBytes = seenPeakBytes(evidence);
  const othersBytes = limit.scope === 'pod' ? usedByOthers(evidence, limit.limitBytes) : undefined;
  const ranMs = ranFor(evidence);
  const pages = pageBytes(evidence.node);
  try {
    const recommendation = recommendHeap({
      ...(ranMs === undefined ? {} : { ranMs }),
      ...(pages === null ? {} : { pageBytes: pages }),
      jdk: jdk ?? null,
      limitBytes: limit.limitBytes - (othersBytes ?? 0),
      ...(othersBytes === undefined ? {} : { othersBytes }),
      gc: heap === undefined || heap.gc === 'Gencon' ? 'Serial' : heap.gc,
      containerAware: heap?.containerAware ?? null,
      knownFlags: jdk === undefined ? [] : readFlags({ jdk, args: java.args, env: java.env }).effective,
      // What lies beside the heap, and what is wrong with it, is concluded from a heap that is known.
      ...(heapBytes === undefined || areFlagsUnseen ? {} : { heapBytes }),
      // A script's percentage comes later than any variable; -Xmx beats it from there.
      ...(mayHaveOthers || java.argsFrom === 'log' ? { hasUnseenFlags: true as const } : {}),
      ...(limit.requestBytes === undefined ? {} : { requestBytes: limit.requestBytes }),
      wasKilled,
      ...(peakBytes === undefined ? {} : { peakBytes }),
      ...(isHeapTrouble ? { outOfMemory: 'heap' as const } : {}),
    });
    // A child's memory stands beside the heap: only a heap that is too large itself has its part in that.
    const isBesides = cause === 'child-process' && recommendation.verdict !== 'A' && recommendation.verdict !== 'B';
    return { recommendation: isBesides ? undefined : recommendation, recommendationMissing: undefined };
  } catch (error) {
    if (error instanceof Refusal) return { recommendation: undefined, recommendationMissing: error };
    throw error;
  }
}

/** The largest working set that was seen, before now or now: a lower bound of the peak, which lies between two values. */
function seenPeakBytes({ memory, metrics, container }: Evidence): number | undefined {
  const seen = [usageBytes(metrics, container.name), memory === undefined ? undefined : peakOf(memory)?.[1]].filter(
    (bytes) => bytes !== undefined,
  );
  return seen.length === 0 ? undefined : Math.max(...seen);
}

const vendorNote = { hotspot: '', openj9: ' (OpenJ9)', 'graalvm-native': ' (native image)' } as const;

/** The version as reports show it; null where it is not known. */
export function jdkName(jdk: JdkVersion | undefined): string | null {
  return jdk === undefined ? null : `${formatJdkVersion(jdk)}${vendorNote[jdk.vendor ?? 'hotspot']}`;
}

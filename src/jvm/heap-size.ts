import { formatBytes } from '../report/text.ts';
import { type Collector, g1RegionBytes, shenandoahRegionBytes } from './collector.ts';
import { type FlagSetting, type Flags, flagText, flagValue } from './flags.ts';
import { parseMemorySize, parsePercentage } from './option-value.ts';
import { isAtLeast, type JdkVersion } from './version.ts';

const mebi = 1024 ** 2;
const gibi = 1024 ** 3;
/** The maximum heap where nothing is set: 96 MiB scaled by 1.3 for 64 bits (globals.hpp, ScaleForWordSize). */
const defaultMaxBytes = 130_862_280;
/** OldSize and NewSize: less than both together the JVM never begins with, unless the heap may not be so large. */
const oldBytes = 5_452_592;
const newBytes = 1_363_144;
/** The default of MaxRAM. */
const maxRamBytes = 128 * gibi;
const heapBaseBytes = 2 * gibi;

export type HeapSize = {
  readonly physicalBytes: number;
  /** What the JVM takes for the machine's memory, whatever -XX:MaxRAM says. */
  readonly osBytes: number;
  readonly initialBytes: number;
  readonly initialWhy: string;
  readonly maxBytes: number;
  readonly maxWhy: string;
  readonly compressedOops: boolean;
  /** Before rounding: what the JVM checks against its smallest sizes. */
  readonly askedMaxBytes: number;
  readonly askedInitialBytes: number;
};

type SizeInput = {
  readonly jdk: JdkVersion;
  readonly flags: Flags;
  /** What the JVM takes for the machine's memory. */
  readonly osBytes: number;
  readonly gc: Collector;
  /** A bound on the memory that counts for the heap; null where there is none. */
  readonly ceilingBytes: number | null;
  /** The kernel's pages. */
  readonly pageBytes: number;
};

const shareFlags = ['Max', 'Min', 'Initial'].flatMap((which) => [`${which}RAMPercentage`, `${which}RAMFraction`]);

/** The sizes as Arguments::set_heap_size and GCArguments compute them, in doubles as they do. Bytes. */
export function sizeHeap({ jdk, flags, osBytes, gc, ceilingBytes, pageBytes }: SizeInput): HeapSize {
  const { major } = jdk;
  const set = flags.effective;
  const size = (name: string) => sizeOf(set, name, major);
  const maxRam = size('MaxRAM');
  const isShareSet = maxRam !== undefined || shareFlags.some((name) => flagValue(set, name) !== undefined);
  // Default MaxRAM bounds memory up to 12; from 13 to 25 only where no share is set (JDK-8222252); from 26 on never.
  const isBounded = maxRam === undefined && (major <= 12 || (major <= 25 && !isShareSet));
  const seen = maxRam ?? (isBounded ? Math.min(osBytes, maxRamBytes) : osBytes);
  const physicalBytes = Math.min(seen, ceilingBytes ?? seen);

  const aggressiveBytes =
    flagValue(set, 'AggressiveHeap') === 'true' && size('MaxHeapSize') === undefined
      ? Math.min(Math.floor(osBytes / 2), osBytes - 160 * mebi)
      : undefined;
  const givenMax = size('MaxHeapSize') ?? aggressiveBytes;
  const givenInitial = aggressiveBytes ?? (size('InitialHeapSize') || undefined);
  const minimum = minimumHeap(flags, major);

  const coops = compressedOopsBound({ set, gc, major, pageBytes });
  let compressedOops =
    coops.possible && Math.max(givenMax ?? defaultMaxBytes, givenInitial ?? 0, minimum) <= coops.bytes;
  let maxWhy =
    givenMax === undefined
      ? ''
      : aggressiveBytes === undefined
        ? textOf(set, 'MaxHeapSize')
        : '-XX:+AggressiveHeap: half of the memory';
  let askedMaxBytes = givenMax ?? 0;
  if (givenMax === undefined) {
    const ergonomic = ergonomicMax(jdk, set, physicalBytes);
    askedMaxBytes = ergonomic.bytes;
    maxWhy = ergonomic.why;
    // A first size that was given raises the maximum: before pointers are decided about on 25, after that on 17 (run on both).
    const least = givenInitial ?? (major >= 13 ? minimum : 0);
    if (major > 17) askedMaxBytes = Math.max(askedMaxBytes, least);
    // The heap should lie above its lowest address, 2 GiB, for the cheapest form of compressed pointers.
    const base = Math.max(heapBaseBytes, size('HeapBaseMinAddress') ?? 0);
    const bound = base + defaultMaxBytes < coops.bytes ? coops.bytes - base : coops.bytes;
    if (compressedOops && askedMaxBytes > bound) {
      if (major >= 13 && isShareSet && flagValue(set, 'UseCompressedOops') === undefined) compressedOops = false;
      else {
        askedMaxBytes = bound;
        maxWhy = 'the most that compressed pointers reach';
      }
    }
    askedMaxBytes = Math.max(askedMaxBytes, major > 17 ? (givenInitial ?? 0) : least);
    if (givenInitial !== undefined && askedMaxBytes === givenInitial)
      maxWhy = `raised to the initial heap, ${textOf(set, 'InitialHeapSize')}`;
  }

  // -XX:+AggressiveHeap gives the young generation three eighths.
  const young =
    size('NewSize') ?? (flagValue(set, 'AggressiveHeap') === 'true' ? Math.floor(askedMaxBytes / 8) * 3 : newBytes);
  const generations = (size('OldSize') ?? oldBytes) + young;
  const initialShare = share(jdk, set, 'Initial', physicalBytes);
  const askedInitialBytes =
    givenInitial ??
    Math.min(Math.max(initialShare.bytes, Math.min(generations, askedMaxBytes), minimum), askedMaxBytes);
  const alignment = heapAlignment({ gc, major, set, askedInitialBytes, askedMaxBytes, pageBytes });
  const alignedInitial = alignUp(askedInitialBytes, alignment);
  const alignedMax = alignUp(askedMaxBytes, alignment);
  // An initial size that was given and is larger wins over the maximum, where the JVM did not refuse it before.
  const larger = givenInitial === undefined ? alignedMax : Math.max(alignedMax, alignedInitial);
  const maxBytes =
    givenMax === undefined
      ? Math.max(
          larger,
          smallestGenerations({ gc, major, initialBytes: alignedInitial, young, old: size('OldSize'), pageBytes }),
        )
      : larger;
  const rounded = maxBytes === askedMaxBytes ? '' : `, rounded up to ${formatBytes(alignment)}`;
  return {
    physicalBytes,
    osBytes,
    initialBytes: Math.min(alignedInitial, maxBytes),
    initialWhy:
      givenInitial === undefined
        ? initialWhy(initialShare, askedInitialBytes, askedMaxBytes)
        : aggressiveBytes === undefined
          ? textOf(set, 'InitialHeapSize')
          : '-XX:+AggressiveHeap',
    maxBytes,
    maxWhy: `${maxWhy}${rounded}`,
    compressedOops,
    askedMaxBytes,
    askedInitialBytes,
  };
}

/** The message of a JVM that reads its flags and then finds the sizes impossible; null where it starts. */
export function heapFatal(input: { jdk: JdkVersion; flags: Flags; gc: Collector; size: HeapSize }): string | null {
  const { jdk, flags, gc, size } = input;
  const set = flags.effective;
  const { major } = jdk;
  const maximum = sizeOf(set, 'MaxHeapSize', major);
  const minimum = flags.settings.some((setting) => isMinimum(setting) && isOnCommandLine(setting))
    ? minimumHeap(flags, major)
    : 0;
  if (gc === 'Shenandoah' && size.askedMaxBytes < 10 * 256 * 1024)
    return `Invalid -XX:ShenandoahMinRegionSize option: Max heap size (${Math.floor(size.askedMaxBytes / 1024)}K) is too low to afford the minimum number of regions (10) of minimum region size (256K).`;
  const isInitialGiven = flags.settings.some(
    (setting) => setting.name === 'InitialHeapSize' && isOnCommandLine(setting),
  );
  if (maximum !== undefined && isInitialGiven && size.askedInitialBytes > maximum)
    return 'Initial heap size set to a larger value than the maximum heap size';
  if (maximum !== undefined && minimum > maximum) return 'Incompatible minimum and maximum heap sizes specified';
  if (isInitialGiven && minimum > size.askedInitialBytes)
    return 'Incompatible minimum and initial heap sizes specified';
  if (flagValue(set, 'AggressiveHeap') === 'true' && size.osBytes < 256 * mebi)
    return 'You need at least 256mb of memory to use -XX:+AggressiveHeap';
  if (major >= 9 && size.askedMaxBytes < 2 * mebi) return 'Too small maximum heap';
  if (size.askedInitialBytes < mebi) return 'Too small initial heap';
  const region = sizeOf(set, 'G1HeapRegionSize', major) ?? 0;
  // Two regions are not enough to load the first classes on JDK 17, but on 25 they are, of more than 1 MiB (run on both).
  const regionBytes = g1RegionBytes({
    major,
    initialBytes: size.askedInitialBytes,
    maxBytes: size.askedMaxBytes,
    asked: region,
  });
  // The classes' archived objects fill the second one; they are mapped only where pointers are compressed and aligned as archived.
  const isArchiveMapped = size.compressedOops && Number(flagValue(set, 'ObjectAlignmentInBytes') ?? 8) === 8;
  const tooSmallBytes = major > 17 ? Math.max(regionBytes, 2 * mebi) : isArchiveMapped ? 2 * regionBytes : 0;
  if (gc === 'G1' && major >= 9 && size.maxBytes <= tooSmallBytes)
    return 'GC triggered before VM initialization completed. Try increasing NewSize, current value 1331K.';
  if ((sizeOf(set, 'SoftMaxHeapSize', major) ?? 0) > size.maxBytes)
    return 'SoftMaxHeapSize must be less than or equal to the maximum heap size';
  return null;
}

/**
 * Serial, Parallel and CMS raise a maximum that nobody set until both generations fit (GenArguments, generation alignment); not
 * any more without -XX:OldSize, which went with 24 (25.0.3 was run).
 */
function smallestGenerations(input: {
  gc: Collector;
  major: number;
  initialBytes: number;
  young: number;
  old: number | undefined;
  pageBytes: number;
}): number {
  const { gc, major, initialBytes, young, old = oldBytes, pageBytes } = input;
  if (major >= 24 || gc === 'G1' || gc === 'Z' || gc === 'Shenandoah') return 0;
  const step = gc === 'Parallel' ? mebi / 2 : mebi / 16;
  const fitting = young >= initialBytes ? initialBytes - step : Math.floor(young / step) * step;
  return alignUp(fitting + old, cardAlignment(pageBytes));
}

type Share = { readonly bytes: number; readonly why: string };

/** The largest heap where -Xmx is not set: small memory gives half of it, else a quarter, at least the default. */
function ergonomicMax(jdk: JdkVersion, set: readonly FlagSetting[], physicalBytes: number): Share {
  const large = share(jdk, set, 'Max', physicalBytes);
  const small = share(jdk, set, 'Min', physicalBytes);
  const bounded = sizeOf(set, 'ErgoHeapSizeLimit', jdk.major) || Number.POSITIVE_INFINITY;
  const { bytes, why } =
    small.bytes < defaultMaxBytes
      ? { bytes: small.bytes, why: `${small.why}, the share for small memory` }
      : large.bytes < defaultMaxBytes
        ? { bytes: defaultMaxBytes, why: `at least the default of ${formatBytes(126 * mebi)}, more than ${large.why}` }
        : large;
  return bounded < bytes ? { bytes: bounded, why: '-XX:ErgoHeapSizeLimit' } : { bytes, why };
}

const defaultFractions = { Max: 4, Min: 2, Initial: 64 } as const;

/** A share of the memory: by percentage, else by fraction, else the default. The percentage wins where both are set. */
function share(
  jdk: JdkVersion,
  set: readonly FlagSetting[],
  which: keyof typeof defaultFractions,
  physicalBytes: number,
): Share {
  const percentage = flagValue(set, `${which}RAMPercentage`);
  const fractionText = flagValue(set, `${which}RAMFraction`);
  const fraction = Number(parseMemorySize(fractionText ?? '', jdk.major) ?? defaultFractions[which]);
  const hasPercentages = jdk.major >= 10 || (jdk.major === 8 && isAtLeast(jdk, 8, 191) !== false);
  const of = `of ${formatBytes(physicalBytes)}`;
  if (!hasPercentages) return { bytes: Math.floor(physicalBytes / fraction), why: `1/${fraction} ${of}` };
  const byFraction = fractionText === undefined && which === 'Initial' && jdk.major >= 26 ? 0 : 100 / fraction;
  const percent = percentage === undefined ? byFraction : (parsePercentage(percentage, jdk.major) ?? byFraction);
  const written =
    percentage === undefined && fractionText !== undefined ? `1/${fraction}` : `${Number(percent.toFixed(4))}%`;
  return { bytes: Math.floor((physicalBytes * percent) / 100), why: `${written} ${of}` };
}

function initialWhy(initial: Share, askedInitial: number, askedMax: number): string {
  if (askedInitial === askedMax) return 'as large as the largest heap';
  return askedInitial === initial.bytes ? initial.why : 'the smallest the JVM begins with';
}

/**
 * -Xms counts as given on the command line wherever it stands; what -XX: sets in a variable of the VM's own does not. A flag that was
 * given there once stays so, whatever sets it last (run on 17 and 25).
 */
function isOnCommandLine({ text, source }: FlagSetting): boolean {
  return text?.startsWith('-Xms') === true || /^(?:command line|JDK_JAVA)/.test(source);
}

/** -Xms sets the smallest heap too; -XX:MinHeapSize may set it alone. 0 where neither is given. */
function minimumHeap(flags: Flags, major: number): number {
  // -XX:+AggressiveHeap sets it anew where it sets the heap.
  const set = flags.effective;
  if (flagValue(set, 'AggressiveHeap') === 'true' && flagValue(set, 'MaxHeapSize') === undefined) return 0;
  const setting = flags.settings.findLast(isMinimum);
  return setting === undefined ? 0 : (parseMemorySize(setting.value, major) ?? 0);
}

function isMinimum({ name, text }: FlagSetting): boolean {
  return name === 'MinHeapSize' || text?.startsWith('-Xms') === true;
}

/** Up to which heap pointers can be compressed, and whether they can at all; the first page stays free, as wide as the heap is aligned. */
function compressedOopsBound(input: { set: readonly FlagSetting[]; gc: Collector; major: number; pageBytes: number }): {
  possible: boolean;
  bytes: number;
} {
  const { set, gc, major, pageBytes } = input;
  const isAskedRegion = gc === 'G1' && major >= 18 && flagValue(set, 'G1HeapRegionSize') !== undefined;
  const nullPage = gc === 'G1' || gc === 'Shenandoah' ? (isAskedRegion ? 512 : 32) * mebi : cardAlignment(pageBytes);
  const objectAlignment = Number(flagValue(set, 'ObjectAlignmentInBytes') ?? 8);
  return {
    possible: gc !== 'Z' && flagValue(set, 'UseCompressedOops') !== 'false',
    bytes: 4 * gibi * objectAlignment - nullPage,
  };
}

/** One page of the card table covers 512 bytes for each of its own: 2 MiB of heap with 4 KiB pages, 32 MiB with 64 KiB. */
function cardAlignment(pageBytes: number): number {
  return 512 * pageBytes;
}

/** To what the heap is rounded up; Z and Shenandoah, which have no card table of that kind, do not go by the pages. */
function heapAlignment(input: {
  gc: Collector;
  major: number;
  set: readonly FlagSetting[];
  askedInitialBytes: number;
  askedMaxBytes: number;
  pageBytes: number;
}): number {
  const { gc, major, set, askedInitialBytes: initialBytes, askedMaxBytes: maxBytes, pageBytes } = input;
  if (gc === 'G1') {
    const asked = sizeOf(set, 'G1HeapRegionSize', major) ?? 0;
    return Math.max(cardAlignment(pageBytes), g1RegionBytes({ major, initialBytes, maxBytes, asked }));
  }
  if (gc === 'Z') return 2 * mebi;
  return gc === 'Shenandoah' ? shenandoahRegionBytes(maxBytes) : cardAlignment(pageBytes);
}

function alignUp(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

function sizeOf(set: readonly FlagSetting[], name: string, major: number): number | undefined {
  return parseMemorySize(flagValue(set, name) ?? '', major);
}

function textOf(set: readonly FlagSetting[], name: string): string {
  const setting = set.findLast((candidate) => candidate.name === name);
  return setting === undefined ? name : flagText(setting);
}

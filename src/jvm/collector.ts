import { Refusal } from '../refusal.ts';
import { type FlagSetting, flagValue } from './flags.ts';

export type Collector = 'Serial' | 'Parallel' | 'CMS' | 'G1' | 'Z' | 'Shenandoah';

const mebi = 1024 * 1024;
/** 2 GiB less 256 MiB that firmware and graphics may hold back (os::is_server_class_machine). */
const serverMemoryBytes = 1792 * mebi;

type CollectorInput = {
  readonly major: number;
  readonly flags: readonly FlagSetting[];
  readonly cpus: number;
  /** What the JVM takes for the machine's memory: the container's or the node's, never -XX:MaxRAM. */
  readonly osBytes: number;
};

/**
 * The collector that runs: the one asked for, else by the machine. Before 27 a machine with fewer than 2 CPUs or less than
 * 1792 MiB gets Serial. Source: run on 8, 11, 17, 21, 25, 26, 27 in real cgroups.
 * @throws Refusal for collectors that are not modelled
 */
export function chooseCollector({ major, flags, cpus, osBytes }: CollectorInput): {
  gc: Collector;
  why: string;
  fatal: string | null;
} {
  const isOn = (name: string) => flagValue(flags, name) === 'true';
  if (isOn('UseEpsilonGC'))
    throw new Refusal(
      '-XX:+UseEpsilonGC is not modelled yet.',
      'Ask for the heap with another collector, or read it with java -XX:+PrintFlagsFinal -version.',
    );
  if (isOn('UseShenandoahGC') && major < 11)
    throw new Refusal(
      `Shenandoah on JDK ${major} is not modelled yet.`,
      'Read the heap with java -XX:+UseShenandoahGC -XX:+PrintFlagsFinal -version in that image.',
    );
  const asked: readonly (readonly [string, Collector])[] = [
    ['UseSerialGC', 'Serial'],
    ['UseParallelGC', 'Parallel'],
    ['UseParallelOldGC', 'Parallel'],
    ['AggressiveHeap', 'Parallel'],
    ['UseConcMarkSweepGC', 'CMS'],
    ['UseG1GC', 'G1'],
    ['UseZGC', 'Z'],
    ['UseShenandoahGC', 'Shenandoah'],
    // ParNew without CMS collects the old generation serially.
    ['UseParNewGC', 'Serial'],
  ];
  const found = asked.find(([name]) => isOn(name));
  if (found) return { gc: found[1], why: `-XX:+${found[0]}`, fatal: null };

  const { gc, why } = byMachine(major, flags, cpus, osBytes);
  const isDisabled = flagValue(flags, `Use${gc}GC`) === 'false' && major >= 11;
  return {
    gc,
    why,
    fatal: isDisabled ? 'Garbage collector not selected (default collector explicitly disabled)' : null,
  };
}

function byMachine(
  major: number,
  flags: readonly FlagSetting[],
  cpus: number,
  osBytes: number,
): { gc: Collector; why: string } {
  if (major >= 27) return { gc: 'G1', why: 'JDK 27 takes G1 on every machine' };
  const forced = flagValue(flags, 'AlwaysActAsServerClassMachine') === 'true';
  const forbidden = flagValue(flags, 'NeverActAsServerClassMachine') === 'true';
  const processors = Number(flagValue(flags, 'ActiveProcessorCount') ?? 0);
  const count = processors > 0 ? processors : cpus;
  const isServer = !forbidden && (forced || (count >= 2 && osBytes >= serverMemoryBytes));
  if (isServer) return { gc: major <= 8 ? 'Parallel' : 'G1', why: '2 CPUs or more and 1792 MiB or more' };
  return { gc: 'Serial', why: count < 2 ? 'fewer than 2 CPUs' : 'less than 1792 MiB of memory' };
}

/** G1 splits the heap into about 2048 regions of a power of two; bytes. From 15 on rounded up from the maximum alone (JDK-8241670). */
export function g1RegionBytes(input: { major: number; initialBytes: number; maxBytes: number; asked: number }): number {
  const { major, initialBytes, maxBytes, asked } = input;
  const smallest = mebi;
  const largest = 32 * mebi;
  // From 18 on a larger region may be asked for (JDK-8275056).
  const largestAsked = major >= 18 ? 512 * mebi : largest;
  const wanted =
    asked > 0 ? asked : Math.floor((major >= 15 ? maxBytes : Math.floor((initialBytes + maxBytes) / 2)) / 2048);
  const power = major >= 15 ? powerOfTwoUp(wanted) : powerOfTwoDown(wanted);
  return Math.min(Math.max(power, smallest), asked > 0 ? largestAsked : largest);
}

/** Shenandoah's regions, bytes: a 2048th of the maximum, rounded down to a power of two, 256 KiB to 32 MiB. Exact on JDK 17. */
export function shenandoahRegionBytes(maxBytes: number): number {
  return Math.min(Math.max(powerOfTwoDown(Math.floor(maxBytes / 2048)), mebi / 4), 32 * mebi);
}

function powerOfTwoUp(value: number): number {
  let power = 1;
  while (power < value) power *= 2;
  return power;
}

function powerOfTwoDown(value: number): number {
  let power = 1;
  while (power * 2 <= value) power *= 2;
  return power;
}

import { formatBytes } from '../report/text.ts';
import type { Awareness } from './awareness.ts';
import { type FlagSetting, flagText, readFlags } from './flags.ts';
import type { Heap, HeapInput } from './heap.ts';
import { parseMemorySize, parsePercentage } from './option-value.ts';
import { openJ9Variables } from './variables.ts';
import { formatJdkVersion } from './version.ts';

/** VMs that size their heap by other rules than HotSpot, as their makers document them: not run, so always inferred. */

const mebi = 1024 ** 2;
const gibi = 1024 ** 3;

/** Both take the options of a current HotSpot that matter here; the rest of its rules is not theirs. */
const optionMajor = 17;

/**
 * The largest heap of OpenJ9 (eclipse.dev/openj9: half of a limit below 1 GiB, the limit less 512 MiB up to 2 GiB, 75% above, at
 * most 25 GiB) or of a GraalVM native image (80% of what it sees), or what -Xmx or -XX:MaxRAMPercentage set.
 */
export function predictOtherVm(input: HeapInput, awareness: Awareness): Heap {
  const { jdk, limitBytes, nodeBytes } = input;
  const isNative = jdk.vendor === 'graalvm-native';
  const physicalBytes = awareness.assumed ? Math.min(limitBytes ?? nodeBytes, nodeBytes) : nodeBytes;
  const isContained = limitBytes !== null && awareness.assumed;
  const flags = readFlags({
    jdk: { major: optionMajor, update: null, patch: null, text: String(optionMajor) },
    args: input.args,
    // A native image is no JVM: it reads none of these variables.
    env: isNative ? {} : openJ9Environment(input.env),
    launcher: !isNative && jdk.major >= 9,
  }).effective;
  const set = (name: string) => flags.findLast((flag) => flag.name === name);
  const asked = bySetting(set('MaxHeapSize'), set('MaxRAMPercentage'), physicalBytes);
  const largest = asked ?? (isNative ? byNative(physicalBytes) : byOpenJ9(physicalBytes, isContained));
  const initial = parseMemorySize(set('InitialHeapSize')?.value ?? '', optionMajor) ?? (isNative ? 0 : 8 * mebi);
  const name = isNative ? 'a GraalVM native image' : 'OpenJ9';
  return {
    jdk: formatJdkVersion(jdk),
    containerAware: awareness.aware,
    physicalBytes,
    initialHeapBytes: Math.min(initial, largest.bytes),
    maxHeapBytes: largest.bytes,
    gc: isNative ? 'Serial' : 'Gencon',
    compressedOops: !isNative && largest.bytes < 57 * gibi,
    fatal: null,
    fatalGrade: 'inferred',
    flags,
    arithmetic: [
      {
        name: 'Memory it sees',
        bytes: physicalBytes,
        why: isContained ? 'the limit of the container' : 'the memory of the node',
      },
      { name: 'Largest heap', bytes: largest.bytes, why: largest.why },
    ],
    notes: [`Reckoned as ${name} is documented, not as it was run: HotSpot's rules do not apply to it.`],
    awareness,
    otherwiseMaxHeapBytes: null,
    withLargePages: null,
    ignored: [],
    suspicious: [],
    unread: [],
  };
}

/** Its own variables stand between JAVA_TOOL_OPTIONS and the command line. */
function openJ9Environment(env: Readonly<Record<string, string>>): Record<string, string> {
  const { JAVA_TOOL_OPTIONS: tool = '', JDK_JAVA_OPTIONS: launcher = '' } = env;
  const own = openJ9Variables.map((name) => env[name] ?? '');
  return { JAVA_TOOL_OPTIONS: [tool, ...own].join(' ').trim(), JDK_JAVA_OPTIONS: launcher };
}

type Largest = { readonly bytes: number; readonly why: string };

function bySetting(
  size: FlagSetting | undefined,
  percentage: FlagSetting | undefined,
  physicalBytes: number,
): Largest | undefined {
  if (size !== undefined) return { bytes: parseMemorySize(size.value, optionMajor) ?? 0, why: flagText(size) };
  if (percentage === undefined) return undefined;
  const percent = parsePercentage(percentage.value, optionMajor) ?? 0;
  return { bytes: Math.floor((physicalBytes * percent) / 100), why: flagText(percentage) };
}

function byNative(physicalBytes: number): Largest {
  return { bytes: Math.floor(physicalBytes * 0.8), why: `80% of ${formatBytes(physicalBytes)}` };
}

function byOpenJ9(physicalBytes: number, isContained: boolean): Largest {
  const of = formatBytes(physicalBytes);
  if (!isContained) {
    const isSmall = physicalBytes <= 2 * gibi;
    const bytes = isSmall ? Math.min(physicalBytes / 2, 512 * mebi) : Math.min(physicalBytes / 4, 25 * gibi);
    return {
      bytes: Math.floor(bytes),
      why: isSmall ? `half of ${of}, at most 512 MiB` : `25% of ${of}, at most 25 GiB`,
    };
  }
  if (physicalBytes < gibi) return { bytes: Math.floor(physicalBytes / 2), why: `half of ${of}` };
  if (physicalBytes <= 2 * gibi) return { bytes: physicalBytes - 512 * mebi, why: `${of} less 512 MiB` };
  return { bytes: Math.floor(Math.min(physicalBytes * 0.75, 25 * gibi)), why: `75% of ${of}, at most 25 GiB` };
}

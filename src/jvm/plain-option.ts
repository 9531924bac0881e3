import type { FlagSetting } from './flags.ts';
import { parseCount, parseMemorySize } from './option-value.ts';

/** Options that are no -XX flags: which JDK takes them. */

type History = {
  readonly pattern: RegExp;
  /** The first and the last major that take it; all of them where not given. */
  readonly from?: number;
  readonly until?: number;
};

/**
 * Sources: run on 17.0.15 and 25.0.3; openjdk/jdk src/hotspot/share/runtime/arguments.cpp of 8 and 25; JEP 214 (-Xincgc),
 * JDK-8168010 (-d64). What JDK 8 takes and ignores for other VMs' sake is its own list.
 */
const histories: readonly History[] = [
  {
    pattern:
      /^-(?:D|ea\b|da\b|esa\b|dsa\b|enableassertions|disableassertions|enablesystemassertions|disablesystemassertions|agentlib:|agentpath:|javaagent:|verbose|noverify$|native$|XX$)/,
  },
  {
    pattern:
      /^-X(?:showSettings|diag|int$|comp$|mixed$|batch$|bootclasspath\/a:|check|debug$|run|loggc|noclassgc$|share|verify|rs$|internalversion$|prof$|maxf|minf|maxjitcodesize)/,
  },
  // On the command line the launcher keeps them; in a variable the VMs of 17 and 25 refuse them (run); older ones are not established.
  { pattern: /^-(?:server|client)$/, until: 16 },
  { pattern: /^-Xbootclasspath(?::|\/p:)/, until: 8 },
  { pattern: /^-X(?:incgc|noincgc|concgc|noconcgc|oss.*|sqnopause|optimize|concurrentio|printflags)$/, until: 8 },
  { pattern: /^-d64$/, until: 9 },
  { pattern: /^-X(?:future|noagent)$/, until: 24 },
  { pattern: /^-Xlog/, from: 9 },
  {
    pattern:
      /^--(?:(?:add-(?:modules|opens|exports|reads)|limit-modules|patch-module|module-path|upgrade-module-path|illegal-access|illegal-native-access|enable-native-access|finalization|sun-misc-unsafe-memory-access|enable-final-field-mutation|illegal-final-field-mutation)=|enable-preview$)/,
    from: 9,
  },
];

/**
 * What a JDK does with an option: takes it, refuses it as one it had once, or does not know it. `unknown`: it stands in no list
 * here, so that it is only likely to be refused.
 */
export function optionState(text: string, major: number): 'accepted' | 'unsupported' | 'unrecognized' | 'unknown' {
  const known = histories.filter(({ pattern }) => pattern.test(text));
  if (known.some(({ from = 0, until = Number.POSITIVE_INFINITY }) => major >= from && major <= until))
    return 'accepted';
  if (/^-Xbootclasspath(?::|\/p:)/.test(text)) return 'unsupported';
  // What is neither -X nor a long option is a plain word of the launcher, and those have not changed in years.
  return known.length > 0 || !/^-(?:X|-)/.test(text) ? 'unrecognized' : 'unknown';
}

/** -Xss may be as much (arguments.cpp, parse_xss). */
export const largestStackBytes = 1024 ** 3;

/**
 * The message for a thread stack below what guard zones and the first frames need, in whole KiB; null where it is enough or the
 * least is not known. 17.0.15 and 25.0.3 were run on amd64; JDK 8's figure is what many people have met (cassandra-env.sh).
 */
export function stackSizeFatal(major: number, architecture: string, set: FlagSetting | undefined): string | null {
  if (set === undefined || !/^(amd64|x86_64)$/.test(architecture)) return null;
  // -Xss is in bytes, -XX:ThreadStackSize in KiB; 0 is the default.
  const kibibytes = set.text?.startsWith('-Xss')
    ? (parseMemorySize(set.value, major) ?? 0) / 1024
    : (parseCount(set.value, major) ?? 0);
  if (kibibytes === 0) return null;
  if (major >= 17 && kibibytes < 136) return 'The Java thread stack size specified is too small. Specify at least 136k';
  return major === 8 && kibibytes < 228 ? 'The stack size specified is too small, Specify at least 228k' : null;
}

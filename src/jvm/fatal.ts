/** What to do about a JVM that refuses to start: by its message. */

const advices: readonly (readonly [RegExp, string])[] = [
  [
    /'UseCGroupMemoryLimitForHeap'/,
    'Remove -XX:+UseCGroupMemoryLimitForHeap: it went with JDK 11, which sees the limit by itself. Set -XX:MaxRAMPercentage instead.',
  ],
  [
    /'(?:UseConcMarkSweepGC|UseParNewGC|CMS\w*|UseCMS\w*)/,
    'Remove the flags of CMS: it went with JDK 14. -XX:+UseG1GC takes its place.',
  ],
  [/'UseParallelOldGC/, 'Remove -XX:+UseParallelOldGC: -XX:+UseParallelGC alone does the same.'],
  [
    /'(?:Max)?PermSize/,
    'Remove it: there is no permanent generation since JDK 8. -XX:MaxMetaspaceSize bounds what came after it.',
  ],
  [
    /'\w*RAMFraction/,
    'Use -XX:MaxRAMPercentage instead, in percent: a fraction of 2 is 50.0. The fractions went with JDK 25.',
  ],
  [
    /Unrecognized VM option '\w*RAMPercentage/,
    'This JDK knows no percentages (they came with 8u191 and 10): set -Xmx, or upgrade.',
  ],
  [
    /Improperly specified VM option '\w*RAMPercentage/,
    'Write the percentage from 0 to 100 with a decimal point and without a sign: -XX:MaxRAMPercentage=75.0. JDK 8 insists on the point.',
  ],
  [
    /Invalid (?:maximum|initial) heap size|Invalid \w+ \w+ \w* ?size|Invalid thread stack size/,
    'Write whole numbers with one letter: 200m, 2g. Mi, MB and fractions are not known to the JVM.',
  ],
  [/SoftMaxHeapSize must be less/, 'Lower -XX:SoftMaxHeapSize below -Xmx, or remove it.'],
  [/Initial heap size set to a larger value/, 'Lower -Xms to -Xmx or below, or raise -Xmx.'],
  [
    /Multiple garbage collectors|Conflicting collector/,
    'Keep one collector; look into JAVA_TOOL_OPTIONS and _JAVA_OPTIONS too.',
  ],
  [/is experimental and must be enabled/, 'Put -XX:+UnlockExperimentalVMOptions before it.'],
  [
    /Unrecognized VM option '(?:Print|UseGCLog|NumberOfGCLog|GCLogFile)/,
    'Remove the flags of the old gc log: from JDK 9 on -Xlog:gc*:file=… takes their place.',
  ],
  [
    /Too small|too low to afford|GC triggered before VM initialization/,
    'Raise -Xmx: the JVM cannot start with so small a heap.',
  ],
  [/stack size specified is too small/, 'Raise -Xss to what the message names, or leave it out: 1 MiB is the default.'],
  [
    /Xbootclasspath/,
    'Remove it: from JDK 9 on only -Xbootclasspath/a: is left; --patch-module replaces classes of the JDK.',
  ],
  [/Unrecognized option: -d(?:32|64)/, 'Remove it: from JDK 10 on there is one data model only.'],
  [/Unrecognized option: -Xincgc/, 'Remove it: CMS’s incremental mode went with JDK 9.'],
  [
    /Could not find or load main class @/,
    'An argument file is read from JDK 9 on, and none within another: write the flags out.',
  ],
  [
    /Could not find or load main class \\/,
    'Take the backslash out: in an argument file each option may stand on a line of its own.',
  ],
  [/[Uu]nmatched quote/, 'Close the quote, or take it out.'],
  [/VM options file|VMOptionsFile/, 'Name one VM options file only, and put all flags into it.'],
  [
    /heap sizes specified/,
    'Let -Xms and -XX:MinHeapSize be no more than -Xmx, and the smallest no more than the first.',
  ],
  [/JDK_JAVA_OPTIONS/, 'Leave only JVM options in JDK_JAVA_OPTIONS.'],
  [
    /Unrecognized option: @/,
    'Argument files are read on the command line and in JDK_JAVA_OPTIONS only: write the flags out.',
  ],
  [/Unrecognized/, 'Remove the flag, or correct its name for this JDK.'],
];

/** The mend for the message with which a JVM refuses to start. */
export function fatalAdvice(message: string): string {
  return advices.find(([pattern]) => pattern.test(message))?.[1] ?? 'Correct the flag that the message names.';
}

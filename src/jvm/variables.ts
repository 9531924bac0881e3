/** HotSpot reads these by itself, in this order; the last one wins, and the command line stands before the last (jvm.md, run on six JDKs). */
export const jvmVariables = ['JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', '_JAVA_OPTIONS'] as const;

/** What JDK 8 reads of a variable of its own: one that is longer it ignores altogether, and of more words the last ones (openjdk/jdk8u, arguments.cpp, parse_options_environment_variable). */
export const mostInJdk8Variable = { bytes: 1023, words: 64 } as const;

/** What OpenJ9 reads besides JAVA_TOOL_OPTIONS, the later one wins; the command line stands behind both, and _JAVA_OPTIONS is not read (eclipse.dev/openj9, "Precedence"; openj9 runtime/vm/vmargs.c). */
export const openJ9Variables = ['OPENJ9_JAVA_OPTIONS', 'IBM_JAVA_OPTIONS'] as const;

/** Variables that only scripts and entrypoints expand; the JVM reads none of them (run on JDK 8 and 17). */
export const scriptVariables: readonly string[] = [
  'JAVA_OPTS',
  'JAVA_OPTIONS',
  'CATALINA_OPTS',
  'MAVEN_OPTS',
  'JVM_OPTS',
  'JAVA_ARGS',
  'JVM_ARGS',
  '_JAVA_OPTS',
  'JAVA_TOOL_OPTS',
  'JAVA_EXTRA_OPTS',
  'JAVA_OPTS_APPEND',
  'JAVA_MEM',
  'JAVA_HEAP',
  'JAVA_MAX_MEM_RATIO',
  'GRADLE_OPTS',
  'SBT_OPTS',
  'KAFKA_HEAP_OPTS',
  'ES_JAVA_OPTS',
];

import { redact } from '../redact.ts';
import { shortened } from '../report/text.ts';
import { visibleText } from '../report/visible-text.ts';

/** What a JVM can end of by itself, as a cause in the contract for scripts. */
export type JvmCause =
  | 'heap'
  | 'gc-overhead'
  | 'metaspace'
  | 'compressed-class-space'
  | 'direct-memory'
  | 'native-threads'
  | 'array-size'
  | 'stack-overflow'
  | 'bad-flags'
  | 'native-crash';

export type JvmComplaint = {
  readonly cause: JvmCause;
  /** The line that says so: redacted, at most 300 characters. */
  readonly line: string;
  /** The JVM ended itself because of it; else only a thread did, and the process may have lived on. */
  readonly isTheEnd: boolean;
  /** What shows that the process lived on after it, and may have ended of something else: redacted, at most 300 characters. */
  readonly overtakenBy: string | undefined;
};

/** Each cause as a clause. */
export const jvmClaims: Readonly<Record<JvmCause, string>> = {
  heap: 'the JVM’s heap was full (Java heap space)',
  'gc-overhead':
    'the JVM spent nearly all its time collecting garbage (GC overhead limit exceeded): its heap was as good as full',
  metaspace: 'the JVM’s metaspace was full',
  'compressed-class-space': 'the JVM’s compressed class space was full',
  'direct-memory': 'the JVM’s direct buffer memory was used up',
  'native-threads': 'the JVM could not create another thread: a limit on threads or processes, not on memory',
  'array-size': 'the program asked for an array larger than a JVM can make',
  'stack-overflow': 'a thread’s stack overflowed: endless recursion, as a rule',
  'bad-flags': 'the JVM refused to start with its flags',
  'native-crash': 'the JVM crashed in native code',
};

/**
 * The texts behind `java.lang.OutOfMemoryError: `, from runs of HotSpot 8, 11, 17, 21, 25 and 27; PermGen is JDK 7's, the
 * garbage-collected heap GraalVM native's, errno 11 OpenJ9's.
 */
const outOfMemoryTexts: readonly (readonly [RegExp, JvmCause])[] = [
  [/^(?:Java heap space|Garbage-collected heap size exceeded)/, 'heap'],
  [/^GC overhead limit exceeded/, 'gc-overhead'],
  [/^(?:Metaspace|PermGen space)/, 'metaspace'],
  [/^Compressed class space/, 'compressed-class-space'],
  [/^(?:Direct buffer memory|Cannot reserve \d+ bytes of direct buffer memory)/, 'direct-memory'],
  [/^(?:unable to create (?:new )?native thread|Failed to create a thread)/, 'native-threads'],
  [/^(?:Requested array size exceeds VM limit|Required (?:array )?length)/, 'array-size'],
  [/^(?:Out of swap space|native memory exhausted|Map failed)/, 'native-crash'],
  // What HotSpot prints where not even the first error could be reported: an object was asked for, and there was no heap for it.
  [/^ ?thrown from the UncaughtExceptionHandler/, 'heap'],
];

/** The class and the text behind it: `…Error: text`, or as fields of JSON, `…Error","message":"text`. */
const outOfMemory = /java[./]lang[./]OutOfMemoryError(?![\w$])(?::\s*|"\s*,\s*"\w{1,40}"\s*:\s*")?(.{0,120})/;
/** Netty counts its direct memory by itself, and throws an error of its own. */
const nettyDirect = /\bio\.netty\.util\.internal\.OutOfDirectMemoryError(?![\w$])/;
const theEnd = /(?:Terminating|Aborting) due to java[./]lang[./]OutOfMemoryError/;
const encountered = /fatal error: OutOfMemory encountered: (.{0,80})/;
const nativeCrash =
  /A fatal error has been detected by the Java Runtime Environment|There is insufficient memory for the Java Runtime Environment|Native memory allocation \((?:mmap|malloc)\) failed/;
/** The launcher's last words; the line before them tells which flag. Both are HotSpot's. */
const noJvm = /^Error: (?:Could not create the Java Virtual Machine|A fatal exception has occurred)/;
const noStart = /^Error occurred during initialization of VM/;

/** Frames of a stack trace, and what the JVM says as it writes a heap dump: they belong to the complaint before them. */
const partOfTrace =
  /^\s+at |^\s*\.\.\. \d+ |^\s*Suppressed:|^(?:Dumping heap to|Heap dump file created|Unable to create)/;
const laterError =
  /\b(?:ERROR|FATAL|SEVERE|CRITICAL)\b|"level"\s*:\s*"(?:error|fatal)"|Exception in thread "|^(?:Caused by: )?(?:[\w$]+\.)+[A-Z][\w$]*(?:Exception|Error)\b|failed to start/;
/** So many lines after a complaint an error may still be its echo; so many show that the program went on. */
const echoLines = 5;
const livingLines = 50;
const caught = /\b(?:caught|retry(?:ing)?|handled|recover(?:ed|ing)|ignor(?:ed|ing))\b/i;

/**
 * Finds what the JVM complained of in a log, the line that decides: a JVM that ended itself goes before one that only
 * complained, and the last complaint before earlier ones. Undefined where it complained of nothing that is known here: a line
 * that only names the class of an error complains of nothing.
 */
export function jvmComplaint(log: string): JvmComplaint | undefined {
  let last: JvmComplaint | undefined;
  let previous = '';
  let linesAfter = 0;
  for (const raw of log.split(/\r\n|\r|\n/)) {
    // A line may be megabytes long; what a JVM prints stands in its first few thousand characters, or in a JSON field there.
    const line = raw.length > 8000 ? raw.slice(0, 8000) : raw;
    const fatal = causeOf(encountered.exec(line)?.[1]);
    if (fatal !== undefined) return complaint(fatal, line, 'ended');
    const cause = causeOf(outOfMemory.exec(line)?.[1]);
    const before = last;
    if (cause !== undefined) {
      if (theEnd.test(line)) return complaint(cause, line, 'ended');
      last = complaint(cause, line, 'lives');
    } else if (nettyDirect.test(line)) {
      last = complaint('direct-memory', line, 'lives');
    } else if (/java[./]lang[./]StackOverflowError(?![\w$])/.test(line)) {
      last ??= complaint('stack-overflow', line, 'lives');
    } else if (nativeCrash.test(line)) {
      last = complaint('native-crash', line, 'ended');
    } else if (isFrame(previous) && last?.cause === 'native-crash') {
      last = { ...last, line: shortened(`${last.line}; frame ${shownLine(line.replace(/^#\s*/, ''))}`, 300) };
    } else if (noJvm.test(line)) {
      if (last?.cause !== 'bad-flags') last = complaint('bad-flags', flagLine(previous) ?? line, 'ended');
    } else if (noStart.test(previous) && line.trim() !== '') {
      last = complaint('bad-flags', line, 'ended');
    }
    if (line.trim() === '') continue;
    previous = line;
    if (last !== before) linesAfter = 0;
    else if (last !== undefined && !partOfTrace.test(line)) {
      linesAfter += 1;
      if (isOvertaken(last, line, linesAfter)) last = { ...last, overtakenBy: shownLine(line) };
    }
  }
  return last;
}

/** Whether a line shows that the process lived on after the complaint: another error, or many lines of whatever kind. */
function isOvertaken({ line: said, isTheEnd, overtakenBy }: JvmComplaint, line: string, linesAfter: number): boolean {
  // An error that nobody caught in the main thread ends most programs; what follows is their end.
  if (isTheEnd || overtakenBy !== undefined || /Exception in thread "main"/.test(said)) return false;
  const isOther = laterError.test(line) && !/OutOfMemory|out of memory/i.test(line);
  return (isOther && linesAfter > (caught.test(said) ? 0 : echoLines)) || linesAfter > livingLines;
}

/** The line before the one that names the library in which a JVM crashed. */
function isFrame(line: string): boolean {
  return /^# Problematic frame:/.test(line);
}

function flagLine(line: string): string | undefined {
  return line.trim() === '' || noJvm.test(line) ? undefined : line;
}

function causeOf(text: string | undefined): JvmCause | undefined {
  return text === undefined ? undefined : outOfMemoryTexts.find(([pattern]) => pattern.test(text))?.[1];
}

function complaint(cause: JvmCause, line: string, end: 'ended' | 'lives'): JvmComplaint {
  return { cause, line: shownLine(line), isTheEnd: end === 'ended', overtakenBy: undefined };
}

/** A log line as a report shows it: without control characters and secrets, at most 300 characters. */
export function shownLine(line: string): string {
  // Masked before its lines become one, for a key is known by its lines; and after, for what was hidden between letters.
  return shortened(redact(visibleText(redact(line.slice(0, 2000))).trim()), 300);
}

const pickedUp =
  /^(?:NOTE: )?Picked up (JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|_JAVA_OPTIONS|OPENJ9_JAVA_OPTIONS|IBM_JAVA_OPTIONS): (.*)$/;

/** The variables that the JVM itself says it took: facts, also where the pod takes them from a secret. The last start counts. */
export function pickedUpVariables(log: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of log.split(/\r\n|\r|\n/)) {
    if (line.length > 20_000) continue;
    const [, name, value] = pickedUp.exec(line.trim()) ?? [];
    if (name !== undefined && value !== undefined) found[name] = value;
  }
  return found;
}

const javaSigns: readonly RegExp[] = [
  /^\s+at [\w.$/]+\.[\w$<>]+\([\w$]+\.(?:java|kt|scala|groovy):\d+\)/m,
  /^\s+at [\w.$/]+\.[\w$<>]+\((?:Native Method|Unknown Source)\)/m,
  /Exception in thread "[^"]{0,200}" java\./,
  /java[./]lang[./](?:OutOfMemoryError|StackOverflowError)/,
  /^(?:NOTE: )?Picked up (?:JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|_JAVA_OPTIONS):/m,
  /:: Spring Boot ::|Started \w+ in [\d.]+ seconds \((?:JVM|process) running for/,
  /OpenJDK 64-Bit Server VM|Java HotSpot\(TM\)|Error: Could not create the Java Virtual Machine|Java Runtime Environment/,
  /^\[[\d.]+s\]\[\w+\s*\]\[gc/m,
  /\[(?:Full )?GC \((?:Allocation Failure|Metadata GC Threshold|Ergonomics|System\.gc\(\))\)/,
  /Unrecognized VM option|Invalid maximum heap size/,
];

/** Whether a log was written by a JVM: frames of a stack trace, the JVM's own lines, Spring Boot's. */
export function looksLikeJavaLog(log: string): boolean {
  const start = log.slice(0, 300_000);
  return javaSigns.some((sign) => sign.test(start));
}

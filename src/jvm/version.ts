import { redact } from '../redact.ts';
import { Refusal } from '../refusal.ts';

/** Which JDK it is, from the many ways in which versions are written. Compare by major and update only. */

export type JdkVersion = {
  readonly major: number;
  /** 8u181 → 181; 17.0.12 → 12; null when only the major is known. */
  readonly update: number | null;
  /** 11.0.32.1 → 1. */
  readonly patch: number | null;
  /** As it was written. */
  readonly text: string;
  readonly vendor?: 'openj9' | 'graalvm-native' | 'hotspot';
};

const prefix =
  /^(?:(?:openjdk|java|jdk|jre|jvm|version|build|temurin|corretto|zulu|liberica|sapmachine|hotspot|oracle|semeru|openj9|ibm|graalvm|native|open|v)[-_: "']*)+(?=\d)/i;

/**
 * Parses a version in any of the forms that JVMs, images and people write: `8u181`, `1.8.0_181-b13`, `25.181-b13` (a VM
 * version), `17`, `17.0.15+6-Debian-1deb12u1`, `21.0.12.1`, `jdk-17.0.17+10`, `17.0.1_12`. Undefined when it is none.
 */
export function parseJdkVersion(text: string): JdkVersion | undefined {
  const written = text.trim().replace(/^["']|["']$/g, '');
  if (written.length > 100) return undefined;
  const bare = written.replace(prefix, '');
  const numbers = parseNumbers(bare);
  // Java 5 was the first to be called by its major.
  if (!numbers || numbers.major < 5) return undefined;
  const vendor = vendorOf(written);
  return { ...numbers, text: written, ...(vendor ? { vendor } : {}) };
}

type Numbers = { major: number; update: number | null; patch: number | null };

function parseNumbers(text: string): Numbers | undefined {
  // What may follow the numbers: a build, a vendor's own name, a variant of an image tag.
  const tail = '(?:[-+_][\\w.+~-]*)?$';
  const update = new RegExp(`^([1-9])u(\\d{1,4})?${tail}`).exec(text);
  if (update) return { major: Number(update[1]), update: numberOrNull(update[2]), patch: null };

  // Up to 8 the version began with "1.": 1.8.0_181. 1.8.0 alone is the first release, 1.8 says only the major.
  const old = new RegExp(`^1\\.([1-9])(?:\\.(\\d)(?:_(\\d{1,4}))?)?${tail}`).exec(text);
  if (old) {
    const first = old[2] === undefined ? null : 0;
    return { major: Number(old[1]), update: old[3] === undefined ? first : Number(old[3]), patch: null };
  }

  // The version of the VM itself, as thread dumps and gc logs of 7 and 8 print it: 24.80-b11 is 7u80, 25.181-b13 is 8u181.
  const vm = /^2([45])\.(\d{1,4})-b\d+[\w.+-]*$/.exec(text);
  if (vm) return { major: vm[1] === '4' ? 7 : 8, update: Number(vm[2]), patch: null };

  const modern = new RegExp(`^(\\d{1,2})((?:\\.\\d{1,5}){0,5})(${tail.slice(0, -1)})$`).exec(text);
  if (!modern) return undefined;
  const major = Number(modern[1]);
  const fields = (modern[2] ?? '').split('.').slice(1).map(Number);
  // Corretto numbers its 8 as 8.412.08.1; others write 8.0.412.
  if (major === 8 && (fields[0] ?? 0) >= 20) return { major, update: fields[0] ?? null, patch: null };
  if (major < 9 && fields.length > 0 && fields.length < 2) return { major, update: null, patch: null };
  // 17+35 is the first release; 17 alone and 17-ea tell the major only.
  const isFirst = fields.length === 0 && /^\+\d/.test(modern[3] ?? '');
  return {
    major,
    update: isFirst ? 0 : (fields[1] ?? null),
    // Corretto's fourth and fifth field are its build and revision (21.0.9.11.1), not a patch.
    patch: fields.length === 3 ? (fields[2] ?? null) : null,
  };
}

function numberOrNull(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}

function vendorOf(text: string): JdkVersion['vendor'] {
  if (/openj9|semeru|ibmjava|\bibm\b/i.test(text)) return 'openj9';
  if (/native/i.test(text)) return 'graalvm-native';
  return undefined;
}

/** Whether the JDK is this release or a later one; null when only the major is known and that does not decide it. */
export function isAtLeast(jdk: JdkVersion, major: number, update = 0): boolean | null {
  if (jdk.major !== major) return jdk.major > major;
  if (update === 0) return true;
  return jdk.update === null ? null : jdk.update >= update;
}

/** How the bot names a JDK: `8u181`, `17.0.12`, `17`. */
export function formatJdkVersion(jdk: JdkVersion): string {
  if (jdk.update === null) return String(jdk.major);
  if (jdk.major <= 8) return `${jdk.major}u${jdk.update}`;
  return `${jdk.major}.0.${jdk.update}${jdk.patch === null ? '' : `.${jdk.patch}`}`;
}

/** Images of which the tag begins with the Java version. */
const imagesTaggedByVersion =
  /^(?:openjdk|java|jdk|jre|eclipse-temurin|temurin|amazoncorretto|sapmachine|jdk-community|ibm-semeru-runtimes|ibmjava|zulu-(?:openjdk|openjre)[\w-]*|liberica-(?:openjdk|openjre|runtime|native)[\w-]*|dragonwell|bisheng-jdk|graalvm-community)$/;
/** Images that carry the Java version in their name: `openjdk-17-runtime`, `java17-debian12`. */
const imageNamedByVersion = /^(?:openjdk|java|jdk|jre|temurin|corretto)-?(\d{1,2})(?![\d.])(?:$|[-_])/;
const versionInTag = /(?:^|[-_.])(?:jdk|jre|openjdk|java|temurin|corretto|zulu|liberica)[-_]?(\d[\w.]*)/;

/**
 * The JDK that an image reference tells, by the tag forms of the common vendors; only the major where the tag floats.
 * Undefined when the image hides it, as application images do.
 */
export function jdkFromImage(image: string): JdkVersion | undefined {
  const [reference = ''] = image.trim().split('@');
  const path = reference.toLowerCase().split('/');
  const [name = '', tag = ''] = (path.at(-1) ?? '').split(':');
  const vendor = /openj9|semeru|ibmjava/.test(reference.toLowerCase()) ? ('openj9' as const) : undefined;
  const tell = (version: string | undefined): JdkVersion | undefined => {
    const parsed = version === undefined ? undefined : parseJdkVersion(version);
    if (!parsed) return undefined;
    return { ...parsed, text: version ?? '', ...(vendor ? { vendor } : {}) };
  };

  // Red Hat called its image of Java 1.8 "openjdk18".
  if (/^openjdk18-/.test(name) || path.includes('redhat-openjdk-18')) return tell('8');
  if (imagesTaggedByVersion.test(name)) {
    const leading = /^(?:open-|openjdk-?|jdk-?|jre-?)*(\d[\w.]*)/.exec(tag);
    return tell(leading?.[1]);
  }
  const named = imageNamedByVersion.exec(name);
  if (named) {
    // adoptopenjdk/openjdk11:jdk-11.0.11_9-alpine says more in its tag than in its name; ubi's tags are its own.
    const major = named[1];
    const detail = tell(/^(?:jdk-?|jre-?)(\d[\w.]*)/.exec(tag)?.[1]);
    return detail && String(detail.major) === major ? detail : tell(major);
  }
  return tell(versionInTag.exec(tag)?.[1]);
}

const logPatterns: readonly RegExp[] = [
  // gc log header of JDK 8: OpenJDK 64-Bit Server VM (25.504-b08) for linux-amd64 JRE (1.8.0_504-b08), built on …
  / VM \([^)\s]{1,80}\) for \S{1,40} JRE \(([^)\s]{1,80})\)/,
  // hs_err: # JRE version: OpenJDK Runtime Environment (17.0.15+6) (build 17.0.15+6-Debian-1deb12u1)
  /^# JRE version: .{0,120}?\(build ([^),\s]{1,80})/,
  /^# JRE version: .{0,120}?\(([\d._+\w-]{1,80})\)/,
  /(?:^|\s)(?:openjdk|java|semeru) version "([^"]{1,80})"/,
  /Runtime Environment .{0,80}?\(build ([^),\s]{1,80})/,
  /Full thread dump .{0,80}?\((\d\S{0,79}) /,
  /\[gc(?:,init)?\s*\] Version: (\S{1,80})/,
  /\busing Java (\d\S{0,60})/,
  /\bjava\.version\s{0,4}[=:]\s{0,4}"?(\d[\w.+-]{0,60})/,
];

/** OpenJ9 says its own name, and numbers its messages; the last is what it prints of `-version`. */
const openJ9Signs = /\bOpenJ9\b|\bIBM J9 VM\b|^JVM(?:DUMP|J9VM|J9GC|SHRC|JNCK)\d+[IEW]\b/m;
/** Quarkus says what it runs on; Spring tells the file that was started, and a native image is no jar and no folder of classes. */
const nativeSigns =
  /\bnative \(powered by Quarkus \d|\bStarting AOT-processed \S{1,200} .{0,200}with PID \d+ \((?!\S{0,400}(?:\.[jw]ar|classes|BOOT-INF|!))/;
const hotspotSigns = /\bHotSpot\b|\b(?:Open)?JDK 64-Bit Server VM\b|\bon JVM \(powered by Quarkus/;

/** The kind of VM that a log tells, which a version alone does not; undefined where it does not tell. */
export function vendorFromLog(log: string): JdkVersion['vendor'] {
  if (openJ9Signs.test(log)) return 'openj9';
  if (nativeSigns.test(log)) return 'graalvm-native';
  return hotspotSigns.test(log) ? 'hotspot' : undefined;
}

/**
 * The JDK that a log tells, and the line that tells it: a gc log's header, hs_err, the output of `-version`, Spring Boot's
 * first line, a thread dump. Undefined when no line does.
 */
export function jdkFromLog(log: string): { version: JdkVersion; line: string } | undefined {
  for (const full of log.split('\n')) {
    const line = full.length > 2000 ? full.slice(0, 2000) : full;
    for (const pattern of logPatterns) {
      const version = parseJdkVersion((pattern.exec(line)?.[1] ?? '').replace(/[),;:]+$/, ''));
      if (!version) continue;
      const vendor = vendorFromLog(line);
      return { version: vendor === undefined ? version : { ...version, vendor }, line: full.trim() };
    }
  }
  return undefined;
}

/**
 * The JDK that a person named.
 * @throws Refusal where it is no version
 */
export function requireJdk(text: string): JdkVersion {
  const version = parseJdkVersion(text);
  if (version) return version;
  throw new Refusal(
    `${shown(text)} is not a JDK version.`,
    'Write it as java -version tells it: 8u181, 1.8.0_181, 17 or 17.0.12.',
  );
}

function shown(text: string): string {
  return text.trim() === '' ? 'An empty text' : `"${redact(text).slice(0, 60)}"`;
}

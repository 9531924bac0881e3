import { distance } from 'fastest-levenshtein';
import { flagKind, flagState, knownFlags } from './flag-history.ts';
import { launchWords, type OptionWord, splitOptions } from './launch.ts';
import { withOptionFiles } from './option-files.ts';
import { parseCount, parseMemorySize, parsePercentage } from './option-value.ts';
import { largestStackBytes, optionState, stackSizeFatal } from './plain-option.ts';
import { scriptVariables } from './variables.ts';
import type { JdkVersion } from './version.ts';

/** One flag as it was set: the VM's own name for it (-Xmx is MaxHeapSize), its value, and where that was written. */
export type FlagSetting = {
  readonly name: string;
  readonly value: string;
  readonly source: string;
  /** As it was written: `-Xmx128m`. */
  readonly text?: string;
};

export type FlagInput = {
  readonly jdk: JdkVersion;
  /** The command line, with or without `java`, up to the program's own arguments or with them. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Whether the `java` launcher starts the VM (it alone reads JDK_JAVA_OPTIONS). True where not given. */
  readonly launcher?: boolean;
  /** amd64 where not given. */
  readonly architecture?: string;
  /** The content of argument files and VM option files, by the path they are named with. */
  readonly files?: Readonly<Record<string, string>>;
};

/** A flag or a variable that changes nothing. */
export type Ignored = {
  readonly name: string;
  readonly value: string;
  readonly why: string;
  /** A flag as it was written; undefined for a variable. */
  readonly text?: string;
};

export type Flags = {
  /** In the order applied: the last setting of a flag wins. */
  readonly settings: readonly FlagSetting[];
  /** The winner of each flag. */
  readonly effective: readonly FlagSetting[];
  /** The message with which the JVM refuses to start. */
  readonly fatal: string | null;
  /** Whether the message is known to be this JVM's own; else only an option stands there that is not known here. */
  readonly isFatalKnown: boolean;
  /** False when the VM itself refuses; true also when only the launcher fails after the VM has started. */
  readonly vmStarts: boolean;
  /** What the JVM prints about the environment it has read. */
  readonly pickedUp: readonly string[];
  /** What looks like a setting and is none for this JVM. */
  readonly ignored: readonly Ignored[];
  /** Files of options whose content is not known. */
  readonly unread: readonly string[];
  /** Flags unknown here that are nearly the name of a known one. */
  readonly suspicious: readonly { readonly name: string; readonly near: string }[];
};

/**
 * Which flags a JVM ends up with. Order, the last one wins: JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS (9 and later, `java` only), the
 * command line from left to right, _JAVA_OPTIONS. Source: run on six JDKs, 46 cases each.
 */
export function readFlags({ jdk, args, env, launcher = true, architecture = 'amd64', files = {} }: FlagInput): Flags {
  const readsLauncherVariable = jdk.major >= 9 && launcher;
  const launch = launchWords({
    major: jdk.major,
    args,
    environment: readsLauncherVariable ? (env.JDK_JAVA_OPTIONS ?? '') : '',
    files,
  });
  const before = variableWords(env, 'JAVA_TOOL_OPTIONS');
  const after = variableWords(env, '_JAVA_OPTIONS');
  const expand = (given: readonly OptionWord[], container: string) =>
    jdk.major < 9 ? { words: given, fatal: null, unread: [] } : withOptionFiles(given, container, files);
  const containers = [
    expand(before.words, "env_var='JAVA_TOOL_OPTIONS'"),
    expand(launch.words, 'cmd_line_args'),
    expand(after.words, "env_var='_JAVA_OPTIONS'"),
  ];
  const words = containers.flatMap((container) => container.words);
  const reader = new OptionReader(jdk);
  reader.ignoresUnrecognized =
    words.findLast(({ text }) => ignoring.test(text))?.text === '-XX:+IgnoreUnrecognizedVMOptions';
  for (const { fatal } of [launch, before, after, ...containers]) reader.refuse(fatal);
  for (const word of words) reader.read(word);
  reader.checkCollectors();
  const stack = reader.settings.findLast(({ name }) => name === 'ThreadStackSize');
  reader.refuse(stackSizeFatal(jdk.major, architecture, stack));

  const mainClass = launch.mainClass?.replaceAll('/', '.');
  const launcherFatal = mainClass === undefined ? null : `Error: Could not find or load main class ${mainClass}`;
  return {
    settings: reader.settings,
    effective: [...new Map(reader.settings.map((setting) => [setting.name, setting])).values()],
    fatal: reader.fatal ?? launcherFatal,
    isFatalKnown: reader.isFatalKnown,
    vmStarts: reader.fatal === null,
    pickedUp: pickedUp(env, readsLauncherVariable),
    ignored: [...ignoredVariables(env, jdk), ...reader.ignored],
    unread: [...launch.unread, ...containers.flatMap(({ unread }) => unread)],
    suspicious: reader.suspicious,
  };
}

const ignoring = /^-XX:[+-]IgnoreUnrecognizedVMOptions$/;

/** The winning value of a flag, if it was set. */
export function flagValue(flags: readonly FlagSetting[], name: string): string | undefined {
  return flags.findLast((flag) => flag.name === name)?.value;
}

/** A flag as it was written, or as it could be: `-Xmx128m`, `-XX:+UseSerialGC`. */
export function flagText({ name, value, text }: FlagSetting): string {
  if (text !== undefined) return text;
  return value === 'true' || value === 'false' ? `-XX:${value === 'true' ? '+' : '-'}${name}` : `-XX:${name}=${value}`;
}

function variableWords(env: Readonly<Record<string, string>>, name: string) {
  const { words, unmatchedQuote } = splitOptions(env[name] ?? '');
  return {
    words: words.map((text): OptionWord => ({ text, source: name })),
    fatal: unmatchedQuote ? `Unmatched quote in ${name}` : null,
  };
}

function pickedUp(env: Readonly<Record<string, string>>, readsLauncherVariable: boolean): string[] {
  const line = (name: string, note = '') => (env[name] ? [`${note}Picked up ${name}: ${env[name]}`] : []);
  return [
    ...(readsLauncherVariable ? line('JDK_JAVA_OPTIONS', 'NOTE: ') : []),
    ...line('JAVA_TOOL_OPTIONS'),
    ...line('_JAVA_OPTIONS'),
  ];
}

function ignoredVariables(env: Readonly<Record<string, string>>, jdk: JdkVersion): Flags['ignored'] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (scriptVariables.includes(name))
      return [{ name, value, why: 'the JVM does not read it; only a start script that expands it makes it count' }];
    if (name === 'JDK_JAVA_OPTIONS' && jdk.major < 9)
      return [{ name, value, why: `read by java from JDK 9 on, not by JDK ${jdk.major}: use JAVA_TOOL_OPTIONS` }];
    return [];
  });
}

/** Reads options one by one, as the VM does; the first refusal stands. */
class OptionReader {
  readonly settings: FlagSetting[] = [];
  readonly ignored: Ignored[] = [];
  readonly suspicious: { name: string; near: string }[] = [];
  fatal: string | null = null;
  isFatalKnown = true;
  ignoresUnrecognized = false;
  private readonly jdk: JdkVersion;

  constructor(jdk: JdkVersion) {
    this.jdk = jdk;
  }

  refuse(message: string | null): void {
    this.fatal ??= message;
  }

  read(word: OptionWord): void {
    const { text } = word;
    const [, short = '', value = ''] = /^-(Xmx|Xms|Xmn|Xss)(.*)$/s.exec(text) ?? [];
    if (short !== '') {
      this.readShort(word, short, value);
      return;
    }
    if (text.startsWith('-XX:')) {
      this.readFlag(word, text.slice(4));
      return;
    }
    const state = optionState(text, this.jdk.major);
    if (state === 'accepted') return;
    if (state === 'unsupported') this.refuse(`${text.replace(/:.*$/s, '')} is no longer a supported option.`);
    else if (!this.ignoresUnrecognized) {
      this.isFatalKnown = this.fatal !== null || state === 'unrecognized';
      this.refuse(`Unrecognized option: ${text}`);
    }
  }

  private set(word: OptionWord, name: string, value: string): void {
    this.settings.push({ name, value, source: word.source, text: word.text });
  }

  private readShort(word: OptionWord, short: string, value: string): void {
    const size = parseMemorySize(value, this.jdk.major);
    const what: Record<string, { name: string; words: string; least: number }> = {
      Xmx: { name: 'MaxHeapSize', words: 'maximum heap size', least: 1 },
      Xms: { name: 'InitialHeapSize', words: 'initial heap size', least: 0 },
      Xmn: { name: 'NewSize', words: 'initial young generation size', least: 1 },
      Xss: { name: 'ThreadStackSize', words: 'thread stack size', least: 0 },
    };
    const { name, words, least } = what[short] ?? { name: short, words: short, least: 0 };
    const isTooLarge = short === 'Xss' && this.jdk.major >= 9 && (size ?? 0) > largestStackBytes;
    if (size === undefined || size < least || isTooLarge) this.refuse(`Invalid ${words}: ${word.text}`);
    else this.set(word, name, value);
  }

  private readFlag(word: OptionWord, body: string): void {
    const { jdk } = this;
    const [, sign = '', name = '', equals = '', value = ''] = /^([+-]?)([A-Za-z0-9_]*)([=:]?)(.*)$/s.exec(body) ?? [];
    const state = equals === ':' ? 'unrecognized' : flagState(name, jdk);
    if (state === 'unrecognized') {
      if (!this.ignoresUnrecognized) this.refuse(`Unrecognized VM option '${body.slice(sign.length)}'`);
      else
        this.ignored.push({
          name,
          value: sign || value,
          why: `JDK ${jdk.major} does not know it, and is told not to mind`,
          text: word.text,
        });
      return;
    }
    if (state === 'experimental' && flagValue(this.settings, 'UnlockExperimentalVMOptions') !== 'true') {
      const unlock = '-XX:+UnlockExperimentalVMOptions';
      if (!this.ignoresUnrecognized)
        this.refuse(`Error: VM option '${name}' is experimental and must be enabled via ${unlock}.`);
      return;
    }
    if (state === 'ignored') {
      this.ignored.push({ name, value: sign || value, why: `JDK ${jdk.major} warns and ignores it`, text: word.text });
      return;
    }
    const kind = flagKind(name);
    if (kind === undefined) this.suspect(name);
    const improper = this.improper(name, sign, equals, value, body.slice(sign.length), word.text);
    if (improper !== null) this.refuse(improper);
    else this.set(word, name, sign === '' ? value : String(sign === '+'));
  }

  private improper(
    name: string,
    sign: string,
    equals: string,
    value: string,
    body: string,
    text: string,
  ): string | null {
    const kind = flagKind(name);
    const { major } = this.jdk;
    if (kind === undefined) return null;
    if (kind === 'switch') return sign === '' ? `Missing +/- setting for VM option '${body}'` : null;
    if (sign !== '') return `Unexpected +/- setting in VM option '${body}'`;
    if (name === 'MaxHeapSize' && equals === '=')
      return (parseMemorySize(value, major) ?? 0) >= 1 ? null : `Invalid maximum heap size: ${text}`;
    const checks: Record<typeof kind, () => boolean> = {
      text: () => true,
      size: () => parseMemorySize(value, major) !== undefined,
      percentage: () => parsePercentage(value, major) !== undefined,
      count: () => parseCount(value, major) !== undefined,
      fraction: () => (parseCount(value, major) ?? 0) >= 1,
    };
    // G1's regions have a largest size: 32 MiB, from 18 on 512 MiB (JDK-8275056); JDK 8 takes a larger one and lowers it.
    const isTooLarge =
      name === 'G1HeapRegionSize' &&
      major >= 9 &&
      (parseMemorySize(value, major) ?? 0) > (major >= 18 ? 2 ** 29 : 2 ** 25);
    if (equals === '=' && checks[kind]() && !isTooLarge) return null;
    // JDK 8 checks the range after parsing (arguments.cpp, verify_interval).
    if (kind === 'fraction' && major <= 8 && value === '0')
      return `${name} of 0 is invalid; must be between 1 and 18446744073709551615`;
    return `Improperly specified VM option '${body}'`;
  }

  private suspect(name: string): void {
    const near = knownFlags.find((known) => distance(name.toLowerCase(), known.toLowerCase()) <= 2);
    if (near !== undefined) this.suspicious.push({ name, near });
  }

  checkCollectors(): void {
    const { major } = this.jdk;
    const isOn = (name: string) => flagValue(this.settings, name) === 'true';
    const chosen = [
      isOn('UseSerialGC'),
      isOn('UseParallelGC') || isOn('UseParallelOldGC') || isOn('AggressiveHeap'),
      isOn('UseG1GC'),
      isOn('UseConcMarkSweepGC') || isOn('UseParNewGC'),
      isOn('UseZGC'),
      isOn('UseShenandoahGC'),
      isOn('UseEpsilonGC'),
    ].filter(Boolean).length;
    if (chosen < 2) return;
    this.refuse(
      major <= 9
        ? 'Conflicting collector combinations in option list; please refer to the release notes for the combinations allowed'
        : 'Multiple garbage collectors selected',
    );
  }
}

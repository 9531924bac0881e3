/** How the `java` launcher and the VM take a command line and the environment apart into VM options. */

/** One option, and where it was written. */
export type OptionWord = { readonly text: string; readonly source: string };

/** Launcher options whose value is the next word. */
const optionsWithValue = new Set(['-cp', '-classpath', '--class-path', '-p', '--module-path', '--upgrade-module-path']);
const longOptionsWithValue = new Set([
  '--add-modules',
  '--add-opens',
  '--add-exports',
  '--add-reads',
  '--limit-modules',
  '--patch-module',
  '--enable-native-access',
  '--source',
  '--describe-module',
  '-d',
  '--illegal-native-access',
  '--finalization',
]);
/** Options that name the program. */
const mainOptions = new Set(['-jar', '-m', '--module']);
/** What the launcher refuses in its environment variable: they name the program, or end without one (args.c, isTerminalOpt; run on 17 and 25). */
const refusedInVariable =
  /^(?:-jar|-m|--module|--module=.*|--dry-run|-h|-\?|-help|--help|-X|--help-extra|-version|--version|-fullversion|--full-version)$/s;
/** Options that the launcher keeps to itself. */
const launcherOnly =
  /^(-jar|-m|--module|--module=.*|-version|--version|-showversion|--show-version|-help|--help|-h|-\?|-X|--help-extra|-splash:.*|--list-modules|--dry-run|--validate-modules|--show-module-resolution|--describe-module=.*|-jre-.*|-no-jre-.*|-fullversion|--full-version|--source=.*|-server|-client)$/;
/** The launcher of 17 hands it on to the VM, which does not know it; that of 25 keeps it (run on both). */
const noFiles = '--disable-@files';
const noFilesMajor = 18;

export type LaunchWords = {
  readonly words: readonly OptionWord[];
  /** Files of options that are named but whose content is not known. */
  readonly unread: readonly string[];
  /** The message with which the launcher gives up before the VM starts. */
  readonly fatal: string | null;
  /** What is taken for the main class and cannot be one: `@file` on JDK 8 or within an argument file, a lone backslash. */
  readonly mainClass: string | null;
};

/** Splits as the VM splits JAVA_TOOL_OPTIONS: at white space; single and double quotes hold words together and fall away. */
export function splitOptions(text: string): { readonly words: readonly string[]; readonly unmatchedQuote: boolean } {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (const character of text) {
    if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  if (word !== undefined) words.push(word);
  return { words, unmatchedQuote: quote !== undefined };
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f' };

/**
 * Splits the content of an argument file as the launcher does (src/java.base/share/native/libjli/args.c): white space separates, `#`
 * begins a comment wherever it stands outside of quotes, quotes hold words together to the end of the line, and only within them does a
 * backslash escape, or join the next line.
 */
export function splitArgumentFile(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  const end = () => {
    if (word !== undefined) words.push(word);
    word = undefined;
    quote = undefined;
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (/[\n\r]/.test(character)) end();
    else if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else if (character !== '\\') word += character;
      else {
        at += 1;
        const escaped = text[at] ?? '';
        if (/[\n\r]/.test(escaped)) while (/\s/.test(text[at + 1] ?? '')) at += 1;
        else word += escapes[escaped] ?? escaped;
      }
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/[ \t\f]/.test(character)) end();
    else if (character === '#') {
      while (at + 1 < text.length && !/[\n\r]/.test(text[at + 1] ?? '')) at += 1;
    } else word = (word ?? '') + character;
  }
  end();
  return words;
}

type LaunchInput = {
  readonly major: number;
  readonly args: readonly string[];
  /** The value of JDK_JAVA_OPTIONS, '' where unset or not read. */
  readonly environment: string;
  readonly files: Readonly<Record<string, string>>;
};

/**
 * The VM options of a command line, as the launcher hands them on: everything up to the main class, in order, without the
 * launcher's own options. A leading `java`, or what wraps it, is skipped.
 */
export function launchWords({ major, args, environment, files }: LaunchInput): LaunchWords {
  const unread: string[] = [];
  let isExpanding = major >= 9;
  const expand = (texts: readonly string[], source: string): OptionWord[] =>
    texts.flatMap((text) => {
      if (text === noFiles) isExpanding = false;
      if (!isExpanding || !/^@[^@]/.test(text)) return [{ text, source }];
      const file = text.slice(1);
      const content = files[file];
      if (content === undefined) unread.push(file);
      return splitArgumentFile(content ?? '').map((option) => ({ text: option, source: `${source}, @${file}` }));
    });

  const split = splitOptions(environment);
  const variable = 'environment variable JDK_JAVA_OPTIONS';
  const give = (fatal: string): LaunchWords => ({ words: [], unread, fatal, mainClass: null });
  if (split.unmatchedQuote) return give(`Error: Unmatched quote in ${variable}`);

  const fromEnvironment = takeOptions(expand(split.words, 'JDK_JAVA_OPTIONS'), major);
  if (fromEnvironment.refused !== undefined) {
    const { text, source } = fromEnvironment.refused;
    const file = /, (@.*)$/s.exec(source)?.[1];
    return give(`Error: Option ${text}${file === undefined ? '' : ` in ${file}`} is not allowed in ${variable}`);
  }
  if (fromEnvironment.main !== null) return give(`Error: Cannot specify main class in ${variable}`);
  // Arguments after the main class are the program's: an @file there is not read.
  const fromCommandLine = takeOptions(expand(upToMain(skipWrapper(args), major), 'command line'), major);
  // In an argument file a backslash at the end of a line joins nothing outside of quotes.
  const isClass = fromCommandLine.refused?.text !== '-jar';
  const main = isClass && /^[@\\]/.test(fromCommandLine.main ?? '') ? fromCommandLine.main : null;
  return {
    words: [...fromEnvironment.options, ...fromCommandLine.options],
    unread,
    fatal: null,
    mainClass: main?.replace(/^@@/, '@') ?? null,
  };
}

/** `tini -- java -Xmx1g …` and `/opt/jdk/bin/java -Xmx1g …` begin after the word java. */
function skipWrapper(args: readonly string[]): readonly string[] {
  const [first = ''] = args;
  if (/^[-@]/.test(first)) return args;
  const java = args.findIndex((argument) => /(?:^|\/)java$/.test(argument));
  return java === -1 ? args : args.slice(java + 1);
}

/** The words up to and with the main class. */
function upToMain(args: readonly string[], major: number): readonly string[] {
  let index = 0;
  while (index < args.length) {
    const text = args[index] ?? '';
    if (!text.startsWith('-') && !(major >= 9 && text.startsWith('@'))) return args.slice(0, index + 1);
    index += takesNext(text, major) ? 2 : 1;
  }
  return args;
}

/**
 * The words before the program is named, without those that are values of the launcher's own options; for a JDK that is not
 * known, so the options of all of them count.
 */
export function wordsBeforeProgram(words: readonly string[]): readonly string[] {
  const before: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (mainOptions.has(word)) break;
    if (takesNext(word, Number.POSITIVE_INFINITY)) index += 1;
    else if (!word.startsWith('-') && !word.startsWith('@')) break;
    else before.push(word);
  }
  return before;
}

function takesNext(option: string, major: number): boolean {
  return (
    optionsWithValue.has(option) || (major >= 9 && (longOptionsWithValue.has(option) || /^(-m|--module)$/.test(option)))
  );
}

function takeOptions(words: readonly OptionWord[], major: number) {
  const options: OptionWord[] = [];
  let refused: OptionWord | undefined;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index];
    if (word === undefined) break;
    const { text, source } = word;
    if (!text.startsWith('-')) return { options, refused, main: text };
    if (refusedInVariable.test(text)) refused ??= word;
    if (takesNext(text, major)) {
      // The VM gets long options together with their value; that one is there is all that counts here.
      if (longOptionsWithValue.has(text) && text.startsWith('--') && !launcherOnly.test(`${text}=`))
        options.push({ text: `${text}=`, source });
      index += 1;
      // What follows the module's name belongs to the program.
      if (/^(-m|--module)$/.test(text)) break;
    } else if (!launcherOnly.test(text) && !(text === noFiles && major >= noFilesMajor))
      options.push({ text: text.replace(/^-(mx|ms|ss)(?=[\d=])/, '-X$1'), source });
  }
  return { options, refused, main: null };
}

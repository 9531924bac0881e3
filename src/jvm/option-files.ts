import { type OptionWord, splitOptions } from './launch.ts';

type Expanded = {
  readonly words: readonly OptionWord[];
  /** The message with which the VM refuses to start. */
  readonly fatal: string | null;
  /** Files whose content is not known. */
  readonly unread: readonly string[];
};

const naming = /^-XX:VMOptionsFile=(.*)$/s;

/**
 * Puts the content of a VM options file in the place where it is named, as the VM does before it reads any option (from 9 on; run on
 * 17.0.15 and 25.0.3): without comments, and one file only in each of the three containers of options.
 * @param container as the VM calls it in its messages: `cmd_line_args`, `env_var='JAVA_TOOL_OPTIONS'`
 */
export function withOptionFiles(
  words: readonly OptionWord[],
  container: string,
  files: Readonly<Record<string, string>>,
): Expanded {
  const named = words.filter(({ text }) => naming.test(text)).map(({ text }) => text);
  const [first, second] = named;
  const path = naming.exec(first ?? '')?.[1];
  if (first === undefined || path === undefined) return { words, fatal: null, unread: [] };
  const content = files[path];
  const { words: inside, unmatchedQuote } = splitOptions(content ?? '');
  const refused = unmatchedQuote
    ? `Unmatched quote in ${path}`
    : inside.some((text) => naming.test(text))
      ? `A VM options file may not refer to a VM options file. Specification of '-XX:VMOptionsFile=<file-name>' in the options file '${first}' in options container '${container}' is an error.`
      : second === undefined
        ? null
        : `The option '${first}' is already specified in the options container '${container}' so the specification of '${second}' in the same options container is an error.`;
  return {
    words: words.flatMap((word) =>
      word.text === first ? inside.map((text) => ({ text, source: `${word.source}, VMOptionsFile ${path}` })) : [word],
    ),
    fatal: refused,
    unread: content === undefined ? [path] : [],
  };
}

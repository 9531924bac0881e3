/** What a line of shell would run, as far as it can be read without running it. */
export type ShellLine = {
  /** The simple commands of the line, each as its words, expanded from the environment. */
  readonly commands: readonly (readonly string[])[];
  /** Variables and substitutions whose value is not known here; they count as empty. */
  readonly unknown: readonly string[];
};

/**
 * Reads a POSIX shell line: quotes, `$NAME`, `${NAME:-default}`, the operators that end a command, and assignments, which
 * hold for the commands after them. Command substitution, arithmetic and functions are not run; they are told as unknown.
 * @param environment the container's variables
 * @param unset names of variables that are set from somewhere that cannot be seen here
 */
export function readShellLine(
  line: string,
  environment: Readonly<Record<string, string>>,
  unset: ReadonlySet<string>,
): ShellLine {
  const variables = new Map(Object.entries(environment));
  const unknown = new Set<string>();
  const commands: string[][] = [];
  let words: string[] = [];
  let word: string | undefined;
  let at = 0;

  const endWord = () => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };
  const endCommand = () => {
    endWord();
    const rest = [...words];
    while (rest[0] === 'export' || isAssignment(rest[0])) {
      const first = rest.shift() ?? '';
      const sign = first.indexOf('=');
      if (sign > 0) variables.set(first.slice(0, sign), first.slice(sign + 1));
    }
    if (rest.length > 0) commands.push(rest);
    words = [];
  };
  const variable = (name: string): string => {
    const value = variables.get(name);
    if (value === undefined && unset.has(name)) unknown.add(`$${name}`);
    return value ?? '';
  };
  /** Reads what follows a `$` at `at` and moves past it. */
  const expansion = (): string => {
    const rest = line.slice(at, at + 2000);
    const plain = /^\$([A-Za-z_]\w*)/.exec(rest);
    if (plain !== null) {
      at += plain[0].length;
      return variable(plain[1] ?? '');
    }
    const braced = /^\$\{([A-Za-z_]\w*)(?:(:?[-+])([^}]*))?\}/.exec(rest);
    if (braced !== null) {
      at += braced[0].length;
      const [, name = '', operator, fallback = ''] = braced;
      const value = variable(name);
      if (operator === undefined) return value;
      const isSet = value !== '' || (operator.length === 1 && variables.has(name));
      return operator.endsWith('-') ? (isSet ? value : fallback) : isSet ? fallback : '';
    }
    const substitution = /^\$\((?:[^()]|\([^()]*\))*\)/.exec(rest);
    if (substitution !== null) {
      at += substitution[0].length;
      unknown.add(substitution[0]);
      return '';
    }
    const isSpecial = /^\$[@*0-9#?$!-]/.test(rest);
    at += isSpecial ? 2 : 1;
    return isSpecial ? '' : '$';
  };

  while (at < line.length) {
    const character = line[at] ?? '';
    if (character === "'") {
      const end = line.indexOf("'", at + 1);
      word = (word ?? '') + line.slice(at + 1, end < 0 ? line.length : end);
      at = end < 0 ? line.length : end + 1;
    } else if (character === '"') {
      at += 1;
      word ??= '';
      while (at < line.length && line[at] !== '"') {
        if (line[at] === '\\' && at + 1 < line.length) {
          word += line[at + 1];
          at += 2;
        } else if (line[at] === '$') word += expansion();
        else {
          word += line[at];
          at += 1;
        }
      }
      at += 1;
    } else if (character === '\\') {
      if (line[at + 1] !== '\n') word = (word ?? '') + (line[at + 1] ?? '');
      at += 2;
    } else if (character === '$') {
      // Unquoted: what it expands to is split at white space.
      const parts = expansion().split(/\s+/);
      for (const [index, part] of parts.entries()) {
        if (index > 0) endWord();
        if (part !== '') word = (word ?? '') + part;
      }
    } else if (character === '`') {
      const end = line.indexOf('`', at + 1);
      unknown.add(line.slice(at, end < 0 ? at + 40 : end + 1));
      at = end < 0 ? line.length : end + 1;
    } else if (character === '#' && word === undefined) {
      const end = line.indexOf('\n', at);
      at = end < 0 ? line.length : end;
    } else if (';&|\n(){}'.includes(character) && !(character === '{' && word !== undefined)) {
      endCommand();
      at += 1;
    } else if (/\s/.test(character)) {
      endWord();
      at += 1;
    } else {
      word = (word ?? '') + character;
      at += 1;
    }
  }
  endCommand();
  return { commands, unknown: [...unknown] };
}

function isAssignment(word: string | undefined): boolean {
  return word !== undefined && /^[A-Za-z_]\w*=/.test(word);
}

import { readShellLine } from '../../kubernetes/shell-words.ts';
import { isBooleanFlag } from './known-flags.ts';
import type { RawSetting } from './setting.ts';

/** The flags among the words of a command, as Go takes them: one dash or two, `=` or the next word. */
export function flagsIn(words: readonly string[]): RawSetting[] {
  const at = words.findIndex(isEtcd);
  const own = words.slice(at + 1);
  const found: RawSetting[] = [];
  for (let index = 0; index < own.length; index += 1) {
    const [, name, sign, value = ''] = /^--?([A-Za-z][\w.-]*)(=)?([\s\S]*)$/.exec(own[index] ?? '') ?? [];
    if (name === undefined) continue;
    const next = own[index + 1];
    const takesNext = sign === undefined && !isBooleanFlag(name) && next !== undefined && !next.startsWith('-');
    found.push({ name, value: sign === '=' ? value : takesNext ? next : 'true', by: 'flag' });
    if (takesNext) index += 1;
  }
  return found;
}

const isEtcd = (word: string) => /(?:^|\/)etcd$/.test(word);

/**
 * What a line of shell, or a container's command with a shell in it, starts etcd with.
 * @returns the settings, and what stands elsewhere; null where no etcd is started
 */
export function readCommand(
  words: readonly string[],
  variables: Readonly<Record<string, string>>,
): { readonly flags: readonly RawSetting[]; readonly unknown: readonly string[] } | null {
  const script = words.findIndex((word) => /^-\w*c$/.test(word));
  const isShell = script > 0 && /(?:^|\/)(?:ba|da|a)?sh$/.test(words[0] ?? '');
  if (!isShell)
    return words.some(isEtcd) || words.some((word) => word.startsWith('--'))
      ? { flags: flagsIn(words), unknown: [] }
      : null;
  return readLine(words[script + 1] ?? '', variables);
}

/** The same of one line. Variables that are not known count as empty, and are told. */
export function readLine(
  line: string,
  variables: Readonly<Record<string, string>>,
): { readonly flags: readonly RawSetting[]; readonly unknown: readonly string[] } | null {
  const named = [...line.matchAll(/\$\{?([A-Za-z_]\w*)/g)].map(([, name = '']) => name);
  const { commands, unknown } = readShellLine(line, variables, new Set(named));
  const started = commands.find((words) => words.some(isEtcd)) ?? commands.find((words) => words[0]?.startsWith('--'));
  return started === undefined ? null : { flags: flagsIn(started), unknown };
}

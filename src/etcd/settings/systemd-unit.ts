import { readShellLine } from '../../kubernetes/shell-words.ts';
import { readLine } from './command-line.ts';
import { joinedLines } from './environment-file.ts';
import { type GivenSettings, type RawSetting, sift } from './setting.ts';

export function looksLikeUnit(text: string): boolean {
  return /^\s*\[Service\]/m.test(text) || /^\s*ExecStart\s*=/m.test(text);
}

/** The settings of a unit: Environment= and ExecStart= (the last that is not empty counts); an EnvironmentFile= is told as elsewhere. */
export function readUnit(text: string): GivenSettings | null {
  const entries = joinedLines(text).flatMap((line) => {
    const [, key, value = ''] = /^\s*([A-Za-z]+)\s*=\s*(.*)$/.exec(line) ?? [];
    return key === undefined ? [] : [{ key, value: value.trim() }];
  });
  const of = (wanted: string) => entries.filter(({ key }) => key === wanted).map(({ value }) => value);
  const variables = of('Environment').flatMap(assignmentsIn);
  // @, -, :, + and ! before the path change how it is started, not what (systemd.service).
  const command = of('ExecStart')
    .findLast((line) => line !== '')
    ?.replace(/^[@:+!-]+/, '');
  const known = Object.fromEntries(variables.map(({ name, value }) => [name, value]));
  const read = command === undefined ? null : readLine(command, known);
  if (read === null && variables.length === 0 && of('EnvironmentFile').length === 0) return null;
  return sift('systemd unit', [...variables, ...(read?.flags ?? [])], {
    elsewhere: [...of('EnvironmentFile').map((file) => file.replace(/^-/, '')), ...(read?.unknown ?? [])],
  });
}

/** `Environment="A=b c" D=e`: several, apart by blanks, quoted as a whole. */
function assignmentsIn(line: string): RawSetting[] {
  // Behind a word of its own nothing is taken for an assignment of the shell's.
  const words = readShellLine(`: ${line.replaceAll('$', '\\$')}`, {}, new Set()).commands[0] ?? [];
  return words.slice(1).flatMap((word) => {
    const sign = word.indexOf('=');
    return sign <= 0 ? [] : [{ name: word.slice(0, sign), value: word.slice(sign + 1), by: 'variable' as const }];
  });
}

import type { RawSetting } from './setting.ts';

/** The assignments of a file as systemd and shells read it: comments, `export`, quotes, a backslash at the end of a line. */
export function readAssignments(text: string): RawSetting[] {
  return joinedLines(text).flatMap((line) => {
    const [, name, value = ''] = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, value: unquoted(value.trim()), by: 'variable' as const }];
  });
}

/** Lines without comments; one that ends with a backslash goes on in the next. */
export function joinedLines(text: string): string[] {
  const lines: string[] = [];
  let open = false;
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*[#;]/.test(line)) continue;
    const goesOn = /\\\s*$/.test(line);
    const part = line.replace(/\\\s*$/, ' ');
    if (open) lines.push(`${lines.pop()}${part.trimStart()}`);
    else lines.push(part);
    open = goesOn;
  }
  return lines;
}

/** What stands between quotes; systemd.exec, EnvironmentFile=. */
function unquoted(value: string): string {
  const [, single] = /^'([^']*)'$/.exec(value) ?? [];
  if (single !== undefined) return single;
  const [, double] = /^"((?:[^"\\]|\\.)*)"$/.exec(value) ?? [];
  return double === undefined ? value : double.replace(/\\(["\\$`])/g, '$1');
}

/** Whether a text is nothing but assignments, and at least one of etcd's. */
export function looksLikeEnvironment(text: string): boolean {
  const lines = joinedLines(text).filter((line) => line.trim() !== '');
  return (
    lines.some((line) => /^\s*(?:export\s+)?ETCD_\w+=/.test(line)) &&
    lines.every((line) => /^\s*(?:export\s+)?[A-Za-z_]\w*=/.test(line))
  );
}

/** Texts that every report uses: sizes, durations, counts and plain tables. */

const kibi = 1024;
const mebi = kibi * 1024;
const gibi = mebi * 1024;
const tebi = gibi * 1024;

/**
 * A size as people say it, in binary units: `1992 MiB`, `1.2 GiB`, `20 KiB`, `512 bytes`.
 * A size that is whole in mebibytes is shown so below 4 GiB, because that is the unit flags and limits are written in.
 */
export function formatBytes(bytes: number): string {
  const size = Math.abs(bytes);
  const isWholeMebibytes = size % mebi === 0;
  const isTenthOfGibibytes = (size * 10) % gibi === 0;
  if (size >= tebi) return `${decimal(bytes / tebi)} TiB`;
  if (size >= gibi && !(isWholeMebibytes && !isTenthOfGibibytes && size < 4 * gibi))
    return `${decimal(bytes / gibi)} GiB`;
  if (size >= mebi) return `${decimal(bytes / mebi)} MiB`;
  if (size >= kibi) return `${decimal(bytes / kibi)} KiB`;
  return count(bytes, 'byte');
}

/** One decimal where it says something: `1.2`, `8`. */
function decimal(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/**
 * A length of time in its two largest units: `350 ms`, `1.2 s`, `3 min 10 s`, `2 h 5 min`, `3 d 4 h`.
 * @param ms milliseconds; negative ones count as 0
 */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${decimal(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  const parts: string[] = [];
  let left = seconds;
  for (const [name, size] of units.slice(first, first + 2)) {
    const amount = Math.floor(left / size);
    left -= amount * size;
    if (amount > 0) parts.push(`${amount} ${name}`);
  }
  return parts.join(' ');
}

/** Its largest unit, and the next where that says something: `5 min`, `2 h 5 min`, `47 s`. */
export function roughly(ms: number): string {
  const [amount = '', unit = '', rest = '', restUnit = ''] = formatDuration(ms).split(' ');
  const isFine = Number(amount) < 10 && unit !== 'min' && rest !== '';
  return (isFine ? [amount, unit, rest, restUnit] : [amount, unit]).join(' ');
}

/** `1st`, `2nd`, `11th`, `23rd` */
export function ordinal(amount: number): string {
  const ending = Math.floor(amount / 10) % 10 === 1 ? undefined : ['th', 'st', 'nd', 'rd'][amount % 10];
  return `${amount}${ending ?? 'th'}`;
}

/** `1 member`, `3 members`; a plural that is not made with an s is given. */
export function count(amount: number, one: string, many = `${one}s`): string {
  return `${amount} ${amount === 1 ? one : many}`;
}

/** A large number as people read it: `1,203,442`. */
export function grouped(amount: number): string {
  return String(amount).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(words: readonly string[], last = 'and'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;
}

/** At most `length` characters (code points), the last one an ellipsis where something was cut. */
export function shortened(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}

/** Columns padded to their widest cell, two spaces apart; no trailing spaces. For terminals and code blocks. */
export function alignedTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [columns, ...rows];
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => [...(line[column] ?? '')].length)));
  return lines
    .map((line) => line.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

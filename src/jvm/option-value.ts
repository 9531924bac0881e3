/** What HotSpot accepts as the value of an option, by version. Facts: run on JDK 8, 11, 17, 21, 25. */

const unitBytes: Readonly<Record<string, bigint>> = {
  '': 1n,
  k: 1n << 10n,
  m: 1n << 20n,
  g: 1n << 30n,
  t: 1n << 40n,
};
const maxUint64 = (1n << 64n) - 1n;

/** A memory size as the JVM reads it: whole bytes or one unit letter; hexadecimal only after 8. `200Mi`, `200mb` and `1.5g` are none. */
export function parseMemorySize(text: string, major: number): number | undefined {
  const pattern = major >= 9 ? /^(0[xX][0-9a-fA-F]{1,16}|\d{1,20})([kKmMgGtT]?)$/ : /^(\d{1,20})([kKmMgGtT]?)$/;
  const match = pattern.exec(text);
  if (!match) return undefined;
  const bytes = BigInt(match[1] ?? '0') * (unitBytes[(match[2] ?? '').toLowerCase()] ?? 1n);
  return bytes > maxUint64 ? undefined : Number(bytes);
}

/**
 * A percentage as the JVM reads it. JDK 8 insists on a decimal point (75 is refused, 75.0 taken) and checks no range (101.0 is
 * taken); later ones take 0 to 100. Up to 17 a decimal point needs a digit on either side, and an exponent needs the point; 25
 * takes whatever strtod takes (run on both; that the change came with 20 is not verified).
 */
export function parsePercentage(text: string, major: number): number | undefined {
  if (major <= 8) return /^-?\d{1,30}\.\d{1,30}$/.test(text) ? Number(text) : undefined;
  const strict = /^(?:-?\d{1,30}\.\d{1,30}(?:[eE][+-]?\d{1,3})?|\d{1,30}|0[xX][0-9a-fA-F]{1,8})$/;
  const lenient = /^(?:[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?|0[xX][0-9a-fA-F]{1,8})$/;
  const value = (major >= 20 ? lenient : strict).test(text) ? Number(text) : Number.NaN;
  return value >= 0 && value <= 100 ? value : undefined;
}

/** A whole number as the JVM reads it; it takes the units of sizes too. */
export function parseCount(text: string, major: number): number | undefined {
  const isNegative = text.startsWith('-');
  const size = parseMemorySize(isNegative ? text.slice(1) : text, major);
  return size === undefined || !isNegative ? size : -size;
}

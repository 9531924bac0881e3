/** Kubernetes quantities: `512Mi`, `0.5Gi`, `129e6`, `1500m`. The one parser for sizes that people and the API write. */

const binarySuffixes: Readonly<Record<string, bigint>> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};
const decimalExponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};

/** Kubernetes caps what it cannot hold at the largest signed 64-bit number (apimachinery, resource.Quantity). */
const largest = (1n << 63n) - 1n;
/** Beyond this power of ten every value is either capped or rounded up to 1. */
const exponentBound = 60;

/**
 * The value in whole units (bytes for memory), rounded up, away from zero, as Kubernetes does: `1500m` is 2.
 * Undefined when it is not a legal quantity (`512 Mi`, `512MB`, `1,5Gi`, empty).
 */
export function parseQuantity(text: string): number | undefined {
  const match = /^([+-]?)(\d{0,40})(?:(\.)(\d{0,40}))?(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d{1,9})?$/.exec(text);
  if (!match) return undefined;
  const [, sign = '', whole = '', , fraction = '', suffix = ''] = match;
  if (whole === '' && fraction === '') return undefined;

  const digits = BigInt(whole + fraction);
  const binary = binarySuffixes[suffix];
  const exponent =
    (decimalExponents[suffix] ?? (/^[eE][+-]?\d/.test(suffix) ? Number(suffix.slice(1)) : 0)) - fraction.length;
  const magnitude = scale(digits * (binary ?? 1n), exponent);
  return Number(sign === '-' ? -magnitude : magnitude);
}

/** digits times ten to the exponent, rounded up, capped. */
function scale(digits: bigint, exponent: number): bigint {
  if (digits === 0n) return 0n;
  if (exponent > exponentBound) return largest;
  if (exponent < -2 * exponentBound) return 1n;
  const scaled = exponent >= 0 ? digits * 10n ** BigInt(exponent) : ceilDivide(digits, 10n ** BigInt(-exponent));
  return scaled > largest ? largest : scaled;
}

function ceilDivide(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}

/** The shortest exact way to write bytes as a quantity: `512Mi`, `8Gi`, `8155000Ki`, `129000001`. */
export function formatQuantity(bytes: number): string {
  for (const [suffix, size] of [['Gi', 1024 ** 3] as const, ['Mi', 1024 ** 2] as const, ['Ki', 1024] as const])
    if (bytes > 0 && bytes % size === 0) return `${bytes / size}${suffix}`;
  return String(bytes);
}

/** The 64 bits of FNV-1a in two halves: numbers of this language hold 53. */
const offset = { high: 0xcbf29ce4, low: 0x84222325 };
/** The prime is 2 to the power of 40, and this. */
const prime = 0x1b3;
const half = 2 ** 32;
/** Stands between names and values: a byte that no UTF-8 text holds. */
const separator = Buffer.from([0xff]);

/**
 * What Alertmanager calls an alert by: FNV-1a of its labels in their order, 64 bits in hex.
 * Source: https://github.com/prometheus/common/blob/main/model/signature.go
 */
export function fingerprintOf(labels: Readonly<Record<string, string>>): string {
  let { high, low } = offset;
  const names = Object.keys(labels).map((name) => Buffer.from(name));
  for (const name of names.sort(Buffer.compare))
    for (const part of [name, separator, Buffer.from(labels[name.toString()] ?? ''), separator])
      for (const byte of part) {
        low = (low ^ byte) >>> 0;
        const product = low * prime;
        high = (high * prime + Math.floor(product / half) + low * 256) % half;
        low = product % half;
      }
  return [high, low].map((word) => word.toString(16).padStart(8, '0')).join('');
}

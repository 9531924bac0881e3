import { redact } from '../redact.ts';
import { Refusal } from '../refusal.ts';
import { formatBytes } from '../report/text.ts';
import { parseQuantity } from './quantity.ts';

/** The largest size that is reckoned with exactly; no machine has as much. */
const largestBytes = 2 ** 53 - 1;
/** No JVM and no node has less. */
const smallestBytes = 1024 ** 2;

/**
 * A size as a person typed it: a Kubernetes quantity or plain bytes.
 * @throws Refusal where it is none, or not more than nothing
 */
export function requireSize(flag: string, text: string): number {
  const bytes = parseQuantity(text.trim());
  const shown = redact(text).slice(0, 60);
  if (bytes === undefined)
    throw new Refusal(
      `${flag} "${shown}" is not a size.`,
      'Write a Kubernetes quantity or plain bytes: 512Mi, 0.5Gi, 129e6, 536870912.',
    );
  if (bytes <= 0) throw new Refusal(`${flag} ${shown} is not more than nothing.`, `Give ${flag} a size such as 512Mi.`);
  if (bytes < smallestBytes) throw tooSmall(flag, text.trim(), bytes);
  if (bytes > largestBytes)
    throw new Refusal(`${flag} ${shown} is more than any machine has.`, `Give ${flag} a size such as 512Mi.`);
  return bytes;
}

/** A unit was left out, or `m` was taken for mega: it is a thousandth (Kubernetes API, Quantity). */
function tooSmall(flag: string, text: string, bytes: number): Refusal {
  const [, amount = '', unit = ''] = /^\+?(\d{1,15}(?:\.\d{1,6})?)(m|k|Ki)?$/.exec(text) ?? [];
  const size = unit === 'm' ? `${Number(amount) / 1000} bytes (m is a thousandth)` : formatBytes(bytes);
  const meant = Number(amount) > 0 ? `${amount}Mi` : undefined;
  return new Refusal(
    `${flag} ${redact(text).slice(0, 60)} is ${size}${meant === undefined ? '.' : `; did you mean ${meant}?`}`,
    `Write ${flag} ${meant ?? '512Mi'}: Ki, Mi and Gi are the units of memory.`,
    meant === undefined ? [] : [meant],
  );
}

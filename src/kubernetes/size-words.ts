import { Refusal } from '../refusal.ts';
import { parseQuantity } from './quantity.ts';

/** The largest size that is reckoned with exactly; no machine has as much. */
const largestBytes = 2 ** 53 - 1;

/**
 * A size as a person typed it: a Kubernetes quantity or plain bytes.
 * @throws Refusal where it is none, or not more than nothing
 */
export function requireSize(flag: string, text: string): number {
  const bytes = parseQuantity(text.trim());
  const shown = text.slice(0, 60);
  if (bytes === undefined)
    throw new Refusal(
      `${flag} "${shown}" is not a size.`,
      'Write a Kubernetes quantity or plain bytes: 512Mi, 0.5Gi, 129e6, 536870912.',
    );
  if (bytes <= 0) throw new Refusal(`${flag} ${shown} is not more than nothing.`, `Give ${flag} a size such as 512Mi.`);
  if (bytes > largestBytes)
    throw new Refusal(`${flag} ${shown} is more than any machine has.`, `Give ${flag} a size such as 512Mi.`);
  return bytes;
}

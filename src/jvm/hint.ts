import type { JdkVersion } from './version.ts';

/** What the config tells of the JVM in the images of a name, for images whose reference hides it. */
export type JvmHint = {
  /** A pattern for an image reference: `*` stands for any characters, `/` and `:` among them. */
  readonly match: string;
  readonly jdk: JdkVersion;
};

/** The first hint whose pattern matches the whole of the image reference. */
export function hintFor(image: string | undefined, hints: readonly JvmHint[]): JvmHint | undefined {
  return image === undefined ? undefined : hints.find(({ match }) => matches(image, match));
}

/** Without a regular expression: one with many stars would take for ever over a long reference. */
function matches(text: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

import { z } from 'zod';

/** All that is kept of a pod while it is watched: its name, and which state of it was seen. */
export type PodStub = {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
};

/** One line of a watch. `odd`: it is JSON, and none of these. */
export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: unknown; readonly stub: PodStub }
  | { readonly type: 'BOOKMARK'; readonly version: string }
  | { readonly type: 'ERROR'; readonly code: number; readonly reason: string; readonly message: string }
  | { readonly type: 'odd'; readonly what: string };

const stubSchema = z.object({
  metadata: z.object({
    name: z.string().min(1),
    namespace: z.string().optional().default(''),
    uid: z.string().optional().default(''),
    resourceVersion: z.string().optional().default(''),
  }),
});
const eventSchema = z.object({ type: z.string(), object: z.unknown() });
const bookmarkSchema = z.object({ metadata: z.object({ resourceVersion: z.string().min(1) }) });
const statusSchema = z.object({
  code: z.number().optional().default(0),
  reason: z.string().optional().default(''),
  message: z.string().optional().default(''),
});

/** What is kept of an object; undefined where it has no name. */
export function stubOf(object: unknown): PodStub | undefined {
  return stubSchema.safeParse(object).data;
}

/** @throws SyntaxError where the line is no JSON */
export function readWatchEvent(line: string): WatchEvent {
  const { success, data } = eventSchema.safeParse(JSON.parse(line));
  if (!success) return { type: 'odd', what: 'it has no type' };
  const { type, object } = data;
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED': {
      const stub = stubOf(object);
      return stub === undefined ? { type: 'odd', what: `${type} without a name` } : { type, object, stub };
    }
    case 'BOOKMARK': {
      const version = bookmarkSchema.safeParse(object).data?.metadata.resourceVersion;
      return version === undefined ? { type: 'odd', what: 'a bookmark without a version' } : { type, version };
    }
    case 'ERROR':
      return { type, ...statusSchema.parse(statusSchema.safeParse(object).data ?? {}) };
    default:
      return { type: 'odd', what: `an event of the type ${type}` };
  }
}

/** An object in etcd has at most 1.5 MB: a line of more than this is none of a watch. */
const longestLine = 16 * 1024 * 1024;

/** Cuts a stream of text into lines; what follows the last newline waits for its end. */
export class Lines {
  #rest = '';

  /** @throws RangeError where a line has no end */
  add(text: string): string[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > longestLine) throw new RangeError('a line without an end');
    return lines.filter((line) => line.trim() !== '');
  }
}

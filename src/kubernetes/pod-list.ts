import { setImmediate as breathe } from 'node:timers/promises';
import { z } from 'zod';
import { ListItems } from './list-items.ts';
import type { StreamedAnswer } from './pod-stream-client.ts';

/** As much as listPods asks for at once. */
export const podsPerPage = 500;
/** After so many objects other work of this process gets its turn. */
const objectsAtOnce = 50;

const pageSchema = z.object({
  metadata: z.object({ resourceVersion: z.string().min(1), continue: z.string().nullish() }),
});

export type ListPage = { readonly version: string; readonly continue: string | undefined };

/**
 * Reads one page of a list, and hands its objects on one by one as they come: none is kept.
 * @throws SyntaxError, RangeError or ZodError where it is no list
 */
export async function readListPage(
  { read }: Pick<StreamedAnswer, 'read'>,
  take: (object: unknown) => void,
): Promise<ListPage> {
  let taken = 0;
  const items = new ListItems((item) => {
    taken += 1;
    take(JSON.parse(item));
  });
  for (let text = await read(); text !== undefined; text = await read()) {
    items.add(text);
    if (taken < objectsAtOnce) continue;
    taken = 0;
    await breathe();
  }
  const { metadata } = pageSchema.parse(items.end());
  return { version: metadata.resourceVersion, continue: metadata.continue || undefined };
}

/** The whole body. */
export async function readText({ read }: Pick<StreamedAnswer, 'read'>): Promise<string> {
  const parts: string[] = [];
  for (let part = await read(); part !== undefined; part = await read()) parts.push(part);
  return parts.join('');
}

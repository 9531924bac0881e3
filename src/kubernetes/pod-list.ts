import { setImmediate as breathe } from 'node:timers/promises';
import { z } from 'zod';
import type { StreamedAnswer } from './pod-stream-client.ts';

/** As much as listPods asks for at once. */
export const podsPerPage = 500;
/** After so many objects other work of this process gets its turn. */
const objectsAtOnce = 50;

const pageSchema = z.object({
  metadata: z.object({ resourceVersion: z.string().min(1), continue: z.string().nullish() }),
  items: z.array(z.unknown()).nullish(),
});

export type ListPage = { readonly version: string; readonly continue: string | undefined };

/**
 * Reads one page of a list, and hands its objects on one by one: none is kept.
 * @throws SyntaxError or ZodError where it is no list
 */
export async function readListPage(answer: StreamedAnswer, take: (object: unknown) => void): Promise<ListPage> {
  const { metadata, items } = pageSchema.parse(JSON.parse(await readText(answer)));
  for (const [index, object] of (items ?? []).entries()) {
    if (index % objectsAtOnce === 0) await breathe();
    take(object);
  }
  return { version: metadata.resourceVersion, continue: metadata.continue || undefined };
}

/** The whole body. */
export async function readText({ read }: Pick<StreamedAnswer, 'read'>): Promise<string> {
  const parts: string[] = [];
  for (let part = await read(); part !== undefined; part = await read()) parts.push(part);
  return parts.join('');
}

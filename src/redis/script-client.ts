import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { messageOf } from '../thrown.ts';

/** Runs a script of Redis by its digest: its text is sent only where Redis does not know it yet. */
export type Script = (keys: readonly string[], values: readonly string[]) => Promise<unknown>;

export function scriptOf(client: Redis, source: string): Script {
  const digest = createHash('sha1').update(source).digest('hex');
  return async (keys, values) => {
    try {
      return await client.evalsha(digest, keys.length, ...keys, ...values);
    } catch (error) {
      if (!messageOf(error).startsWith('NOSCRIPT')) throw error;
      return await client.eval(source, keys.length, ...keys, ...values);
    }
  };
}

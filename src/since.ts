import { duration } from './config.ts';
import { Refusal } from './refusal.ts';

/** How far back `--since` reaches, in milliseconds. @throws Refusal for what is no length of time */
export function sinceMs(text: string): number {
  const parsed = duration.safeParse(text);
  if (!parsed.success || parsed.data <= 0)
    throw new Refusal(`--since "${text}" is not a length of time.`, 'Write it as 30m, 24h or 7d.');
  return parsed.data;
}

import type { Check } from '../job.ts';

/** A check that stands in nobody's way. */
export function fine(name: string, seen: string): Check {
  return { name, status: 'ok', seen, advice: '' };
}

/** What could not be seen is told for what it is, and never taken for none. */
export function unseen(name: string, why: string | undefined, plural: string): Check {
  return {
    name,
    status: 'unknown',
    seen: `It could not be seen: ${(why ?? '').replace(/\.$/, '')}.`,
    advice: `Grant list ${plural} to Quorum’s identity (\`quorum rbac\` prints it), or look yourself.`,
  };
}

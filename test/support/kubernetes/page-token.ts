import { badRequest } from './status.ts';

/** Where a list goes on: the state it shows, and the first key that was not listed yet. */
export type Position = { readonly revision: number; readonly start: string };

const badToken = 'invalid continue token: continue key is not valid';

/** The token that leads to a position, in the form that API servers give it. */
export function token({ revision, start }: Position): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString('base64url');
}

/** @throws Failure when the text is no token */
export function positionOf(text: string): Position {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    throw badRequest(`${badToken}: invalid character 'i' looking for beginning of value`);
  }
  const { v, rv, start } = (parsed ?? {}) as { v?: unknown; rv?: unknown; start?: unknown };
  if (v !== 'meta.k8s.io/v1')
    throw badRequest(`${badToken}: server does not recognize this encoded version ${JSON.stringify(v ?? '')}`);
  if (typeof rv !== 'number' || rv === 0)
    throw badRequest(`${badToken}: incorrect encoded start resourceVersion (version meta.k8s.io/v1)`);
  if (typeof start !== 'string' || start === '')
    throw badRequest(`${badToken}: encoded start key empty (version meta.k8s.io/v1)`);
  return { revision: rv, start };
}

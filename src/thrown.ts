/**
 * What was thrown, as text and as a code. Not by `instanceof Error`: Node's own errors are of another realm where code runs in a vm context.
 */
export function messageOf(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown) return String(thrown.message);
  return String(thrown);
}

/** `ENOENT`, `ERR_PARSE_ARGS_UNKNOWN_OPTION`, …; '' where there is none. */
export function codeOf(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown) return String(thrown.code);
  return '';
}

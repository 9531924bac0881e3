/** What stands where a secret stood. */
export const mask = '***';

const secretWord =
  'pass(?:word|wd|phrase|code)?|pwd|secret|token|api[-_.]?key|apikey|access[-_.]?key|private[-_.]?key|encryption[-_.]?key|signing[-_.]?key|account[-_.]?key|shared[-_.]?key|master[-_.]?key|credentials?|authorization|auth(?:key|token)?|bearer|cookie|session[-_.]?id|jwt|salt|webhook|dsn|connection[-_.]?string|[-_.]key';
/** A name of which some part, between separators or capitals, is a secret word: `DB_PASSWORD`, `spring.datasource.password`, `dbPassword`. */
const secretName = new RegExp(secretWord, 'i');
/** Names that hold such a word and no secret: paths to files, switches, sizes and times. */
const harmlessName =
  /(?:[_.-]?(?:file|path|dir|url|uri|endpoint|issuer|name|type|enabled|ttl|timeout|expiry|expires?|length|size|count|mode|header|algorithm))$/i;

/** Whether the value of a variable or property of this name is to be hidden. */
export function isSecretName(name: string): boolean {
  if (/(?:dsn|connection[-_.]?string|webhook)/i.test(name)) return true;
  return secretName.test(name) && !harmlessName.test(name);
}

const shapes: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]{0,40}(?:PRIVATE KEY|CERTIFICATE)-----[\s\S]*?(?:-----END [A-Z ]{0,40}-----|$)/g, mask],
  [/\b(Bearer|Basic|Token)\s+[A-Za-z0-9._~+/=-]{6,}/gi, `$1 ${mask}`],
  [/\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?/g, mask],
  [/\b(?:xox[a-z]|xapp)-[A-Za-z0-9-]{6,}/g, mask],
  [
    /\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{12,}|npm_[A-Za-z0-9]{20,}|hv[sb]\.[\w-]{16,}|dop_v1_[0-9a-f]{16,})/g,
    mask,
  ],
  [/\b(?:sk|pk|rk)[-_](?:live|test|proj|ant)?[-_]?[A-Za-z0-9_-]{16,}/g, mask],
  [/\b(?:AKIA|ASIA|AROA)[A-Z0-9]{12,}/g, mask],
  [/\bAIza[\w-]{30,}/g, mask],
  [/\bSG\.[\w-]{16,}\.[\w-]{16,}/g, mask],
  [/\bhooks\.slack\.com\/services\/[\w/]+/g, `hooks.slack.com/services/${mask}`],
  // Credentials in an address: the greedy user part reaches the last @, so a password that holds one is masked whole.
  [/\b([a-z][a-z0-9+.-]{1,30}:\/\/)[^\s/"'<>]*@/gi, `$1${mask}@`],
];

/** What stands before a token in a header; the token itself is masked by its shape. */
const scheme = /^(?:Bearer|Basic|Token)$/i;

/** `password=x`, `"token": "x"`, `--api-key x`, `-Dspring.datasource.password=x`, `password: x`, quoted or not. */
const assignment = new RegExp(
  `((?:[A-Za-z0-9_.$-]{0,80})(?:${secretWord})[A-Za-z0-9_.$-]{0,40})(\\\\?["']?[ \\t]{0,3}[=:][ \\t]{0,3})("(?:[^"\\\\]|\\\\.)*"|'[^']*'|\\\\"(?:[^"\\\\])*\\\\"|[^\\s"']+)`,
  'gi',
);
const flagAndWord = new RegExp(
  `(--?[A-Za-z0-9-]{0,40}(?:${secretWord})[A-Za-z0-9-]{0,20})(\\s{1,3})("[^"]*"|'[^']*'|[^\\s-][^\\s]*)`,
  'gi',
);

/**
 * Masks what looks like a secret in a text from outside: assignments to secret names, tokens of known shapes, credentials in
 * addresses. What is left may be shown; it is still plain data that renderers escape.
 */
export function redact(text: string): string {
  let shown = text;
  for (const [shape, replacement] of shapes) shown = shown.replace(shape, replacement);
  shown = shown.replace(assignment, (whole, name: string, sign: string, value: string) =>
    isSecretName(name) && !value.startsWith(mask) && !scheme.test(value) ? `${name}${sign}${maskedLike(value)}` : whole,
  );
  return shown.replace(flagAndWord, (whole, name: string, gap: string) =>
    isSecretName(name) ? `${name}${gap}${mask}` : whole,
  );
}

/** Keeps the quotes, so that JSON stays readable. */
function maskedLike(value: string): string {
  const quote = /^(\\"|"|')/.exec(value)?.[1] ?? '';
  return `${quote}${mask}${quote}`;
}

/** The value of an environment variable as it may be shown: masked whole where its name says secret, else redacted. */
export function redactEnvironment(name: string, value: string): string {
  return isSecretName(name) ? mask : redact(value);
}

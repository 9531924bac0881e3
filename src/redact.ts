/** What stands where a secret stood. */
export const mask = '***';

const secretWord =
  '(?<![A-Za-z])pw(?![A-Za-z])|pass(?:word|wd|phrase|code)?|pwd|secret|token|api[-_.]?key|apikey|access[-_.]?key|private[-_.]?key|encryption[-_.]?key|signing[-_.]?key|account[-_.]?key|shared[-_.]?key|master[-_.]?key|credentials?|authorization|auth(?:key|token)?|bearer|cookie|session[-_.]?id|jwt|salt|webhook|dsn|connection[-_.]?string|[-_.]key';
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
  // A password may hold any sign; the last @ of the word ends it. On the web an @ may be a part of the path.
  [/\b((?!https?:)[a-z][a-z0-9+.-]{1,30}:\/\/)[^\s/"'<>@:]{0,200}:[^\s"'<>]{1,200}@/gi, `$1${mask}@`],
  // Credentials in an address: the greedy user part reaches the last @, so a password that holds one is masked whole.
  [/\b([a-z][a-z0-9+.-]{1,30}:\/\/)[^\s/"'<>]*@/gi, `$1${mask}@`],
  // A password may hold a slash; on the web what follows the colon may be a port.
  [/\b(https?:\/\/)[^\s/"'<>@:]{1,200}:(?!\d{1,5}[/?#])[^\s"'<>@]{1,200}@/gi, `$1${mask}@`],
  // jdbc:oracle:thin:user/password@host
  [/\b(jdbc:oracle:[a-z0-9]{1,20}:)[^\s/"'<>@]{1,200}\/[^\s"'<>@]{1,200}@/gi, `$1${mask}@`],
  // curl -u name:password
  [/((?:^|\s)(?:-u|--user)[ =]?[^\s:=]{1,100}:)[^\s"']{1,200}/g, `$1${mask}`],
  // A line that is nothing but such letters is the middle of a key or of what was encoded; digests are written in hex.
  [/^[ \t]*(?=[^\n]*[A-Z])(?=[^\n]*[g-z])(?=[^\n]*\d)[A-Za-z0-9+/]{40,}={0,2}[ \t]*$/gm, mask],
];

/** What stands before a token in a header; the token itself is masked by its shape. */
const scheme = /^(?:Bearer|Basic|Token)$/i;

/** `password=x`, `"token": "x"`, `--api-key x`, `-Dspring.datasource.password=x`, `password: x`, quoted or not. */
const assignment = new RegExp(
  `((?:[A-Za-z0-9_.$-]{0,80})(?:${secretWord})[A-Za-z0-9_.$-]{0,40})(\\\\?["']?[ \\t]{0,3}[=:][ \\t]{0,3})("(?:[^"\\\\]|\\\\.)*"|'[^']*'|\\\\"(?:[^"\\\\])*\\\\"|[^\\s"']+)`,
  'gi',
);
const flagAndWord = new RegExp(
  `(--?[A-Za-z0-9_.-]{0,80}(?:${secretWord})[A-Za-z0-9_.-]{0,20})(\\s{1,3})("[^"]*"|'[^']*'|[^\\s-][^\\s]*)`,
  'gi',
);
/** `javax.net.ssl.trustStorePassword x`: a name of several parts that ends so is a setting, not a word of a sentence. */
const settingAndWord =
  /\b((?:[A-Za-z0-9_-]{1,40}\.){1,8}[A-Za-z0-9_-]{0,40}(?:password|passwd|passphrase|pwd|secret))([ \t]{1,3})("[^"]*"|'[^']*'|[^\s"'=:-][^\s]*)/gi;
/** `<password>x</password>` */
const element = new RegExp(
  `(<([A-Za-z0-9_.:-]{0,60}(?:${secretWord})[A-Za-z0-9_.:-]{0,40})>)([^<]{1,2000})(?=</)`,
  'gi',
);
/** `password: |` and the lines below it that are indented more. */
const textBlock = new RegExp(
  `((?:[A-Za-z0-9_.$-]{0,80})(?:${secretWord})[A-Za-z0-9_.$-]{0,40}:[ \\t]{0,3}[|>][-+]?\n)((?:[ \\t]+\\S[^\n]*\n?){1,50})`,
  'gi',
);
/** `"-Dx.password=a b"`: the quotes hold the name too, so the value reaches to the closing one. */
const quotedAssignment = new RegExp(
  `(["'])(-{0,2}[A-Za-z0-9_.$-]{0,80}(?:${secretWord})[A-Za-z0-9_.$-]{0,40}=)((?:(?!\\1)[^\\n]){1,2000})\\1`,
  'gi',
);

/**
 * Masks what looks like a secret in a text from outside: assignments to secret names, tokens of known shapes, credentials in
 * addresses. What is left may be shown; it is still plain data that renderers escape.
 */
export function redact(text: string): string {
  let shown = text;
  for (const [shape, replacement] of shapes) shown = shown.replace(shape, replacement);
  shown = shown.replace(quotedAssignment, (whole, quote: string, name: string) =>
    isSecretName(name.slice(0, -1)) ? `${quote}${name}${mask}${quote}` : whole,
  );
  shown = shown.replace(element, (whole, tag: string, name: string) => (isSecretName(name) ? `${tag}${mask}` : whole));
  shown = shown.replace(textBlock, `$1  ${mask}\n`);
  shown = shown.replace(settingAndWord, (_whole, name: string, gap: string) => `${name}${gap}${mask}`);
  shown = shown.replace(assignment, (whole, name: string, sign: string, value: string) =>
    isSecretName(name) && !value.startsWith(mask) && !scheme.test(value) ? `${name}${sign}${maskedLike(value)}` : whole,
  );
  return shown.replace(flagAndWord, (whole, name: string, gap: string) =>
    isSecretName(name) ? `${name}${gap}${mask}` : whole,
  );
}

/** The words of a command line, where each is known to be one: a secret with blanks in it is masked whole. */
export function redactWords(words: readonly string[]): string[] {
  return words.map((word, index) => {
    const [, name = '', sign = ''] = /^(-{0,2}[A-Za-z0-9_.$-]{1,120})(=)/s.exec(word) ?? [];
    if (isSecretName(name)) return `${name}${sign}${mask}`;
    const before = words[index - 1] ?? '';
    const isValue = /^-[A-Za-z0-9_.-]+$/.test(before) && isSecretName(before) && !word.startsWith('-');
    return isValue ? mask : redact(word);
  });
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

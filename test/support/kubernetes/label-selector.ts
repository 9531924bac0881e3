/** Label selectors as an API server reads them, refusals included. */

type Labels = Readonly<Record<string, string>>;
type Requirement = (labels: Labels) => boolean;
type Token = { readonly kind: 'word' | 'symbol' | 'end'; readonly text: string };

/** What a selector's text means; thrown as an Error with the server's words when it means nothing. */
export function parseLabelSelector(text: string): (labels: Labels) => boolean {
  const requirements = new LabelSelectorParser(text).parse();
  return (labels) => requirements.every((holds) => holds(labels));
}

const symbols = ['==', '!=', '!', '=', '<', '>', '(', ')', ','];

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const blank = /^[ \t\r\n]+/.exec(rest)?.[0];
    const symbol = symbols.find((each) => rest.startsWith(each));
    const found = blank ?? symbol ?? /^[^ \t\r\n=!<>(),]+/.exec(rest)?.[0] ?? rest;
    if (blank === undefined) tokens.push({ kind: symbol === undefined ? 'word' : 'symbol', text: found });
    at += found.length;
  }
  return tokens;
}

const end: Token = { kind: 'end', text: '' };

class LabelSelectorParser {
  readonly #tokens: Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    if (this.#peek() === end) return requirements;
    for (;;) {
      const first = this.#peek();
      if (first.kind !== 'word' && first.text !== '!') {
        throw new Error(`found '${first.text}', expected: !, identifier, or 'end of string'`);
      }
      try {
        requirements.push(this.#requirement());
      } catch (error) {
        throw new Error(`unable to parse requirement: ${error instanceof Error ? error.message : error}`);
      }
      const after = this.#take();
      if (after === end) return requirements;
      if (after.text !== ',') throw new Error(`found '${after.text}', expected: ',' or 'end of string'`);
      const next = this.#peek();
      if (next.kind !== 'word' && next.text !== '!') {
        throw new Error(`found '${next.text}', expected: identifier after ','`);
      }
    }
  }

  #requirement(): Requirement {
    const isAbsence = this.#peek().text === '!';
    if (isAbsence) this.#take();
    const word = this.#take();
    if (word.kind !== 'word') throw new Error(`found '${word.text}', expected: identifier`);
    const key = word.text;
    checkKey(key);
    if (isAbsence) return (labels) => !Object.hasOwn(labels, key);
    if (this.#peek() === end || this.#peek().text === ',') return (labels) => Object.hasOwn(labels, key);
    const operator = this.#take().text;
    switch (operator) {
      case 'in':
      case 'notin': {
        const values = this.#values();
        for (const value of values) checkValue(key, value);
        if (operator === 'in') return (labels) => Object.hasOwn(labels, key) && values.includes(labels[key] ?? '');
        return (labels) => !Object.hasOwn(labels, key) || !values.includes(labels[key] ?? '');
      }
      case '=':
      case '==':
      case '!=': {
        const value = this.#exactValue();
        checkValue(key, value);
        if (operator === '!=') return (labels) => !Object.hasOwn(labels, key) || labels[key] !== value;
        return (labels) => Object.hasOwn(labels, key) && labels[key] === value;
      }
      case '<':
      case '>': {
        const text = this.#exactValue();
        if (!/^[+-]?\d+$/.test(text)) throw new Error("for 'Gt', 'Lt' operators, the value must be an integer");
        checkValue(key, text);
        const bound = BigInt(text);
        return (labels) => {
          const value = labels[key];
          if (value === undefined || !/^[+-]?\d+$/.test(value)) return false;
          return operator === '<' ? BigInt(value) < bound : BigInt(value) > bound;
        };
      }
      default:
        throw new Error(`found '${operator}', expected: '=', '!=', '==', 'in', notin'`);
    }
  }

  #values(): string[] {
    const open = this.#take();
    if (open.text !== '(') throw new Error(`found '${open.text}' expected: '('`);
    const values: string[] = [];
    if (this.#peek().text === ')') {
      this.#take();
      return values;
    }
    if (this.#peek().kind !== 'word' && this.#peek().text !== ',') {
      throw new Error(`found '${this.#peek().text}', expected: ',', ')' or identifier`);
    }
    for (;;) {
      values.push(this.#peek().kind === 'word' ? this.#take().text : '');
      const after = this.#take();
      if (after.text === ')') return values;
      if (after.text !== ',') throw new Error(`found '${after.text}', expected: ',' or ')'`);
    }
  }

  #exactValue(): string {
    const next = this.#peek();
    if (next === end || next.text === ',') return '';
    if (next.kind !== 'word') throw new Error(`found '${next.text}', expected: identifier`);
    return this.#take().text;
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? end;
  }

  #take(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }
}

const part = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const domain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const consists =
  "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const partRule =
  `${consists} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is ` +
  "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const valueRule =
  `a valid label must be an empty string or ${consists} (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for ` +
  "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const domainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

function checkKey(key: string): void {
  const problem = keyProblem(key);
  if (problem !== undefined) throw new Error(`invalid label key ${JSON.stringify(key)}: ${problem}`);
}

function keyProblem(key: string): string | undefined {
  const pieces = key.split('/');
  if (pieces.length > 2) {
    return `a qualified name must ${partRule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;
  }
  const name = pieces.at(-1) ?? '';
  const prefix = pieces.length === 2 ? pieces[0] : undefined;
  if (prefix === '') return 'prefix part must be non-empty';
  if (prefix !== undefined && !domain.test(prefix)) return `prefix part ${domainRule}`;
  if (name === '') return `name part must be non-empty; name part must ${partRule}`;
  if (name.length > 63) return 'name part must be no more than 63 characters';
  return part.test(name) ? undefined : `name part must ${partRule}`;
}

function checkValue(key: string, value: string): void {
  const before = `invalid label value: ${JSON.stringify(value)}: at key: ${JSON.stringify(key)}: `;
  if (value.length > 63) throw new Error(`${before}must be no more than 63 characters`);
  if (value !== '' && !part.test(value)) throw new Error(before + valueRule);
}

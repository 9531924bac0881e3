/** An object in etcd has at most 1.5 MB: more than this between two of them is no list of objects. */
const longestPart = 16 * 1024 * 1024;

const quote = 0x22;
const backslash = 0x5c;
const [openBrace, closeBrace, openBracket, closeBracket, comma] = [0x7b, 0x7d, 0x5b, 0x5d, 0x2c];

/**
 * Takes a list apart while it comes: each of its `items` by itself as JSON, and what is around them. So a page of five hundred
 * pods is never whole in memory, neither as text nor as objects.
 */
export class ListItems {
  readonly #take: (item: string) => void;
  /** The list without its items. */
  #around = '';
  #item = '';
  #depth = 0;
  #isInItems = false;
  #isInText = false;
  #isEscaped = false;

  constructor(take: (item: string) => void) {
    this.#take = take;
  }

  /** @throws RangeError where a part has no end */
  add(text: string): void {
    let from = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (this.#isInText) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (code === backslash) this.#isEscaped = true;
        else if (code === quote) this.#isInText = false;
        continue;
      }
      if (code === quote) this.#isInText = true;
      else if (code === openBrace || code === openBracket) {
        this.#depth += 1;
        if (code === openBracket && this.#depth === 2 && !this.#isInItems) {
          const around = this.#around + text.slice(from, at);
          if (!/"items"\s*:\s*$/.test(around.slice(-100))) continue;
          this.#around = `${around}[`;
          this.#isInItems = true;
          from = at + 1;
        }
      } else if (code === closeBrace || code === closeBracket) {
        this.#depth -= 1;
        if (this.#isInItems && this.#depth === 1) {
          this.#finish(text.slice(from, at));
          this.#isInItems = false;
          from = at;
        }
      } else if (code === comma && this.#isInItems && this.#depth === 2) {
        this.#finish(text.slice(from, at));
        from = at + 1;
      }
    }
    if (this.#isInItems) this.#item += text.slice(from);
    else this.#around += text.slice(from);
    if (Math.max(this.#item.length, this.#around.length) > longestPart) throw new RangeError('a list without an end');
  }

  /** The list with no items in it. @throws SyntaxError where it is not whole, or was no JSON */
  end(): unknown {
    return JSON.parse(this.#around);
  }

  #finish(last: string): void {
    const item = (this.#item + last).trim();
    this.#item = '';
    if (item !== '') this.#take(item);
  }
}

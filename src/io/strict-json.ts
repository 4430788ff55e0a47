// JSON as the safetensors reader wants it: duplicate keys, lone surrogates and numbers that are no plain integers are refused.
// Knows nothing of tensors. Integers are returned as bigint.

export type StrictValue = string | bigint | boolean | null | StrictValue[] | Map<string, StrictValue>;

/** Thrown with what is wrong and where; callers wrap it in an error of their own. */
export class StrictJsonError extends Error {}

/** Parses a whole text; nesting is limited, because the formats read here are flat. */
export function parseStrictJson(text: string, maxDepth = 8): StrictValue {
  const parser = new Parser(text, maxDepth);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  value(depth: number): StrictValue {
    if (depth > this.#maxDepth) throw this.#error("nested too deeply");
    this.#space();
    const next = this.#text[this.#at];
    if (next === "{") return this.#object(depth);
    if (next === "[") return this.#array(depth);
    if (next === '"') return this.#string();
    return this.#word();
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#error("characters after the end");
  }

  #object(depth: number): Map<string, StrictValue> {
    const out = new Map<string, StrictValue>();
    this.#sequence("}", () => {
      if (this.#text[this.#at] !== '"') throw this.#error("a key was expected");
      const key = this.#string();
      this.#space();
      if (this.#text[this.#at++] !== ":") throw this.#error('":" was expected');
      if (out.has(key)) throw this.#error(`the key ${JSON.stringify(key)} stands twice`);
      out.set(key, this.value(depth + 1));
    });
    return out;
  }

  #array(depth: number): StrictValue[] {
    const out: StrictValue[] = [];
    this.#sequence("]", () => out.push(this.value(depth + 1)));
    return out;
  }

  #sequence(close: string, item: () => void): void {
    this.#at++;
    this.#space();
    if (this.#text[this.#at] === close) {
      this.#at++;
      return;
    }
    for (;;) {
      this.#space();
      item();
      this.#space();
      const next = this.#text[this.#at++];
      if (next === close) return;
      if (next !== ",") throw this.#error(`"," or "${close}" was expected`);
    }
  }

  #string(): string {
    const pattern = /"(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/y;
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) throw this.#error("a string does not end or holds a bad escape");
    this.#at += found.length;
    const value: string = JSON.parse(found);
    if (!isWellFormed(value)) throw this.#error("a string holds half of a surrogate pair");
    return value;
  }

  #word(): StrictValue {
    const pattern = /-?(?:0|[1-9][0-9]*)(?![0-9.eE])|true|false|null/y;
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) throw this.#error("an integer, string, list or object was expected");
    this.#at += found.length;
    if (found === "null") return null;
    if (found === "true" || found === "false") return found === "true";
    return BigInt(found);
  }

  #space(): void {
    while (" \t\n\r".includes(this.#text[this.#at] ?? "x")) this.#at++;
  }

  #error(what: string): StrictJsonError {
    return new StrictJsonError(`${what}, at character ${this.#at}`);
  }
}

function isWellFormed(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0xd800 || code > 0xdfff) continue;
    const next = text.charCodeAt(i + 1);
    if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false;
    i++;
  }
  return true;
}

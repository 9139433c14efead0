/** The code in the arguments of a code_interpreter call, piece by piece as the model writes them. Pure. */

/** How the JSON object begins that the tool asks for. */
const OPENING = /^\s*\{\s*"code"\s*:\s*"/;
/** A run of characters, or an escape; a surrogate pair is one. */
const PART =
  /[^"\\]+|\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u(?![dD][89abAB])[\da-fA-F]{4}|\\[^u]/y;
/** The longest escape; what is as long and still none is text. */
const LONGEST_ESCAPE = 12;
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };

/** Reads `{"code": "…"}`, and bare code, which some models send in its place. */
export class CodeArguments {
  /** The code so far. */
  code = '';
  /** What was not read yet. */
  private held = '';
  private form: 'undecided' | 'json' | 'bare' | 'over' = 'undecided';

  /** The code that is certain with this piece. */
  push(piece: string): string {
    this.held += piece;
    if (this.form === 'undecided') this.decide();
    if (this.form === 'json') return this.take(this.string(false));
    return this.form === 'bare' ? this.take(this.all()) : '';
  }

  /** The rest of the code, now that nothing follows. */
  end(): string {
    const { form } = this;
    if (form === 'json') return this.take(this.string(true));
    this.form = 'over';
    return form === 'undecided' ? this.take(codeIn(this.all())) : '';
  }

  private take(code: string): string {
    this.code += code;
    return code;
  }

  private all(): string {
    const { held } = this;
    this.held = '';
    return held;
  }

  private decide(): void {
    const opening = OPENING.exec(this.held)?.[0];
    if (opening !== undefined) {
      this.form = 'json';
      this.held = this.held.slice(opening.length);
    } else if (!/^\s*(?:[{"]|$)/.test(this.held)) {
      this.form = 'bare';
    }
    // What begins like JSON and goes on otherwise is looked at when all of it is there.
  }

  /** What is certain of the JSON string; models also leave line breaks in it as they are. */
  private string(isEnd: boolean): string {
    const { held } = this;
    let text = '';
    let at = 0;
    while (at < held.length) {
      if (held[at] === '"') {
        this.form = 'over';
        this.held = '';
        return text;
      }
      PART.lastIndex = at;
      const part = PART.exec(held)?.[0];
      if (part === undefined && !isEnd && held.length - at < LONGEST_ESCAPE) break;
      text += part === undefined ? held.charAt(at) : unescaped(part);
      at += part?.length ?? 1;
    }
    this.held = held.slice(at);
    return text;
  }
}

function unescaped(part: string): string {
  if (!part.startsWith('\\')) return part;
  if (part.startsWith('\\u')) {
    return String.fromCharCode(...(part.match(/[\da-fA-F]{4}/g) ?? []).map((digits) => parseInt(digits, 16)));
  }
  const character = part.charAt(1);
  return ESCAPES[character] ?? character;
}

/** The code in arguments of another form: another order of members, a JSON string, or code that only begins like JSON. None in an object without it. */
function codeIn(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'string') return value;
    if (typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string')
      return value.code;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? '' : text;
  } catch {
    return text;
  }
}

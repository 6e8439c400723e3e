import { CacheKeyError } from './cache.errors.js';

/**
 * Compiles a glob to a test of whole keys, in the language of `MATCH` in Redis: `*` is any number of characters, `?`
 * any one character, `[abc]` and `[a-z]` one character of a set, `[^a]` one character outside of it, and `\` makes the
 * next character literal. A match takes at most pattern length x key length steps, and allocates nothing.
 * @throws CacheKeyError for a set without an end, or a `\` at the end
 */
export function compileGlob(pattern: string): (key: string) => boolean {
  const tokens = tokenize(pattern);
  return (key) => matches(tokens, key);
}

/** The glob that matches only `text`. */
export function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&');
}

const ANY_RUN = '*';
/** A condition for one character (its code point), or any number of characters. */
type Token = typeof ANY_RUN | number | ((character: number) => boolean);

function tokenize(pattern: string): Token[] {
  const characters = [...pattern];
  const tokens: Token[] = [];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] as string;
    if (character === '*') {
      if (tokens.at(-1) !== ANY_RUN) tokens.push(ANY_RUN);
    } else if (character === '?') {
      tokens.push(() => true);
    } else if (character === '[') {
      const end = closingBracket(characters, i, pattern);
      tokens.push(oneOf(characters.slice(i + 1, end)));
      i = end;
    } else {
      const literal = character === '\\' ? characters[++i] : character;
      if (literal === undefined)
        throw new CacheKeyError(
          `Expected a character after the last \`\\\` of the pattern \`${pattern}\`; write \`\\\\\` for a backslash.`,
        );
      tokens.push(codeOf(literal));
    }
  }
  return tokens;
}

function closingBracket(characters: readonly string[], start: number, pattern: string): number {
  for (let i = start + 1; i < characters.length; i++) {
    if (characters[i] === '\\') i++;
    else if (characters[i] === ']') return i;
  }
  throw new CacheKeyError(`Expected a \`]\` for the \`[\` in the pattern \`${pattern}\`; write \`\\[\` for a bracket.`);
}

function oneOf(body: readonly string[]): (character: number) => boolean {
  const isNegated = body[0] === '^';
  const ranges: [low: number, high: number][] = [];
  for (let i = isNegated ? 1 : 0; i < body.length; i++) {
    const from = literalAt(body, i);
    i = from.at;
    const hasEnd = body[i + 1] === '-' && i + 2 < body.length;
    const to = hasEnd ? literalAt(body, i + 2) : from;
    i = to.at;
    ranges.push([Math.min(from.code, to.code), Math.max(from.code, to.code)]);
  }
  return (character) => ranges.some(([low, high]) => low <= character && character <= high) !== isNegated;
}

function literalAt(body: readonly string[], at: number): { code: number; at: number } {
  const isEscaped = body[at] === '\\' && at + 1 < body.length;
  return isEscaped ? { code: codeOf(body[at + 1] as string), at: at + 1 } : { code: codeOf(body[at] as string), at };
}

function codeOf(character: string): number {
  return character.codePointAt(0) as number;
}

/** Greedy matching that backtracks to the last `*` only. An earlier `*` never needs to take more characters. */
function matches(tokens: readonly Token[], key: string): boolean {
  let token = 0;
  let at = 0;
  let lastRun = -1;
  let resumeAt = 0;
  while (at < key.length) {
    const current = tokens[token];
    const character = key.codePointAt(at) as number;
    if (current === ANY_RUN) {
      lastRun = token++;
      resumeAt = at;
    } else if (current === character || (typeof current === 'function' && current(character))) {
      token++;
      at += widthOf(character);
    } else if (lastRun >= 0) {
      // A `*` at the end matches all remaining characters.
      if (lastRun === tokens.length - 1) return true;
      token = lastRun + 1;
      resumeAt += widthOf(key.codePointAt(resumeAt) as number);
      at = resumeAt;
    } else {
      return false;
    }
  }
  while (tokens[token] === ANY_RUN) token++;
  return token === tokens.length;
}

/** The length of a character in UTF-16 units. */
function widthOf(character: number): number {
  return character > 0xffff ? 2 : 1;
}

import { CacheKeyError } from './cache.errors.js';

/**
 * A test for a glob over whole keys: `*` any run of characters, `?` any one character, `[abc]`, `[a-z]` and `[^a]` one
 * character of (or outside) a set, `\` takes the next character literally. The same language as Redis's MATCH.
 * Matching takes at most pattern length x key length steps, whatever the pattern.
 * @throws CacheKeyError for a set that is never closed or a `\` at the end
 */
export function compileGlob(pattern: string): (key: string) => boolean {
  const tokens = tokenize(pattern);
  return (key) => matches(tokens, [...key]);
}

/** The glob that matches exactly `text`. */
export function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&');
}

const ANY_RUN = Symbol('*');
type Token = typeof ANY_RUN | ((character: string) => boolean);

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
      if (literal === undefined) throw new CacheKeyError(`Expected a character after the last \`\\\` of the pattern \`${pattern}\`; write \`\\\\\` for a backslash.`);
      tokens.push((other) => other === literal);
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

function oneOf(body: readonly string[]): (character: string) => boolean {
  const isNegated = body[0] === '^';
  const literals = new Set<string>();
  const ranges: [string, string][] = [];
  for (let i = isNegated ? 1 : 0; i < body.length; i++) {
    const from = literalAt(body, i);
    i = from.at;
    if (body[i + 1] === '-' && i + 2 < body.length) {
      const to = literalAt(body, i + 2);
      i = to.at;
      ranges.push(from.text <= to.text ? [from.text, to.text] : [to.text, from.text]);
    } else {
      literals.add(from.text);
    }
  }
  return (character) => (literals.has(character) || ranges.some(([low, high]) => low <= character && character <= high)) !== isNegated;
}

function literalAt(body: readonly string[], at: number): { text: string; at: number } {
  return body[at] === '\\' && at + 1 < body.length ? { text: body[at + 1] as string, at: at + 1 } : { text: body[at] as string, at };
}

/** Greedy matching with one point of return: the last `*`. An earlier one never needs to take more. */
function matches(tokens: readonly Token[], characters: readonly string[]): boolean {
  let token = 0;
  let at = 0;
  let lastRun = -1;
  let resumeAt = 0;
  while (at < characters.length) {
    const current = tokens[token];
    if (current === ANY_RUN) {
      lastRun = token++;
      resumeAt = at;
    } else if (current?.(characters[at] as string)) {
      token++;
      at++;
    } else if (lastRun >= 0) {
      token = lastRun + 1;
      at = ++resumeAt;
    } else {
      return false;
    }
  }
  while (tokens[token] === ANY_RUN) token++;
  return token === tokens.length;
}

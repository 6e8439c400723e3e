export type SqlDialect = 'postgres' | 'mysql' | 'sqlite';

/** A part of a statement. Comments and spaces are none. */
export interface SqlToken {
  /**
   * `word`: a keyword or a name without quotes, in small letters. `name`: a name in quotes, without them. `text`: the
   * content of a text. `value`: a number or a placeholder. `sign`: one character.
   */
  readonly kind: 'word' | 'name' | 'text' | 'value' | 'sign';
  readonly text: string;
}

interface Lexer {
  /** Matches what lies between two tokens. */
  readonly space: RegExp;
  /** Quotes of texts and names, with what may stand between them. */
  readonly quoted: readonly (readonly [kind: 'name' | 'text', pattern: RegExp])[];
}

const DOUBLE_QUOTED = /"(?<content>(?:[^"]|"")*)"/y;
const BACKTICKED = /`(?<content>(?:[^`]|``)*)`/y;
const TEXT = /[bnx]?'(?<content>(?:[^']|'')*)'/iy;
const TEXT_WITH_ESCAPES = /[bnx]?'(?<content>(?:[^'\\]|\\.|'')*)'/isy;

const LEXERS: Readonly<Record<SqlDialect, Lexer>> = {
  postgres: {
    space: /(?:\s+|--[^\n]*)+/y,
    quoted: [
      ['text', /e'(?<content>(?:[^'\\]|\\.|'')*)'/isy],
      ['text', TEXT],
      ['name', DOUBLE_QUOTED],
      ['text', /\$((?:[a-z_\u0080-\uffff][\w\u0080-\uffff]*)?)\$(?<content>.*?)\$\1\$/isy],
    ],
  },
  mysql: {
    // Two hyphens begin a comment only before a space. A comment that begins with `!`
    // is run: it is no comment here.
    space: /(?:\s+|--(?=\s|$)[^\n]*|#[^\n]*|\/\*(?!m?!).*?\*\/)+/isy,
    quoted: [
      ['text', TEXT_WITH_ESCAPES],
      ['text', /"(?<content>(?:[^"\\]|\\.|"")*)"/sy],
      ['name', BACKTICKED],
    ],
  },
  sqlite: {
    space: /(?:\s+|--[^\n]*|\/\*.*?(?:\*\/|$))+/sy,
    quoted: [
      ['text', TEXT],
      ['name', DOUBLE_QUOTED],
      ['name', BACKTICKED],
      ['name', /\[(?<content>[^\]]*)\]/y],
    ],
  },
};

const WORD = /[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/iy;
const VALUE = /(?:[$:@?]\w*|\d[\w.]*|\.\d\w*)/y;

/**
 * Splits a statement into its tokens. `undefined` for one with a quote or a comment without an end, or with a comment
 * that MySQL runs.
 */
export function tokensOf(sql: string, dialect: SqlDialect): SqlToken[] | undefined {
  const tokens: SqlToken[] = [];
  let at = 0;
  while (at < sql.length) {
    const next = spaceAt(sql, at, dialect) ?? tokenAt(sql, at, LEXERS[dialect]);
    if (next === undefined) return undefined;
    if (next.token !== undefined) tokens.push(next.token);
    at = next.end;
  }
  return tokens;
}

interface Part {
  readonly token?: SqlToken;
  readonly end: number;
}

function spaceAt(sql: string, at: number, dialect: SqlDialect): Part | undefined {
  if (dialect === 'postgres' && sql.startsWith('/*', at)) {
    const end = endOfNested(sql, at);
    return end === undefined ? undefined : { end };
  }
  const space = matchAt(LEXERS[dialect].space, sql, at);
  return space === undefined ? undefined : { end: at + space[0].length };
}

/** The end of a comment of Postgres, which may hold comments; `undefined` when it has no end. */
function endOfNested(sql: string, from: number): number | undefined {
  let depth = 0;
  for (const { 0: mark, index } of sql.slice(from).matchAll(/\/\*|\*\//g)) {
    depth += mark === '/*' ? 1 : -1;
    if (depth === 0) return from + index + 2;
  }
  return undefined;
}

function tokenAt(sql: string, at: number, { quoted }: Lexer): Part | undefined {
  for (const [kind, pattern] of quoted) {
    const found = matchAt(pattern, sql, at);
    if (found === undefined) continue;
    const text = (found.groups?.['content'] ?? '').replace(/(["'`])\1/g, '$1');
    return { token: { kind, text }, end: at + found[0].length };
  }
  if (/["'`]/.test(sql.charAt(at)) || sql.startsWith('/*', at)) return undefined;
  const word = matchAt(WORD, sql, at)?.[0];
  if (word !== undefined) return { token: { kind: 'word', text: word.toLowerCase() }, end: at + word.length };
  const value = matchAt(VALUE, sql, at)?.[0];
  if (value !== undefined) return { token: { kind: 'value', text: value }, end: at + value.length };
  return { token: { kind: 'sign', text: sql.charAt(at) }, end: at + 1 };
}

function matchAt(pattern: RegExp, sql: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(sql) ?? undefined;
}

/*
 * The facts of a SQL statement that its words show. It is read by words, not parsed: databases differ, and people write
 * statements by hand. In doubt a statement writes, and a name is that of a table: one table too many costs a query to
 * the database, one too few an old answer.
 */

/** Something that a statement does besides reading. */
export type Effect = 'none' | 'write' | 'begin' | 'commit' | 'rollback';

/** What a write does to rows that refer to the changed ones: nothing, or what their foreign keys say. */
export type Reach = 'none' | 'updated' | 'deleted' | 'all';

const LEADING_COMMENTS = /^(?:\s+|--[^\n]*\n|\/\*[\s\S]*?\*\/)+/;

/** First words of statements that read, if no word of a write follows. */
const READS =
  /^(?:\(|(?:select|with|values|table|show|explain|describe|desc|pragma|savepoint|release|set|use|reset)\b)/i;

const EFFECTS: readonly (readonly [Effect, RegExp])[] = [
  [
    'begin',
    /^(?:start\s+transaction|begin(?:\s+(?:transaction|tran|work|deferred|immediate|exclusive|isolation|read)\b[^();]*)?)\s*;?\s*$/i,
  ],
  ['commit', /^(?:commit|end)(?:\s+(?:transaction|tran|work))?\s*;?\s*$/i],
  ['rollback', /^(?:rollback|abort)(?:\s+(?:transaction|tran|work))?\s*;?\s*$/i],
  ['none', /^rollback\b/i],
];

/** Words of writes inside a statement. Functions of the same names are followed by a bracket. */
const WRITES = /\b(?:insert|update|delete|merge|truncate|drop|alter|replace(?=\s+into))\b(?!\s*\()/i;
const LOCKS = /\bfor\s+(?:no\s+key\s+)?update\b/gi;
/**
 * Texts, quoted names and comments, in which a word is no word of the statement: as in standard SQL, and as in MySQL,
 * where a backslash in a text escapes a quote.
 */
const QUOTED = [
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|--[^\n]*|\/\*[\s\S]*?\*\//g,
  /'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`|--[^\n]*|\/\*[\s\S]*?\*\//g,
];

/** Statements that change what the later ones of their connection see, such as the role or the search path. */
const SESSION =
  /^(?:(?:set|use|reset)\b(?!\s+(?:transaction|local|constraints)\b)|alter\s+session\b)|\bset_config\s*\(|set_(?:session_)?context\b/i;

export function effectOf(sql: string): Effect {
  const text = sql.replace(LEADING_COMMENTS, '');
  const known = EFFECTS.find(([, words]) => words.test(text));
  if (known !== undefined) return known[0];
  return READS.test(text) && !hasWriteIn(text) ? 'none' : 'write';
}

function hasWriteIn(text: string): boolean {
  return WRITES.test(text) && QUOTED.some((quoted) => WRITES.test(text.replace(quoted, ' x ').replace(LOCKS, ' ')));
}

/** True for a statement that changes the session of its connection. */
export function changesSession(sql: string): boolean {
  return SESSION.test(sql.replace(LEADING_COMMENTS, ''));
}

/** Returns how far a write reaches along foreign keys, by its words. */
export function reachOf(sql: string): Reach {
  if (/\bcascade\b/i.test(sql)) return 'all';
  if (/\b(?:delete|truncate|replace|merge|drop)\b/i.test(sql)) return 'deleted';
  return /^\s*insert\b/i.test(sql) && !/\b(?:update|with)\b/i.test(sql) ? 'none' : 'updated';
}

/** True for a statement that some databases commit together with all that was written before it. */
export function definesSchema(sql: string): boolean {
  return /^(?:create|alter|drop|truncate|rename)\b/i.test(sql.replace(LEADING_COMMENTS, ''));
}

const NAME = String.raw`(?:"(?:[^"]|"")+"|\x60(?:[^\x60]|\x60\x60)+\x60|\[[^\]]+\]|[\w$#\u0080-\uffff]+)`;
const NAMED_TABLE = new RegExp(
  String.raw`\b(?:from|join|into|update|table|truncate|view)(?:\s+(?:only|lateral|table|if|not|exists|ignore))*\s+` +
    `(${NAME}(?:\\s*\\.{1,2}\\s*${NAME})*)`,
  'gi',
);
const NO_NAME = /^(?:set|select|values|where|on|only|lateral)$/i;

/**
 * Finds the names of tables after words such as FROM, without quotes. One that is not written in small letters is given
 * in small letters, too, because many databases do not tell them apart.
 */
export function namedTables(sql: string): string[] {
  const names = [...sql.matchAll(NAMED_TABLE)].map(([, name = '']) => unquoted(name));
  return [...new Set(names.filter((name) => !NO_NAME.test(name)).flatMap((name) => [name, name.toLowerCase()]))];
}

function unquoted(name: string): string {
  const parts = name.match(new RegExp(NAME, 'g')) ?? [];
  return parts.map((part) => (/^["`[]/.test(part) ? part.slice(1, -1).replace(/(["`])\1/g, '$1') : part)).join('.');
}

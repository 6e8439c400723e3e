import { describe, expect, it } from '@jest/globals';
import { type SqlDialect, tokensOf } from './sql-tokens.js';

/** The tokens as text, with the first letter of their kind: `w:select`. */
function shortOf(sql: string, dialect: SqlDialect = 'postgres'): string[] | undefined {
  return tokensOf(sql, dialect)?.map(({ kind, text }) => `${kind.charAt(0)}:${text}`);
}

describe('the tokens of a statement', () => {
  it('are words in small letters, names, texts, values and signs', () => {
    expect(shortOf(`SELECT "Id", 'it''s', $1, 1.5e3 FROM Users;`)).toEqual([
      'w:select',
      'n:Id',
      's:,',
      "t:it's",
      's:,',
      'v:$1',
      's:,',
      'v:1.5e3',
      'w:from',
      'w:users',
      's:;',
    ]);
  });

  it.each<[string, SqlDialect, string, string[]]>([
    ['a doubled quote in a name', 'postgres', '"a""b"', ['n:a"b']],
    ['an escaped text', 'postgres', String.raw`e'it\'s' x`, [String.raw`t:it\'s`, 'w:x']],
    ['a backslash at the end of a text', 'postgres', String.raw`'a\' x`, [String.raw`t:a\ `.trim(), 'w:x']],
    ['a text between dollars', 'postgres', "$fn$ from 'x $$ $fn$ y", ["t: from 'x $$ ", 'w:y']],
    ['a comment in a comment', 'postgres', 'a /* x /* y */ from z */ b', ['w:a', 'w:b']],
    ['a comment to the end of the line', 'postgres', "a -- from 'x\nb", ['w:a', 'w:b']],
    ['a backslash in a text', 'mysql', String.raw`'it\'s' x`, [String.raw`t:it\'s`, 'w:x']],
    ['a text in double quotes', 'mysql', `"from x" y`, ['t:from x', 'w:y']],
    ['a name in backticks', 'mysql', '`a``b` x', ['n:a`b', 'w:x']],
    ['a comment after #', 'mysql', 'a # from x\nb', ['w:a', 'w:b']],
    ['two hyphens without a space', 'mysql', 'a --1', ['w:a', 's:-', 's:-', 'v:1']],
    ['a hint', 'mysql', 'a /*+ hint */ b', ['w:a', 'w:b']],
    ['a name in square brackets', 'sqlite', '[a b] x', ['n:a b', 'w:x']],
    ['a comment without an end', 'sqlite', 'a /* from x', ['w:a']],
  ])('know %s of %s', (_, dialect, sql, tokens) => {
    expect(shortOf(sql, dialect)).toEqual(tokens);
  });

  it.each<[string, SqlDialect, string]>([
    ['a text without an end', 'postgres', "select 'a"],
    ['a name without an end', 'postgres', 'select "a'],
    ['a comment without an end', 'postgres', 'select /* a /* b */'],
    ['a comment that MySQL runs', 'mysql', 'select 1 /*! from secrets */'],
    ['a comment that MariaDB runs', 'mysql', 'select 1 /*M! from secrets */'],
  ])('are none for %s (%s)', (_, dialect, sql) => {
    expect(tokensOf(sql, dialect)).toBeUndefined();
  });
});

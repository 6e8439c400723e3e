import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readStatement } from './sql-statement.js';
import type { SqlDialect } from './sql-tokens.js';

const tablesIn = (sql: string, dialect: SqlDialect = 'postgres'): string[] => {
  const { reads, named } = readStatement(sql, dialect);
  return reads.filter((name) => !named.has(name)).sort();
};

describe('the tables that a query reads', () => {
  it.each<[string, string[]]>([
    ['select "id" from "users" where "users"."id" = $1', ['users']],
    ['select * from "shop"."orders" "o", Users u order by "o"."id", "x"', ['shop.orders', 'users']],
    [
      'select * from a join b on a.x = b.x, c left join lateral (select * from d limit 1) e on true, f',
      ['a', 'b', 'c', 'd', 'f'],
    ],
    ['select * from a where x in (select y from b where exists (select 1 from c)) group by x, y', ['a', 'b', 'c']],
    ['(select x from a) union all (select x from b order by x, y limit 2) except select x from c', ['a', 'b', 'c']],
    ['with q as (select * from a), r (x, y) as materialized (table b) select * from q, r', ['a', 'b']],
    ['with recursive t(n) as (values (1) union all select n + 1 from t) select * from t, a', ['a']],
    ['select * from (a join (b join c on true) on true) x, (((select * from d)))', ['a', 'b', 'c', 'd']],
    ['select extract(year from a.x), trim(both from y), substring(z from 2 for 3), u from a, b', ['a', 'b']],
    ['select a is distinct from b, c is not distinct from d, e from t', ['t']],
    [
      'select count(*) filter (where x > 1), array(select y from b) from only a tablesample system (10), c',
      ['a', 'b', 'c'],
    ],
    ['select \'from x\', $q$ from y $q$, "from" -- from z\n from a /* from v */, b', ['a', 'b']],
    ['select x as from, t.from, y from a', ['a']],
    ['select sum(x) over (partition by a, b order by c) from t window w as (order by x, y), u', ['t']],
    ['table a union table b', ['a', 'b']],
    ['select * from unnest($1::int[], $2::text[]) with ordinality as u (x, y), generate_series(1, 2) g, a', ['a']],
    [
      'select (select json_agg(x) from (select * from "posts" "p") "p") as "posts" from "users" "users"',
      ['posts', 'users'],
    ],
    ['select * from U&"d\\0061ta"', ['u']],
  ])('are found in %s', (sql, tables) => {
    expect(tablesIn(sql)).toEqual(tables);
  });

  it.each<[SqlDialect, string, string[]]>([
    ['mysql', 'select `a`.`x` from `shop`.`a` straight_join `b` use index (i, j), `c`', ['b', 'c', 'shop.a']],
    ['mysql', "select \"from x\", 'it\\'s from y' from a # from z", ['a']],
    [
      'sqlite',
      "select * from [a b], 'c' where x in d and y not in e and z in (1, 2) and v in ?",
      ['a b', 'c', 'd', 'e'],
    ],
  ])('are found in the dialect %s: %s', (dialect, sql, tables) => {
    expect(tablesIn(sql, dialect)).toEqual(tables);
  });

  it('contain the table that a query in WITH is named after', () => {
    const { reads, named } = readStatement('with orders as (select * from orders) select * from orders', 'postgres');

    expect([reads, [...named]]).toEqual([['orders'], ['orders']]);
  });

  it.each([
    ['the function `report`', 'select * from a, report(1) r'],
    ['the function `shop.report`', 'select * from shop.report(1)'],
    ['something without a name', 'select * from $1'],
  ])('may be more than the words name: %s', (obscurity, sql) => {
    expect(readStatement(sql, 'postgres').obscurity).toBe(obscurity);
  });

  const table = fc.constantFrom('a', '"B"', 's.c', '"s"."D e"', 'f');
  interface Built {
    readonly sql: string;
    readonly tables: readonly string[];
  }
  const merged = (sql: string, ...parts: readonly Built[]): Built => ({
    sql,
    tables: parts.flatMap(({ tables }) => tables),
  });
  const { query } = fc.letrec<{ query: Built; source: Built }>((tie) => ({
    source: fc.oneof(
      { maxDepth: 3 },
      table.map((name) => ({ sql: name, tables: [name.replaceAll('"', '')] })),
      tie('query').map((inner) => merged(`(${inner.sql}) x`, inner)),
      fc.tuple(tie('source'), tie('source')).map(([a, b]) => merged(`(${a.sql} left join ${b.sql} on true)`, a, b)),
      tie('query').map((inner) => merged(`lateral (${inner.sql}) as y (c, d)`, inner)),
    ),
    query: fc
      .tuple(
        tie('source'),
        fc.array(fc.tuple(fc.constantFrom(', ', ' join ', '\ncross join /* , */ '), tie('source')), { maxLength: 2 }),
        fc.option(tie('query'), { depthSize: 'small' }),
        fc.constantFrom('', ' group by c, d', " order by c, 'from z', d limit 1, 2"),
      )
      .map(([first, others, where, end]) => {
        const from = others.reduce((text, [joint, { sql }]) => `${text}${joint}${sql}`, first.sql);
        const condition = where === null ? '' : ` where c in (${where.sql}) and extract(day from d) = 1`;
        const parts = [first, ...others.map(([, source]) => source), ...(where === null ? [] : [where])];
        return merged(`select c, (d), e from ${from}${condition}${end}`, ...parts);
      }),
  }));

  it('are exactly the tables of any nesting of queries', () => {
    fc.assert(
      fc.property(query, ({ sql, tables }) => {
        expect(tablesIn(sql)).toEqual([...new Set(tables)].sort());
      }),
    );
  });
});

describe('a statement', () => {
  it.each([
    'select 1',
    '(select x from a)',
    'with q as (select 1) select * from q',
    'values (1), (2)',
    'select replace(x, y, z), "update", a.delete from a',
    'select count(*) from users;',
  ])('is a query that may be cached: %s', (sql) => {
    expect(readStatement(sql, 'postgres').hindrance).toBeUndefined();
  });

  it.each<[string, string]>([
    ['select * from a for update', 'locks rows'],
    ['select * from a for no key update skip locked', 'locks rows'],
    ['select * from a lock in share mode', 'locks rows'],
    ['select * into b from a', 'writes'],
    ['with q as (delete from a returning *) select * from q', 'writes'],
    ['explain select 1', 'is no query'],
    ['set role admin', 'is no query'],
    ['select 1; select 2', 'is more than one statement'],
    ["select 'a", 'has a quote or a comment without an end'],
    ["select nextval('s')", 'asks for `nextval`, which is not the same for all callers'],
    ["select * from a where owner = current_setting('app.user')", 'asks for `current_setting`'],
    ['select * from a where owner = current_user', 'asks for `current_user`'],
    ['select * from a where owner = user', 'asks for `user`'],
    ['select * from a where owner = auth.uid()', 'asks for `uid`'],
    ['select pg_advisory_lock(1)', 'asks for `pg_advisory_lock`'],
    ["select * from nextval('s')", 'asks for `nextval`'],
  ])('must run each time: %s', (sql, hindrance) => {
    expect(readStatement(sql, 'postgres').hindrance).toContain(hindrance);
  });

  it('must run each time when it uses a variable of MySQL', () => {
    expect(readStatement('select @rank := 1 from a', 'mysql').hindrance).toBe(
      'uses the variable `@rank` of its session',
    );
  });

  it.each<[string, string[], string[]]>([
    ['insert into "shop"."a" ("x") values ($1)', ['shop.a'], []],
    ['insert into a select * from b on conflict (x) do update set y = 1', ['a'], ['update']],
    ['update "a" set "x" = $1 where "a"."id" = $2', ['a'], ['update']],
    ['update only a set x = b.x from b', ['a'], ['update']],
    ['delete from "a" using "b" where true', ['a'], ['delete']],
    [
      'with q as (delete from a returning *), r as (insert into b select * from q) update c set x = 1',
      ['a', 'b', 'c'],
      ['delete', 'update'],
    ],
    [
      'merge into a using b on true when matched then update set x = 1 when not matched then insert values (1)',
      ['a'],
      ['delete', 'update'],
    ],
    ['truncate table a, only "b" restart identity cascade', ['a', 'b'], ['truncate']],
    ['refresh materialized view concurrently "v"', ['v'], []],
    ['alter table if exists a add x integer', ['a'], []],
    ['copy a (x, y) from stdin', ['a'], []],
    ['select x into b from a', ['b'], []],
    ['begin; update a set x = 1; commit', ['a'], ['update']],
  ])('writes: %s', (sql, writes, changes) => {
    const statement = readStatement(sql, 'postgres');

    expect(statement.writes).toEqual(writes);
    expect([...statement.changes]).toEqual(changes);
  });

  it.each<[SqlDialect, string, string[]]>([
    ['mysql', 'insert ignore into `a` (`x`) values (?) on duplicate key update `x` = ?', ['a']],
    ['mysql', 'replace into a values (1)', ['a']],
    ['mysql', 'update `a` inner join `b` on true set `a`.`x` = 1, `b`.`y` = 2', ['a', 'b']],
    ['mysql', 'update a, b set a.x = 1, c = 2', ['a', 'b']],
    ['mysql', 'delete x from `a` as x join b on true', ['a', 'b', 'x']],
    ['mysql', "load data infile 'f' into table a", ['a']],
    ['sqlite', 'insert or replace into "a" values (?)', ['a']],
    ['sqlite', 'update or ignore [a] set x = 1', ['a']],
  ])('writes, in the dialect %s: %s', (dialect, sql, writes) => {
    expect([...readStatement(sql, dialect).writes].sort()).toEqual(writes);
  });
});

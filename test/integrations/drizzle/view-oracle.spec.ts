import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PGlite } from '@electric-sql/pglite';
import { PGlite as Postgres } from '@electric-sql/pglite';
import { dataDir } from '@electric-sql/pglite-prepopulatedfs';
import fc from 'fast-check';
import { readStatement } from '../../../src/integrations/drizzle/sql/sql-statement.js';

/*
 * Postgres itself says which tables a query reads: it records what a view depends on.
 */
describe('the tables that are found in a query are those that Postgres finds', () => {
  let client: PGlite;
  beforeAll(async () => {
    client = await Postgres.create({ loadDataDir: await dataDir() });
    await client.exec(`
      create schema s;
      create table a (id int, x int, y int); create table b (id int, x int, y int); create table c (id int, x int, y int);
      create table "D e" (id int, x int, y int); create table s.f (id int, x int, y int);`);
  }, 60_000);
  afterAll(() => client.close());

  async function tablesByPostgres(query: string): Promise<string[]> {
    await client.exec(`create view oracle as ${query}`);
    const { rows } = await client.query<{ name: string }>(
      `select distinct case table_schema when 'public' then table_name else table_schema || '.' || table_name end as name
       from information_schema.view_table_usage where view_name = 'oracle'`,
    );
    await client.exec('drop view oracle');
    return rows.map(({ name }) => name).sort();
  }

  function tablesByKit(query: string): string[] {
    const { reads, named, hindrance, obscurity } = readStatement(query, 'postgres');
    expect([hindrance, obscurity]).toEqual([undefined, undefined]);
    return reads.filter((name) => !named.has(name)).sort();
  }

  it.each([
    'select a.id, b.x from a, b left join c on c.x = b.x and (c.y, c.id) in ((1, 2), (3, 4))',
    'select id from a where x in (select x from b where y = any(array(select y from c))) order by x, y',
    'with q as (select id from a), r(n) as (table b) select q.id from q, (select id as k from r, c where r.n = c.id) z',
    'with recursive t(n) as (select id from a union all select n + 1 from t, b where n < 3) select n from t',
    "select extract(epoch from now()) as e, trim(both ' ' from 'x') as t, substring('abc' from 2 for 1) as u from s.f, \"D e\"",
    'select a.id is distinct from a.x as p, a.y from a, lateral (select b.id as k from b where b.id = a.id limit 1) l, c',
    'select id, \'from b\' as "from", x as update from a /* , c /* d */ */ -- , b\n where y > 1',
    'select rank() over (partition by a.x, a.y order by b.id, b.x) as r from (a join b using (id)) cross join only c',
    'select coalesce((select max(x) from b), (select count(*)::int from c)) as m from generate_series(1, 3) g, a tablesample system (50)',
    'select json_agg(t.* order by t.id, t.x) as j from (values (1, 2)) v(id, k) join a t on t.id = v.id group by v.k, t.y having exists (select 1 from b, c)',
    '(select id from a limit 1) union all ((select x from b) intersect (select y from c order by 1))',
    'select u.n from unnest(array[1, 2], array[3, 4]) with ordinality as u(n, m, o), s.f as g (p, q)',
  ])('%s', async (query) => {
    expect(tablesByKit(query)).toEqual(await tablesByPostgres(query));
  });

  it('for any nesting', async () => {
    const table = fc.constantFrom('a', 'b', 'public.c', '"D e"', 's."f"');
    let names = 0;
    const name = (): string => `t${names++}`;
    const { query } = fc.letrec<{ query: () => string; source: () => string }>((tie) => ({
      source: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        table.map((of) => () => `${of} ${name()}`),
        tie('query').map((inner) => () => `(${inner()}) as ${name()}`),
        tie('query').map((inner) => () => `lateral (${inner()}) ${name()} (id, x, y)`),
        fc.tuple(tie('source'), tie('source')).map(
          ([l, r]) =>
            () =>
              `(${l()} full join ${r()} on true)`,
        ),
      ),
      query: fc
        .tuple(
          tie('source'),
          fc.array(fc.tuple(fc.constantFrom(', ', ' cross join '), tie('source')), { maxLength: 2 }),
          fc.option(tie('query'), { depthSize: 'small' }),
          fc.constantFrom('', ' order by 1, 2', ' group by 1, 2, 3 having count(*) > 0'),
        )
        .map(([first, others, where, end]) => () => {
          const from = others.reduce((text, [joint, source]) => `${text}${joint}${source()}`, first());
          const condition = where === null ? '' : ` where (1, 2, 3) in (${where()})`;
          return `select 1 as id, 2 as x, 3 as y from ${from}${condition}${end}`;
        }),
    }));

    await fc.assert(
      fc.asyncProperty(query, async (make) => {
        const text = make();
        expect(tablesByKit(text).map((found) => found.replace('public.', ''))).toEqual(await tablesByPostgres(text));
      }),
      { numRuns: 50 },
    );
  });
});

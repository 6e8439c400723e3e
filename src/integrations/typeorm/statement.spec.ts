import { describe, expect, it } from '@jest/globals';
import { changesSession, definesSchema, type Effect, effectOf, namedTables, type Reach, reachOf } from './statement.js';

describe('the effect of a statement', () => {
  it.each<[Effect, string]>([
    ['none', 'SELECT 1'],
    ['none', '  select "a"."update" from "delete" "a"'],
    ['none', '/* insert */ SELECT 1 -- delete'],
    ['none', "SELECT 'insert into a' AS text"],
    ['none', '(SELECT 1) UNION (SELECT 2)'],
    ['none', 'WITH a AS (SELECT 1) SELECT * FROM a'],
    ['none', 'SELECT * FROM a FOR UPDATE'],
    ['none', 'SELECT * FROM a FOR NO KEY UPDATE SKIP LOCKED'],
    ['none', "SELECT REPLACE(name, 'a', 'b'), TRUNCATE (price, 2), INSERT(name, 1, 1, '') FROM a"],
    ['none', 'SELECT "updatedAt", is_deleted FROM a'],
    ['none', 'PRAGMA foreign_keys = ON'],
    ['none', 'EXPLAIN SELECT 1'],
    ['none', 'SAVEPOINT typeorm_1'],
    ['none', 'RELEASE SAVEPOINT typeorm_1'],
    ['none', 'ROLLBACK TO SAVEPOINT typeorm_1'],
    ['none', 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE'],
    ['none', 'SET LOCAL app.tenant = 1'],
    ['write', 'INSERT INTO a VALUES (1)'],
    ['write', '\n-- why\n/* and */ update a set b = 1'],
    ['write', 'DELETE FROM a'],
    ['write', 'REPLACE INTO a VALUES (1)'],
    ['write', 'MERGE INTO a USING b ON true'],
    ['write', 'TRUNCATE a'],
    ['write', 'CREATE TABLE a (b int)'],
    ['write', 'CALL work()'],
    ['write', 'BEGIN work(); END;'],
    ['write', 'WITH gone AS (DELETE FROM a RETURNING *) SELECT * FROM gone'],
    ['write', "WITH t AS (SELECT 'it\\'s') DELETE FROM a WHERE b = 'c'"],
    ['write', "WITH t AS (SELECT 'C:\\') DELETE FROM a WHERE b = 'c'"],
    ['write', 'EXPLAIN ANALYZE DELETE FROM a'],
    ['write', 'SELECT 1; DELETE FROM a'],
    ['write', 'DECLARE @OutputTable TABLE (id int); INSERT INTO a OUTPUT INSERTED.id INTO @OutputTable VALUES (1)'],
    ['write', 'anything that nobody knows'],
    ['begin', 'BEGIN'],
    ['begin', 'begin;'],
    ['begin', 'START TRANSACTION'],
    ['begin', 'BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE'],
    ['begin', 'BEGIN IMMEDIATE'],
    ['commit', 'COMMIT'],
    ['commit', 'commit transaction ;'],
    ['commit', 'END'],
    ['rollback', 'ROLLBACK'],
    ['rollback', 'rollback work;'],
    ['rollback', 'ABORT'],
  ])('is %s: %s', (effect, sql) => {
    expect(effectOf(sql)).toBe(effect);
  });
});

describe('the session of a connection', () => {
  it.each([
    'SET search_path TO other',
    "SELECT set_config('app.tenant', $1, false)",
    'USE other',
    'RESET ROLE',
    "EXEC sp_set_session_context 'tenant', 1",
    'ALTER SESSION SET CURRENT_SCHEMA = other',
  ])('is changed by: %s', (sql) => {
    expect(changesSession(sql)).toBe(true);
  });

  it.each([
    'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    'SET LOCAL app.tenant = 1',
    'SELECT "set"',
    'UPDATE a SET b = 1',
  ])('is not changed by: %s', (sql) => {
    expect(changesSession(sql)).toBe(false);
  });

  it('is changed by a statement that also writes', () => {
    const sql = 'SET search_path TO other; UPDATE a SET b = 1';

    expect([changesSession(sql), effectOf(sql)]).toEqual([true, 'write']);
  });
});

describe('the tables that a statement names', () => {
  it.each<[string, string[]]>([
    ['SELECT * FROM legacy l', ['legacy']],
    ['SELECT * FROM "Legacy" "l" LEFT JOIN old.orders o ON true', ['Legacy', 'legacy', 'old.orders']],
    ['SELECT * FROM `shop`.`orders`', ['shop.orders']],
    ['SELECT * FROM [shop].[dbo].[orders]', ['shop.dbo.orders']],
    ['SELECT * FROM "shop".."orders"', ['shop.orders']],
    ['SELECT * FROM "a""b"', ['a"b']],
    ['INSERT INTO a (b) VALUES (1) ON CONFLICT (b) DO UPDATE SET b = 2', ['a']],
    ['UPDATE ONLY a SET b = 1', ['a']],
    ['DELETE FROM a USING b', ['a']],
    ['TRUNCATE TABLE a', ['a']],
    ['DROP TABLE IF EXISTS a', ['a']],
    ['REFRESH MATERIALIZED VIEW CONCURRENTLY a', ['concurrently', 'CONCURRENTLY']],
    ['SELECT 1 FROM (SELECT 2 FROM a) b', ['a']],
  ])('are found in: %s', (sql, tables) => {
    expect(namedTables(sql).sort()).toEqual([...tables].sort());
  });
});

describe('the reach of a write', () => {
  it.each<[Reach, string]>([
    ['none', 'INSERT INTO a VALUES (1)'],
    ['updated', 'INSERT INTO a VALUES (1) ON CONFLICT DO UPDATE SET b = 1'],
    ['updated', 'UPDATE a SET b = 1'],
    ['deleted', 'DELETE FROM a'],
    ['deleted', 'REPLACE INTO a VALUES (1)'],
    ['deleted', 'WITH gone AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM gone'],
    ['all', 'TRUNCATE a CASCADE'],
    ['updated', 'CALL work()'],
  ])('is %s: %s', (reach, sql) => {
    expect(reachOf(sql)).toBe(reach);
  });
});

it('knows statements that change the schema', () => {
  const statements = ['CREATE INDEX a ON b (c)', '/* x */ alter table a add b int', 'TRUNCATE a', 'UPDATE a SET b = 1'];

  expect(statements.map(definesSchema)).toEqual([true, true, true, false]);
});

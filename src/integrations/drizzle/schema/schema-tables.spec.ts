import { describe, expect, it } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { int, mysqlTable } from 'drizzle-orm/mysql-core';
import {
  alias,
  foreignKey,
  integer,
  PgDialect,
  pgMaterializedView,
  pgSchema,
  pgTable,
  pgTableCreator,
  pgView,
} from 'drizzle-orm/pg-core';
import { integer as sqliteInteger, sqliteTable } from 'drizzle-orm/sqlite-core';
import { readStatement } from '../sql/sql-statement.js';
import type { SqlDialect } from '../sql/sql-tokens.js';
import { tableName } from './schema-entities.js';
import { type ReadTables, SchemaTables } from './schema-tables.js';

const id = integer();
const users = pgTable('users', { id });
const orders = pgSchema('shop').table('orders', {
  id,
  userId: integer().references(() => users.id, { onDelete: 'cascade' }),
});
const items = pgTable('items', { id, orderId: integer() }, (table) => [
  foreignKey({ columns: [table.orderId], foreignColumns: [orders.id] })
    .onUpdate('cascade')
    .onDelete('set null'),
]);
const notes = pgTable('notes', { id, itemId: integer().references(() => items.id) });
const busyUsers = pgView('busy_users').as((query) =>
  query
    .select()
    .from(users)
    .where(sql`id in (select user_id from shop.orders)`),
);
const busier = pgView('busier_users').as((query) => query.select().from(busyUsers));
const mine = pgView('mine', { id }).as(sql`select id from users where name = current_user`);
const computed = pgView('computed', { id }).as(sql`select id from report()`);
const foreign = pgView('foreign_view', { id }).existing();
const totals = pgMaterializedView('totals', { id }).as(sql`select count(*) as id from users`);

const dialect = new PgDialect();
const tables = new SchemaTables(
  [users, orders, items, notes, busyUsers, busier, mine, computed, foreign, totals, 'a text', null, { id }],
  'postgres',
  (query) => readStatement(dialect.sqlToQuery(query as never).sql, 'postgres'),
);

const read = (text: string, passed: readonly string[] = []): ReadTables =>
  tables.readBy(readStatement(text, 'postgres'), passed);
const written = (text: string, passed: readonly string[] = []): string[] =>
  tables.writtenBy(readStatement(text, 'postgres'), passed).sort();

describe('the tables that a query reads', () => {
  it.each<[string, string[], string[]]>([
    ['select * from users', ['users'], []],
    ['select * from shop.orders', ['shop.orders'], []],
    ['select * from orders', ['orders', 'shop.orders'], ['orders']],
    ['select * from public.users', ['public.users', 'users'], []],
    ['select * from busy_users', ['busy_users', 'shop.orders', 'users'], []],
    ['select * from busier_users', ['busier_users', 'busy_users', 'shop.orders', 'users'], []],
    ['select * from totals', ['totals'], []],
    ['with q as (select * from users) select * from q', ['users'], []],
    ['with users as (select 1) select * from users', ['users'], []],
  ])('of %s are known', (text, names, bare) => {
    const { tables: found, bare: foundBare, unknown } = read(text);

    expect([[...found].sort(), foundBare, unknown]).toEqual([names, bare, undefined]);
  });

  it.each([
    ['select * from strangers', 'strangers'],
    ['select * from other.orders', 'other.orders'],
    ['select * from "Users"', 'Users'],
    ['select * from foreign_view', 'foreign_view'],
  ])('of %s are not known', (text, unknown) => {
    expect(read(text).unknown).toBe(unknown);
  });

  it('are known when Drizzle passes them', () => {
    expect(read('select * from strangers', ['strangers'])).toMatchObject({ tables: ['strangers'], unknown: undefined });
  });

  it('are hidden by a view as by its query', () => {
    expect(read('select * from mine').hindrance).toContain('current_user');
    expect(read('select * from computed').obscurity).toBe('the function `report`');
  });

  it.each<[SqlDialect, object]>([
    ['mysql', mysqlTable('Users', { id: int() })],
    ['sqlite', sqliteTable('Users', { id: sqliteInteger() })],
  ])('are known by any case of letters in %s', (name, table) => {
    const known = new SchemaTables([table], name, () => readStatement('', name));

    expect(known.readBy(readStatement('select * from uSERS', name), []).tables).toContain('Users');
    expect(known.writtenBy(readStatement('delete from uSERS', name), [])).toContain('Users');
  });

  it('have the names that they have in SQL', () => {
    const prefixed = pgTableCreator((name) => `app_${name}`)('users', { id });

    expect([tableName(prefixed), tableName(alias(prefixed, 'u')), tableName(orders)]).toEqual([
      'app_users',
      'app_users',
      'shop.orders',
    ]);
  });
});

describe('the tables that a statement writes', () => {
  it.each<[string, string[]]>([
    ['insert into users values (1)', ['users']],
    ['update users set id = 1', ['users']],
    ['delete from users', ['items', 'shop.orders', 'users']],
    ['update shop.orders set id = 1', ['items', 'shop.orders']],
    ['delete from shop.orders', ['items', 'shop.orders']],
    ['delete from items', ['items']],
    ['truncate items cascade', ['items', 'notes']],
    ['update public.users set id = 1', ['public.users', 'users']],
    ['delete from strangers', ['strangers']],
    ['insert into users values (1) on conflict (id) do update set id = 2', ['users']],
  ])('by %s, with those of foreign keys', (text, names) => {
    expect(written(text)).toEqual(names);
  });

  it('are also those that Drizzle passes', () => {
    expect(written('delete from users', ['passed'])).toEqual(['items', 'passed', 'shop.orders', 'users']);
  });
});

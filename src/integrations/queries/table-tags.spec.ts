import { describe, expect, it } from '@jest/globals';
import { cacheWith } from '../../../test/support/cache-with.js';
import { checkTables, invalidateTables, tagsOfNamed, tagsOfQuery, tagsOfWrite } from './table-tags.js';

/** True when a write to a table invalidates a query. */
function isHit(queryTags: readonly string[], written: string): boolean {
  return tagsOfWrite([written]).some((tag) => queryTags.includes(tag));
}

describe('a write to a table invalidates', () => {
  it.each([
    ['order', 'order', true],
    ['shop.order', 'shop.order', true],
    ['shop.order', 'order', true],
    ['order', 'orders', false],
    ['shop.order', 'archive.order', false],
    ['order', 'shop.order', false],
  ])('a query on `%s`, as the ORM names it, with `%s`: %p', (table, written, expected) => {
    expect(isHit(tagsOfQuery([table]), written)).toBe(expected);
  });

  it.each([
    ['order', 'order', true],
    ['order', 'shop.order', true],
    ['shop.order', 'shop.order', true],
    ['shop.order', 'order', true],
    ['shop.order', 'archive.order', false],
    ['order', 'shop.item', false],
  ])('a query on `%s`, as a person names it, with `%s`: %p', (table, written, expected) => {
    expect(isHit(tagsOfNamed([table]), written)).toBe(expected);
  });
});

describe('invalidateTables', () => {
  it('invalidates the queries on the tables, and counts them', async () => {
    const { cache } = cacheWith();
    await cache.set('orders', 1, { tags: tagsOfQuery(['shop.order']) });
    await cache.set('users', 1, { tags: tagsOfQuery(['user', 'shop.order']) });
    await cache.set('items', 1, { tags: tagsOfQuery(['item']) });

    expect(await invalidateTables(cache, ['order'])).toBe(2);
    expect(await cache.getMany(['orders', 'users', 'items'])).toEqual(new Map([['items', 1]]));
  });

  it.each([[undefined], ['user'], [[]], [['']], [[1]]])('refuses %p', async (tables) => {
    const { cache } = cacheWith();

    await expect(invalidateTables(cache, tables as never)).rejects.toThrow("such as `['user']`");
    expect(() => checkTables(tables)).toThrow('Expected the names of tables');
  });
});

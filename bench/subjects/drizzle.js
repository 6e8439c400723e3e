import { sql } from 'drizzle-orm';
import { integer, numeric, pgTable, text } from 'drizzle-orm/pg-core';
import { drizzle } from 'drizzle-orm/pg-proxy';

const products = pgTable('products', {
  id: integer().primaryKey(),
  name: text().notNull(),
  description: text().notNull(),
  price: numeric().notNull(),
});

/**
 * Drizzle on a database that answers at once, without and with the cache of the kit.
 * @param {import('./subject.js').SubjectSettings & { kit: string }} settings `kit`: the URL of the build's `index.js`
 */
export async function open({ kit, maxEntries }) {
  const [{ createCache }, { cachedDrizzle, drizzleCache }] = await Promise.all([
    import(kit),
    import(new URL('drizzle.js', kit).href),
  ]);
  const cache = await createCache({ memory: { maxEntries } });
  const rows = async () => ({ rows: [[1, 'A product', 'x'.repeat(900), '12.50']] });
  let isFilled = false;
  const rowsOnce = async () => {
    if (isFilled) throw new Error('A stored result was not found: this would not measure hits.');
    return rows();
  };
  const plain = drizzle(rows, { schema: { products } });
  const options = { database: 'shop', global: true };
  const cached = cachedDrizzle(drizzle(rowsOnce, { schema: { products }, cache: drizzleCache(cache, options) }));
  const prepared = (/** @type {typeof plain} */ db) =>
    db
      .select()
      .from(products)
      .where(sql`${products.id} = ${sql.placeholder('id')}`)
      .prepare('by_id');
  return {
    rows: rowsOnce,
    /** From now on each query must be a hit. */
    endFilling: () => {
      isFilled = true;
    },
    getOrSet: (/** @type {string} */ key, /** @type {() => Promise<unknown>} */ load) => cache.getOrSet(key, load),
    plain: prepared(plain),
    cached: prepared(cached),
    select: (/** @type {number} */ id) =>
      cached
        .select()
        .from(products)
        .where(sql`${products.id} = ${id}`),
    selectPlain: (/** @type {number} */ id) =>
      plain
        .select()
        .from(products)
        .where(sql`${products.id} = ${id}`),
    close: () => cache.close(),
  };
}

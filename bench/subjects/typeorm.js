import 'reflect-metadata';
import { DataSource, EntitySchema } from 'typeorm';

/**
 * @typedef {object} QuerySubject
 * @property {(name: string) => Promise<unknown[]>} find
 * @property {() => unknown} close
 */

const Author = new EntitySchema({
  name: 'author',
  columns: {
    id: { type: Number, primary: true, generated: true },
    name: { type: String },
    city: { type: String },
    points: { type: Number },
    createdAt: { type: Date, createDate: true },
  },
});

/**
 * TypeORM on sql.js. `by` is `kit` for the kit's cache of queries, `key` for `getOrSet` with a key that the caller has
 * ready, and `none` for the database.
 * @param {{ kit: string, by: 'kit' | 'key' | 'none', names: string[] }} settings @returns {Promise<QuerySubject>}
 */
export async function open({ kit, by, names }) {
  const { createCache } = await import(kit);
  const { typeormCache } = await import(new URL('typeorm.js', kit).href);
  const cache = await createCache();
  let key = '';
  const ready = {
    provider: () => ({
      connect: async () => undefined,
      disconnect: async () => undefined,
      synchronize: async () => undefined,
      getFromCache: async () => ({ duration: 0, result: await cache.getOrSet(key, async () => undefined) }),
      isExpired: (/** @type {{ result: unknown }} */ { result }) => result === undefined,
      storeInCache: async (/** @type {{ result: string }} */ { result }) => cache.set(key, result),
    }),
  };
  const source = new DataSource({
    type: 'sqljs',
    entities: [Author],
    synchronize: true,
    ...(by === 'kit' ? typeormCache(cache) : by === 'key' ? { cache: /** @type {any} */ (ready) } : {}),
  });
  await source.initialize();
  const authors = source.getRepository('author');
  await authors.save(names.map((name, points) => ({ name, city: 'Rome', points })));
  return {
    find: (name) => {
      key = name;
      return authors.find({ where: { name }, cache: by !== 'none' });
    },
    close: async () => {
      await source.destroy();
      await cache.close();
    },
  };
}

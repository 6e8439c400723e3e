import { PGlite } from '@electric-sql/pglite';
import { dataDir } from '@electric-sql/pglite-prepopulatedfs';
import { defineEntity, MikroORM, type Options, p } from '@mikro-orm/core';
import { PgliteDriver } from '@mikro-orm/pglite';

export const Author = defineEntity({
  name: 'Author',
  properties: {
    id: p.integer().primary(),
    name: p.string(),
    books: () => p.oneToMany(Book).mappedBy('author'),
  },
});

export const Genre = defineEntity({ name: 'Genre', properties: { id: p.integer().primary(), label: p.string() } });

export const Book = defineEntity({
  name: 'Book',
  properties: {
    id: p.bigint().primary(),
    title: p.string(),
    copies: p.integer().default(1),
    cover: p.blob().nullable(),
    printedAt: p.datetime().nullable(),
    author: () => p.manyToOne(Author).deleteRule('cascade'),
    genres: () => p.manyToMany(Genre),
    secrets: () => p.oneToMany(Secret).mappedBy('book'),
  },
});

/** A view of books of which MikroORM knows the columns alone. */
export const Shelf = defineEntity({
  name: 'Shelf',
  properties: {
    id: p.integer().primary(),
    size: p.integer().formula(() => '(select count(*) from book)'),
  },
});

export const Secret = defineEntity({
  name: 'Secret',
  filters: { tenant: { name: 'tenant', cond: { tenant: 1 }, default: true } },
  properties: { id: p.integer().primary(), tenant: p.integer(), book: () => p.manyToOne(Book).nullable() },
});

export interface Shop {
  readonly orm: MikroORM;
  /** Statements that have reached the database, without those of transactions. */
  readonly statements: string[];
  /** Lets the next `select` wait until `release` is called. */
  hold(): { readonly isReached: Promise<void>; release(): void };
}

const TABLES = `
  create table author (id int primary key, name text not null);
  create table genre (id int primary key, label text not null);
  create table book (id bigint primary key, title text not null, copies int not null default 1, cover bytea,
    printed_at timestamptz, author_id int not null references author on delete cascade);
  create table book_genres (book_id bigint references book on delete cascade, genre_id int references genre,
    primary key (book_id, genre_id));
  create table shelf (id int primary key);
  create table secret (id int primary key, tenant int not null, book_id bigint references book);`;

/** Opens a database in this process, with the tables of the shop. */
export async function openDatabase(): Promise<PGlite> {
  const database = await PGlite.create({ loadDataDir: await dataDir() });
  await database.exec(TABLES);
  return database;
}

/** Opens the shop on a database. */
export async function openShop(database: PGlite, options: Partial<Options> = {}): Promise<Shop> {
  const statements: string[] = [];
  let held: { reach(): void; wait: Promise<void> } | undefined;
  const client = new Proxy(database, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (name === 'query')
        return async (sql: string, ...rest: []) => {
          statements.push(sql);
          const own = sql.startsWith('select') ? held : undefined;
          if (own !== undefined) held = undefined;
          const result = await target.query(sql, ...rest);
          own?.reach();
          await own?.wait;
          return result;
        };
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  const orm = await MikroORM.init({
    driver: PgliteDriver,
    driverOptions: { pglite: client },
    dbName: 'shop',
    entities: [Author, Book, Genre, Shelf, Secret],
    ...options,
  });
  const hold: Shop['hold'] = () => {
    let release = (): void => undefined;
    let reach = (): void => undefined;
    const wait = new Promise<void>((resolve) => (release = resolve));
    const isReached = new Promise<void>((resolve) => (reach = resolve));
    held = { reach, wait };
    return { isReached, release };
  };
  return { orm, statements, hold };
}

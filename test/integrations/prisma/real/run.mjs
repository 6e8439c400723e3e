// The promises of docs/prisma.md, with the real client. Each line that is printed has been checked.
import assert from 'node:assert/strict';
import { PGlite } from '@electric-sql/pglite';
import { dataDir } from '@electric-sql/pglite-prepopulatedfs';
import client from '@prisma/client';
import { createCache } from 'nestjs-cache-kit';
import { invalidateTables, prismaCache } from 'nestjs-cache-kit/prisma';
import { PrismaPGlite } from 'pglite-prisma-adapter';

const { Prisma, PrismaClient } = client;
const database = await PGlite.create({ loadDataDir: await dataDir() });
await database.exec(`create table users (id serial primary key, email text unique not null);
  create table "Post" (id serial primary key, title text not null, price decimal(65,30) not null default 1.10,
    views bigint not null default 9007199254740993, cover bytea, at timestamp(3) not null default current_timestamp,
    meta jsonb, "authorId" int not null references users on delete cascade);
  create table "Tag" (id serial primary key, label text unique not null);
  create table "_PostToTag" ("A" int references "Post" on delete cascade, "B" int references "Tag" on delete cascade,
    primary key ("A", "B"));`);
let statements = 0;
const base = new PrismaClient({ adapter: new PrismaPGlite(database), log: [{ level: 'query', emit: 'event' }] });
base.$on('query', () => void statements++);
const errors = [];
const cache = await createCache({ onError: (error) => errors.push(error.message) });
const prisma = base.$extends(prismaCache(cache, { ttl: '5m' }));

const posts = () => prisma.post.findMany({ include: { tags: true, author: true }, cacheStrategy: {} });
async function statementsOf(work) {
  const before = statements;
  await work();
  // The events of a query come after its result.
  await new Promise((resolve) => setTimeout(resolve, 20));
  return statements - before;
}
async function check(title, run) {
  await run();
  console.log(`ok  ${title}`);
}
/** Checks that a write invalidates `posts`. */
async function invalidates(title, write) {
  await check(title, async () => {
    await posts();
    assert.equal(await statementsOf(posts), 0);
    await write();
    assert.notEqual(await statementsOf(posts), 0);
  });
}

await prisma.user.create({ data: { email: 'a', posts: { create: { title: 'one', cover: Buffer.from('x') } } } });

await check('a hit gives every type as the query does', async () => {
  const [first] = await posts();
  const [again] = await posts();
  assert.equal(await statementsOf(posts), 0);
  assert.deepEqual(again, first);
  assert.ok(again.price instanceof Prisma.Decimal);
  assert.equal(again.views, 9007199254740993n);
  assert.ok(again.cover instanceof Uint8Array && again.at instanceof Date);
});
await check('without a strategy nothing is cached', async () => {
  assert.equal(await statementsOf(() => prisma.tag.findMany()), 1);
  assert.equal(await statementsOf(() => prisma.tag.findMany({ cacheStrategy: false })), 1);
});
await invalidates('a write invalidates', () => prisma.post.updateMany({ data: { title: 'uno' } }));
await invalidates('a nested write invalidates', () =>
  prisma.user.update({ where: { id: 1 }, data: { posts: { create: { title: 'two' } } } }),
);
await invalidates('a nested connection invalidates', () =>
  prisma.post.update({ where: { id: 1 }, data: { tags: { create: { label: 'new' } } } }),
);
await invalidates('an interactive transaction invalidates after its commit', () =>
  prisma.$transaction(async (tx) => {
    await tx.post.updateMany({ data: { title: 'in tx' } });
    const inside = () => tx.post.findMany({ include: { tags: true, author: true }, cacheStrategy: {} });
    assert.equal((await inside())[0].title, 'in tx');
    assert.equal((await inside())[0].title, 'in tx');
  }),
);
await invalidates('a batch invalidates after its commit', () =>
  prisma.$transaction([prisma.post.updateMany({ data: { title: 'batch' } }), prisma.user.count()]),
);
await invalidates('a batch of the base client with calls of the extended one invalidates', () =>
  base.$transaction([prisma.post.updateMany({ data: { title: 'base' } })]),
);
await check('a rolled-back transaction invalidates nothing, and stores nothing', async () => {
  await posts();
  const failed = prisma.$transaction(async (tx) => {
    await tx.post.updateMany({ data: { title: 'uncommitted' } });
    assert.equal(await tx.post.count({ where: { title: 'uncommitted' }, cacheStrategy: {} }), 2);
    throw new Error('no');
  });
  await assert.rejects(failed, /no/);
  assert.equal(await statementsOf(posts), 0);
  assert.equal(await prisma.post.count({ where: { title: 'uncommitted' }, cacheStrategy: {} }), 0);
});
await check('a refused batch invalidates nothing', async () => {
  await posts();
  const twice = () => prisma.user.create({ data: { email: 'a' } });
  await assert.rejects(prisma.$transaction([prisma.post.updateMany({ data: { title: 'x' } }), twice()]));
  assert.equal(await statementsOf(posts), 0);
});
await check('raw SQL invalidates with invalidateTables', async () => {
  await posts();
  await prisma.$executeRaw`update "Post" set title = 'raw'`;
  assert.equal(await statementsOf(posts), 0);
  await invalidateTables(cache, ['Post']);
  assert.equal((await posts())[0].title, 'raw');
});
await check('decimals and dates are told apart in arguments', async () => {
  const priced = (price) => prisma.post.count({ where: { price }, cacheStrategy: {} });
  assert.equal(await priced(new Prisma.Decimal('1.1')), 2);
  assert.equal(await priced(new Prisma.Decimal('2.2')), 0);
  assert.equal(await statementsOf(() => priced(new Prisma.Decimal('1.1'))), 0);
});
await invalidates('a delete invalidates the models that go with the row', () =>
  prisma.user.delete({ where: { id: 1 } }),
);

assert.deepEqual(errors, []);
await prisma.$disconnect();
await cache.close();
await database.close();
console.log(`Prisma ${Prisma.prismaVersion.client}, Node ${process.version}: all promises hold`);
process.exit(0);

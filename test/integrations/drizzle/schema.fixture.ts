import { eq, relations, sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  bigint,
  customType,
  foreignKey,
  integer,
  jsonb,
  numeric,
  pgMaterializedView,
  pgSchema,
  pgTable,
  pgView,
  text,
  timestamp,
} from 'drizzle-orm/pg-core';

const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

export const users = pgTable('users', {
  id: integer().primaryKey(),
  name: text().notNull(),
  balance: bigint({ mode: 'bigint' }),
  price: numeric(),
  seenAt: timestamp('seen_at', { withTimezone: true }),
  settings: jsonb().$type<Record<string, unknown>>(),
  picture: bytes(),
});

export const posts = pgTable('posts', {
  id: integer().primaryKey(),
  userId: integer('user_id').references((): AnyPgColumn => users.id, { onDelete: 'cascade' }),
  title: text().notNull(),
});

export const comments = pgTable(
  'comments',
  { id: integer().primaryKey(), postId: integer('post_id'), body: text().notNull() },
  ({ postId }) => [foreignKey({ columns: [postId], foreignColumns: [posts.id] }).onDelete('set null')],
);

export const labels = pgTable('labels', { id: integer().primaryKey(), name: text().notNull() });

const archive = pgSchema('archive');
export const oldPosts = archive.table('posts', { id: integer().primaryKey(), title: text().notNull() });

export const namedUsers = pgView('named_users').as((query) => query.select().from(users).where(eq(users.name, 'Ada')));
export const legacyUsers = pgView('legacy_users', { id: integer() }).existing();
export const postCounts = pgMaterializedView('post_counts').as((query) =>
  query.select({ count: sql<number>`count(*)::int`.as('count') }).from(posts),
);

export const usersRelations = relations(users, ({ many }) => ({ posts: many(posts) }));
export const postsRelations = relations(posts, ({ one, many }) => ({
  user: one(users, { fields: [posts.userId], references: [users.id] }),
  comments: many(comments),
}));
export const commentsRelations = relations(comments, ({ one }) => ({
  post: one(posts, { fields: [comments.postId], references: [posts.id] }),
}));

/** Makes all of it, in a database without tables. */
export const STATEMENTS = `
  create table users (id int primary key, name text not null, balance bigint, price numeric, seen_at timestamptz,
    settings jsonb, picture bytea);
  create table posts (id int primary key, user_id int references users on delete cascade, title text not null);
  create table comments (id int primary key, post_id int references posts on delete set null, body text not null);
  create table labels (id int primary key, name text not null);
  create table deferred (id int primary key, user_id int references users deferrable initially deferred);
  create schema if not exists archive;
  drop table if exists archive.posts;
  create table archive.posts (id int primary key, title text not null);
  create view named_users as select * from users where name = 'Ada';
  create view legacy_users as select id from users;
  create materialized view post_counts as select count(*)::int as count from posts;
  create function user_count() returns bigint language sql as 'select count(*) from users';
`;

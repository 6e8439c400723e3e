import { boolean, index, integer, numeric, pgTable, text, timestamp } from 'drizzle-orm/pg-core';

const id = () => integer().primaryKey().generatedByDefaultAsIdentity();
const money = (name = 'price') => numeric(name, { precision: 10, scale: 2, mode: 'number' }).notNull();
const moment = (name: string) => timestamp(name, { withTimezone: true }).notNull().defaultNow();

export const categories = pgTable('categories', {
  id: id(),
  name: text().notNull().unique(),
});

export const products = pgTable(
  'products',
  {
    id: id(),
    name: text().notNull(),
    categoryId: integer('category_id')
      .notNull()
      .references(() => categories.id),
    price: money(),
    stock: integer().notNull().default(0),
    featured: boolean().notNull().default(false),
    createdAt: moment('created_at'),
  },
  (table) => [index('products_category_id').on(table.categoryId)],
);

export const customers = pgTable('customers', {
  id: id(),
  name: text().notNull(),
});

export const orders = pgTable('orders', {
  id: id(),
  customerId: integer('customer_id')
    .notNull()
    .references(() => customers.id),
  placedAt: moment('placed_at'),
});

export const orderItems = pgTable(
  'order_items',
  {
    id: id(),
    orderId: integer('order_id')
      .notNull()
      .references(() => orders.id),
    productId: integer('product_id')
      .notNull()
      .references(() => products.id),
    quantity: integer().notNull(),
    unitPrice: money('unit_price'),
  },
  (table) => [index('order_items_product_id').on(table.productId)],
);

export const reviews = pgTable(
  'reviews',
  {
    id: id(),
    productId: integer('product_id')
      .notNull()
      .references(() => products.id),
    customerId: integer('customer_id')
      .notNull()
      .references(() => customers.id),
    rating: integer().notNull(),
    comment: text().notNull(),
    createdAt: moment('created_at'),
  },
  (table) => [index('reviews_product_id').on(table.productId)],
);

/** Apart from the products: a view must not invalidate what is cached of them. */
export const productViews = pgTable('product_views', {
  productId: integer('product_id')
    .primaryKey()
    .references(() => products.id),
  views: integer().notNull(),
});

/** The store exercise has a table of its own, with only the eight products of its text. */
export const storeProducts = pgTable('store_products', {
  id: id(),
  name: text().notNull(),
  category: text().notNull(),
  price: money(),
  inStock: boolean('in_stock').notNull().default(true),
});

import { eq, sql } from 'drizzle-orm';
import type { Database } from '../database/database.js';
import { categories, products } from '../database/schema.js';

/** A product as the shop shows it. */
export interface Product {
  id: number;
  name: string;
  category: string;
  price: number;
  in_stock: boolean;
}

export interface NewProduct {
  name: string;
  category: string;
  price: number;
  stock: number;
}

export const productColumns = {
  id: products.id,
  name: products.name,
  category: categories.name,
  price: products.price,
  in_stock: sql<boolean>`${products.stock} > 0`,
};

/** Selects products with their categories; the caller adds conditions. */
export const selectProducts = (database: Database) =>
  database
    .select(productColumns)
    .from(products)
    .innerJoin(categories, eq(categories.id, products.categoryId))
    .$dynamic();

import { Injectable, NotFoundException } from '@nestjs/common';
import { eq, inArray, sql } from 'drizzle-orm';
import { Cached, CachedMany, CacheInvalidate, CachePut } from 'nestjs-cache-kit';
import { type Database, InjectDatabase } from '../database/database.js';
import { categories, products } from '../database/schema.js';
import { badRequest } from '../input/bad-request.js';
import type { Source } from '../source.js';
import { type NewProduct, type Product, selectProducts } from './product.js';

/** A method fills it in when it runs: it stays empty when the result comes from the cache. */
export class Lookup {
  readonly queried: number[] = [];

  get source(): Source {
    return this.queried.length === 0 ? 'cache' : 'database';
  }
}

// One entry for each product, shared by all methods below.
export const productKey = (id: number) => `product:${id}`;
export const productTags = (product: Product) => [`product:${product.id}`, `category:${product.category}`];
const notFound = () => new NotFoundException({ error: 'Product not found' });

@Injectable()
export class ProductsService {
  constructor(@InjectDatabase() private readonly database: Database) {}

  @Cached({ key: productKey, ttl: '10m', tags: productTags })
  async find(id: number, lookup: Lookup): Promise<Product> {
    lookup.queried.push(id);
    const [product] = await selectProducts(this.database).where(eq(products.id, id));
    if (product === undefined) throw notFound();
    return product;
  }

  @CachedMany({ key: productKey, ttl: '10m', tags: productTags, returns: 'map' })
  async findMany(ids: number[], lookup: Lookup): Promise<Map<number, Product>> {
    lookup.queried.push(...ids);
    const found = await selectProducts(this.database).where(inArray(products.id, ids));
    return new Map(found.map((product) => [product.id, product]));
  }

  // The new price is written to the database, then to the cache; the pages that show the old one are dropped.
  @CachePut({ key: productKey, ttl: '10m', tags: productTags })
  @CacheInvalidate({ tags: ['catalog'] })
  async changePrice(id: number, price: number): Promise<Product> {
    const changed = await this.database
      .update(products)
      .set({ price })
      .where(eq(products.id, id))
      .returning({ id: products.id });
    const [product] = await selectProducts(this.database).where(eq(products.id, id));
    if (changed.length === 0 || product === undefined) throw notFound();
    return product;
  }

  @CacheInvalidate({ tags: ['catalog'] })
  async create({ category, ...product }: NewProduct): Promise<Product> {
    const [found] = await this.database
      .select()
      .from(categories)
      .where(eq(sql`lower(${categories.name})`, category.toLowerCase()));
    if (found === undefined)
      throw badRequest(`There is no category ${JSON.stringify(category)}: /api/catalog lists them`);
    const [created] = await this.database
      .insert(products)
      .values({ ...product, categoryId: found.id })
      .returning();
    if (created === undefined) throw new Error('The database took the product and did not give it back.');
    return {
      id: created.id,
      name: created.name,
      category: found.name,
      price: created.price,
      in_stock: created.stock > 0,
    };
  }
}

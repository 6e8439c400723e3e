import { Injectable } from '@nestjs/common';
import { asc, count, eq, sql } from 'drizzle-orm';
import { type Database, InjectDatabase } from '../database/database.js';
import { categories, products } from '../database/schema.js';
import { productColumns } from '../products/product.js';

const limit = 20;

/**
 * Lists whose queries are cached by Drizzle: no key, no tag and no invalidation in sight. A write to one of their
 * tables invalidates them when it is committed.
 */
@Injectable()
export class BrowseService {
  constructor(@InjectDatabase() private readonly database: Database) {}

  async list(category: string, page: number) {
    const inCategory = eq(sql`lower(${categories.name})`, category.toLowerCase());
    const [total] = await this.database
      .select({ products: count(products.id), queried_at: sql<string>`clock_timestamp()` })
      .from(products)
      .innerJoin(categories, eq(categories.id, products.categoryId))
      .where(inCategory)
      .$withCache();
    const found = await this.database
      .select(productColumns)
      .from(products)
      .innerJoin(categories, eq(categories.id, products.categoryId))
      .where(inCategory)
      .orderBy(asc(products.price), asc(products.id))
      .limit(limit)
      .offset((page - 1) * limit)
      .$withCache();
    return { page, limit, total: total?.products ?? 0, products: found, queried_at: total?.queried_at };
  }
}

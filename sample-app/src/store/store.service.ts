import { Injectable } from '@nestjs/common';
import { asc, eq, sql } from 'drizzle-orm';
import { CacheService } from 'nestjs-cache-kit';
import { type Database, InjectDatabase } from '../database/database.js';
import { storeProducts } from '../database/schema.js';
import type { Source } from '../source.js';

export interface ListingQuery {
  category: string | undefined;
  page: number;
  limit: number;
}

const everyCategory = 'store';
const oneCategory = (category: string) => `store:${category.toLowerCase()}`;

/** Uses the cache directly, without a decorator. */
@Injectable()
export class StoreService {
  constructor(
    private readonly cache: CacheService,
    @InjectDatabase() private readonly database: Database,
  ) {}

  async list({ category, page, limit }: ListingQuery) {
    let source = 'cache' as Source;
    const key = JSON.stringify([category?.toLowerCase() ?? null, page, limit]);
    // Better than `get`, a query and `set`: callers share one query, and a listing that was read before a product was
    // added is never stored after that.
    const listing = await this.cache.getOrSet(
      key,
      () => {
        source = 'database';
        return this.queryListing({ category, page, limit });
      },
      { namespace: 'store', ttl: '5m', tags: [category === undefined ? everyCategory : oneCategory(category)] },
    );
    return { ...listing, source };
  }

  async create(product: typeof storeProducts.$inferInsert) {
    const [created] = await this.database.insert(storeProducts).values(product).returning(listedColumns);
    await this.cache.invalidateTags([everyCategory, oneCategory(product.category)]);
    return created;
  }

  async stats() {
    const stats = await this.cache.getStats();
    return {
      backend: stats.backend,
      entries: stats.totalEntries,
      hits: stats.totalHits,
      misses: stats.totalMisses,
      hit_rate: `${(stats.hitRate * 100).toFixed(1)}%`,
      memory_bytes: stats.memoryUsageBytes,
      oldest_entry_age: stats.oldestEntry && Math.floor((Date.now() - Date.parse(stats.oldestEntry)) / 1000),
    };
  }

  private async queryListing({ category, page, limit }: ListingQuery) {
    const inCategory =
      category === undefined ? undefined : eq(sql`lower(${storeProducts.category})`, category.toLowerCase());
    const total = await this.database.$count(storeProducts, inCategory);
    const products = await this.database
      .select(listedColumns)
      .from(storeProducts)
      .where(inCategory)
      .orderBy(asc(storeProducts.id))
      .limit(limit)
      .offset((page - 1) * limit);
    return { products, page, limit, total, pages: Math.ceil(total / limit), generated_at: new Date().toISOString() };
  }
}

const listedColumns = {
  id: storeProducts.id,
  name: storeProducts.name,
  category: storeProducts.category,
  price: storeProducts.price,
  in_stock: storeProducts.inStock,
};

import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { eq } from 'drizzle-orm';
import { CacheService, type WarmReport } from 'nestjs-cache-kit';
import { type Database, InjectDatabase } from '../database/database.js';
import { products } from '../database/schema.js';
import { selectProducts } from '../products/product.js';
import { productKey, productTags } from '../products/products.service.js';

/** Loads the featured products before the first customer comes. What is fresh already, as on files, is left alone. */
@Injectable()
export class WarmUpService implements OnApplicationBootstrap {
  report: WarmReport | undefined;

  constructor(
    private readonly cache: CacheService,
    @InjectDatabase() private readonly database: Database,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const featured = await selectProducts(this.database).where(eq(products.featured, true));
    const byKey = new Map(featured.map((product) => [productKey(product.id), product]));
    this.report = await this.cache.warm(byKey.keys(), (key) => byKey.get(key), {
      ttl: '10m',
      tags: (product) => (product === undefined ? [] : productTags(product)),
    });
  }
}

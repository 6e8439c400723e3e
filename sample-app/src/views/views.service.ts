import { Injectable } from '@nestjs/common';
import { eq, sql } from 'drizzle-orm';
import { CacheService } from 'nestjs-cache-kit';
import { type Database, InjectDatabase } from '../database/database.js';
import { productViews } from '../database/schema.js';

const viewsKey = (id: number) => `views:${id}`;

/** Counts views. A hundred of them in a second are one write to the database. */
@Injectable()
export class ViewsService {
  // Views of this process that are not in the database yet.
  private readonly unsaved = new Map<number, number>();
  // Views of one product are counted one after the other, or two of them would get the same number.
  private readonly last = new Map<number, Promise<number>>();

  constructor(
    private readonly cache: CacheService,
    @InjectDatabase() private readonly database: Database,
  ) {}

  count(id: number): Promise<number> {
    const before = this.last.get(id)?.catch(() => 0) ?? Promise.resolve(0);
    const counted = before.then(() => this.countOne(id));
    this.last.set(id, counted);
    return counted;
  }

  private async countOne(id: number): Promise<number> {
    this.unsaved.set(id, (this.unsaved.get(id) ?? 0) + 1);
    const views = (await this.current(id)) + 1;
    await this.cache.writeBehind(viewsKey(id), views, () => this.save(id), { ttl: '10m' });
    return views;
  }

  current(id: number): Promise<number> {
    return this.cache.getOrSet(viewsKey(id), () => this.saved(id), { ttl: '10m' });
  }

  async saved(id: number): Promise<number> {
    const [row] = await this.database.select().from(productViews).where(eq(productViews.productId, id));
    return row?.views ?? 0;
  }

  /** Adds what this process has counted: other shops count, too. */
  private async save(id: number): Promise<void> {
    const views = this.unsaved.get(id) ?? 0;
    await this.database
      .insert(productViews)
      .values({ productId: id, views })
      .onConflictDoUpdate({
        target: productViews.productId,
        set: { views: sql`${productViews.views} + ${views}` },
      });
    this.unsaved.set(id, (this.unsaved.get(id) ?? 0) - views);
  }
}

import { Controller, Get, Injectable, Param, UseInterceptors } from '@nestjs/common';
import {
  Cached,
  CacheInterceptor,
  CacheInvalidate,
  CacheKitModule,
  type CacheKitOptions,
  CacheRoute,
} from '../../src/index.js';
import { type RunningApp, startApp } from '../support/nest-app.js';

/** A database that several applications share. Counts its reads. */
export const database = { rows: new Map<string, number>(), reads: 0 };

@Injectable()
export class Prices {
  @Cached({ key: (id: string) => `price:${id}`, tags: ['prices'] })
  async find(id: string): Promise<{ id: string; cents: number | undefined }> {
    database.reads++;
    return { id, cents: database.rows.get(id) };
  }

  @CacheInvalidate({ tags: ['prices', 'pages'] })
  async change(id: string, cents: number): Promise<void> {
    database.rows.set(id, cents);
  }
}

@Controller('prices')
@UseInterceptors(CacheInterceptor)
class PriceController {
  constructor(private readonly prices: Prices) {}

  @Get(':id')
  @CacheRoute({ ttl: '60s', tags: ['pages'] })
  find(@Param('id') id: string): Promise<unknown> {
    return this.prices.find(id);
  }
}

/** Starts an application with a cache of these options. */
export function startPrices(options: CacheKitOptions): Promise<RunningApp> {
  return startApp({ imports: [CacheKitModule.forRoot(options)], providers: [Prices], controllers: [PriceController] });
}

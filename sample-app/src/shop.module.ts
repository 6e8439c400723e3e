import { Module } from '@nestjs/common';
import { type CacheKitFactoryOptions, CacheKitModule } from 'nestjs-cache-kit';
import { cacheKitConfig } from 'nestjs-cache-kit/config';
import { AdminGuard } from './admin.guard.js';
import { BrowseModule } from './browse/browse.module.js';
import { CatalogModule } from './catalog/catalog.module.js';
import { DatabaseModule } from './database/database.module.js';
import { ProductsModule } from './products/products.module.js';
import { StoreModule } from './store/store.module.js';
import { ViewsModule } from './views/views.module.js';
import { WarmUpModule } from './warm-up/warm-up.module.js';

@Module({
  imports: [
    DatabaseModule,
    CacheKitModule.forRootAsync({ useFactory: cacheOptions }),
    CatalogModule,
    ProductsModule,
    StoreModule,
    BrowseModule,
    ViewsModule,
    WarmUpModule,
  ],
})
export class ShopModule {}

/** Variables such as CACHE_BACKEND=file win over the options that are written here. */
function cacheOptions(): CacheKitFactoryOptions {
  const fromEnvironment = cacheKitConfig();
  const { backend = 'memory' } = fromEnvironment;
  return {
    defaultTtl: '10m',
    admin: { guards: [AdminGuard] },
    ...(backend === 'memory' && { memory: { maxEntries: 5_000 } }),
    ...fromEnvironment,
  };
}

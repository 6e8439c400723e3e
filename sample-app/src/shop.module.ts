import { Module } from '@nestjs/common';
import { CacheKitModule } from 'nestjs-cache-kit';
import { AdminGuard } from './admin.guard.js';
import { CatalogModule } from './catalog/catalog.module.js';
import { DatabaseModule } from './database/database.module.js';
import { ProductsModule } from './products/products.module.js';
import { StoreModule } from './store/store.module.js';

@Module({
  imports: [
    DatabaseModule,
    CacheKitModule.forRoot({
      defaultTtl: '10m',
      memory: { maxEntries: 5_000 },
      admin: { guards: [AdminGuard] },
    }),
    CatalogModule,
    ProductsModule,
    StoreModule,
  ],
})
export class ShopModule {}

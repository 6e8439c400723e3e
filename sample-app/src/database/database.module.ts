import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { CacheService } from 'nestjs-cache-kit';
import { cachedDrizzle, drizzleCache } from 'nestjs-cache-kit/drizzle';
import { config } from '../config.js';
import { DATABASE } from './database.js';
import { openDatabase, type OpenDatabase } from './open-database.js';
import { prepareDatabase } from './seed.js';

const CONNECTION = Symbol('the connection to the database');

@Global()
@Module({
  providers: [
    { provide: CONNECTION, useFactory: () => openDatabase(config.databaseUrl) },
    {
      provide: DATABASE,
      inject: [CONNECTION, CacheService],
      useFactory: async (connection: OpenDatabase, cache: CacheService) => {
        const database = cachedDrizzle(connection.open(drizzleCache(cache, { ttl: '1m', database: 'shop' })));
        await prepareDatabase(database);
        return database;
      },
    },
  ],
  exports: [DATABASE],
})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(@Inject(CONNECTION) private readonly connection: OpenDatabase) {}

  // The last phase of a shutdown: the server is closed, and no request needs the database any more.
  async onApplicationShutdown(): Promise<void> {
    await this.connection.close();
  }
}

import 'reflect-metadata';
import { type DynamicModule, Logger, type Provider } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheKitModule } from '../../../src/cache-kit.module.js';
import type { CacheKitOptions } from '../../../src/cache-kit.options.js';
import { createCache } from '../../../src/create-cache.js';
import { CacheService } from '../../../src/core/cache.service.js';

/*
 * A process whose end is observed: `process-end.worker.ts <case> <options as JSON>`. It prints its progress. Only the
 * cache can keep it alive.
 */

Logger.overrideLogger(false);
const [, , name = '', options = '{}'] = process.argv;
const cacheOptions = JSON.parse(options) as CacheKitOptions;

const failing: Provider = {
  provide: 'FAILING',
  inject: [CacheService],
  useFactory: async (cache: CacheService) => {
    await cache.set('k', 'v');
    console.log(`read ${String(await cache.get('k'))}`);
    throw new Error('no start');
  },
};

class AppModule {}
const application = (providers: Provider[]): Promise<unknown> => {
  const module: DynamicModule = { module: AppModule, imports: [CacheKitModule.forRoot(cacheOptions)], providers };
  return NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
};

switch (name) {
  case 'failing-start':
    await application([failing]).catch((error: unknown) => console.log((error as Error).message));
    break;
  case 'running':
    await application([]);
    console.log('started');
    break;
  case 'script': {
    const cache = await createCache(cacheOptions);
    await cache.set('k', 'v');
    console.log(`read ${String(await cache.get('k'))}`);
    await cache.close();
    console.log('closed');
  }
}

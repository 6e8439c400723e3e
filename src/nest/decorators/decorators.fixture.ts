import { Logger, type ModuleMetadata, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { CacheKitModule } from '../../cache-kit.module.js';
import type { CacheKitOptions } from '../../cache-kit.options.js';
import { CacheService } from '../../core/cache.service.js';
import type { CacheError } from '../../core/vocabulary/cache.errors.js';

const started: TestingModule[] = [];
Logger.overrideLogger(false);

/** Starts an application with the kit and these providers. End it with `closeAll`. */
export async function start(
  providers: NonNullable<ModuleMetadata['providers']>,
  options: CacheKitOptions = {},
): Promise<TestingModule> {
  const app = await Test.createTestingModule({ imports: [CacheKitModule.forRoot(options)], providers }).compile();
  started.push(app);
  await app.init();
  return app;
}

/** Starts an application with `type`; returns the instance that Nest made, and its cache. */
export async function startWith<T>(
  type: Type<T>,
  options?: CacheKitOptions,
): Promise<{ service: T; cache: CacheService }> {
  const app = await start([type], options);
  return { service: app.get(type), cache: app.get(CacheService) };
}

/** As `startWith`; also returns the errors that the cache reports. */
export async function startReported<T>(
  type: Type<T>,
): Promise<{ service: T; cache: CacheService; reports: CacheError[] }> {
  const reports: CacheError[] = [];
  return { ...(await startWith(type, { onError: (error) => reports.push(error) })), reports };
}

export async function closeAll(): Promise<void> {
  await Promise.all(started.splice(0).map((app) => app.close()));
}

/** Puts a decorator on a method as TypeScript does, so that a test can see the error that it throws. */
export function decorate(decorator: unknown, method: (...args: never[]) => unknown): () => void {
  class ProductService {}
  const put = decorator as (target: object, name: string, descriptor: PropertyDescriptor) => void;
  return () => put(ProductService.prototype, 'find', { value: method, writable: true, configurable: true });
}

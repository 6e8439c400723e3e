import { type ModuleRef, ModulesContainer } from '@nestjs/core';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { isHttpOptionsToken } from './route/http-cache-options.js';

/** @throws CacheConfigError where no module of the application makes a cache */
export function checkThereIsCache(moduleRef: ModuleRef): void {
  const tokens = modulesOf(moduleRef).flatMap(({ providers }) => [...providers.keys()]);
  if (tokens.some(isHttpOptionsToken)) return;
  throw new CacheConfigError(
    'CacheInterceptor is bound, and the application has no cache. Import CacheKitModule.forRoot() in the root module.',
  );
}

/**
 * Whether a class is among those that Nest makes, and whose `onModuleInit` it calls; true while that cannot be told.
 */
export function isMadeByNest(moduleRef: ModuleRef, type: object): boolean {
  const modules = modulesOf(moduleRef);
  return (
    modules.length === 0 ||
    modules.some(({ providers, injectables }) =>
      [...providers.values(), ...injectables.values()].some(({ metatype }) => metatype === type),
    )
  );
}

/** Empty while Nest is making the container itself. */
function modulesOf(moduleRef: ModuleRef) {
  const modules = moduleRef.get<ModulesContainer | undefined>(ModulesContainer, { strict: false });
  return [...(modules?.values() ?? [])];
}

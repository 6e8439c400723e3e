import { type ModuleRef, ModulesContainer } from '@nestjs/core';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { isHttpOptionsToken } from './route/http-cache-options.js';

/** @throws CacheConfigError when no module of the application makes a cache */
export function checkThereIsCache(moduleRef: ModuleRef): void {
  const tokens = modulesOf(moduleRef).flatMap(({ providers }) => [...providers.keys()]);
  if (tokens.some(isHttpOptionsToken)) return;
  throw new CacheConfigError(
    'Expected a cache for CacheInterceptor, and the application has none. ' +
      'Import CacheKitModule.forRoot() in the root module.',
  );
}

/** True for a class that Nest instantiates, so that it calls `onModuleInit`; true also while this is not known yet. */
export function isMadeByNest(moduleRef: ModuleRef, type: object): boolean {
  const modules = modulesOf(moduleRef);
  return (
    modules.length === 0 ||
    modules.some(({ providers, injectables }) =>
      [...providers.values(), ...injectables.values()].some(({ metatype }) => metatype === type),
    )
  );
}

/** The modules of the application; none while Nest is making the container. */
function modulesOf(moduleRef: ModuleRef) {
  const modules = moduleRef.get<ModulesContainer | undefined>(ModulesContainer, { strict: false });
  return [...(modules?.values() ?? [])];
}

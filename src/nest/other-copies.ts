import { type ExistingProvider, type FactoryProvider, Scope, type ValueProvider } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { CacheConfigError } from '../core/vocabulary/cache.errors.js';
import { CacheService } from '../core/cache.service.js';
import { type Copy, otherCopies, THIS_COPY } from '../core/vocabulary/copies.js';

/** Provides, beside each cache, the copy of the kit that made it. */
export function makerOf(name: string): ValueProvider<Copy> {
  return { provide: makerToken(name), useValue: THIS_COPY };
}

/**
 * Provides the default cache for classes that import `CacheService` from another copy of the kit. Where that copy has
 * another version, the start fails, but only if such a class injects the cache.
 */
export function providersForOtherCopies(): (ExistingProvider | FactoryProvider)[] {
  return otherCopies(CacheService).map(({ copy, service }) =>
    copy.version === THIS_COPY.version
      ? { provide: service, useExisting: CacheService }
      : {
          provide: service,
          // Nest makes a transient provider only when a class injects it.
          scope: Scope.TRANSIENT,
          useFactory: () => {
            throw new CacheConfigError(
              `A class injects the CacheService of ${show(copy)}, but the cache is made by ` +
                `CacheKitModule.forRoot() of ${show(THIS_COPY)}. ${ONE_COPY}`,
            );
          },
        },
  );
}

/**
 * Refuses a cache that another copy of the kit makes under the same name for the same application. @throws
 * CacheConfigError
 */
export function refuseSecondMaker(name: string, modules: ModulesContainer): void {
  for (const { providers } of modules.values()) {
    const maker = providers.get(makerToken(name))?.instance as Copy | undefined;
    if (maker === undefined || maker === THIS_COPY) continue;
    throw new CacheConfigError(
      `The cache '${name}' is made twice, by CacheKitModule.forRoot() of ${show(THIS_COPY)} and of ` +
        `${show(maker)}: what one stores, the other would not invalidate. ${ONE_COPY}`,
    );
  }
}

const ONE_COPY = 'Make all of the application load one copy: see docs/formats.md, "One copy".';

function makerToken(name: string): symbol {
  return Symbol.for(`the copy of nestjs-cache-kit that makes the cache '${name}'`);
}

function show({ version, place }: Copy): string {
  return `nestjs-cache-kit ${version} at ${place}`;
}

import type { CanActivate, InjectionToken, Type } from '@nestjs/common';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { checkNames, readOneOf } from '../../core/vocabulary/option-checks.js';
import { show } from '../../core/vocabulary/show.js';

/** The admin routes of a cache: statistics, entries, invalidation. */
export interface AdminOptions {
  /** Base path of the routes. @default 'admin/cache' */
  path?: string;
  /**
   * Guards of the routes; a request must pass all of them. An empty list is accepted only where NODE_ENV is
   * `development` or `test`.
   */
  guards: Type<CanActivate>[];
  /** Visibility of stored values in the responses. @default 'hidden' */
  values?: 'hidden' | 'shown';
}

export interface ResolvedAdminOptions {
  readonly path: string;
  readonly guards: readonly Type<CanActivate>[];
  readonly showsValues: boolean;
}

/**
 * Checks the options; `undefined` where the routes are not mounted. @throws CacheConfigError, also when no guard is
 * given
 */
export function resolveAdminOptions(admin: AdminOptions | false | undefined): ResolvedAdminOptions | undefined {
  if (admin === undefined || admin === false) return undefined;
  if ((admin as unknown) === true)
    throw new CacheConfigError(
      'Expected `admin` to name the guards of its routes, got `true`. Write `admin: { guards: [AdminGuard] }`, ' +
        'with a guard of yours.',
    );
  checkNames(admin, ['path', 'guards', 'values'], 'admin.');
  const { path = 'admin/cache', guards } = admin;
  if (typeof path !== 'string' || path === '')
    throw new CacheConfigError(`Expected \`admin.path\` to be a path such as 'admin/cache', got \`${show(path)}\`.`);
  return {
    path,
    guards: readGuards(guards),
    showsValues: readOneOf(admin.values, ['hidden', 'shown'], 'admin.values') === 'shown',
  };
}

function readGuards(guards: unknown): Type<CanActivate>[] {
  if (!Array.isArray(guards) || !guards.every((guard) => typeof guard === 'function')) {
    throw new CacheConfigError(
      'Expected `admin.guards` to be an array of guard classes, such as [AdminGuard], got ' +
        `\`${show(guards)}\`. Whoever passes them can read and empty the cache.`,
    );
  }
  const environment = process.env['NODE_ENV'];
  if (guards.length === 0 && environment !== 'development' && environment !== 'test') {
    throw new CacheConfigError(
      'Expected `admin.guards` to name at least one guard, got none. Without a guard anybody could read and ' +
        'empty the cache; only with NODE_ENV=development or test the list may be empty.',
    );
  }
  return guards as Type<CanActivate>[];
}

export function getAdminOptionsToken(name: string): InjectionToken<ResolvedAdminOptions | undefined> {
  return `CACHE_KIT_ADMIN:${name}`;
}

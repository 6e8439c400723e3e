import 'reflect-metadata';
import type { DynamicModule } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { CacheConfigError } from '../core/vocabulary/cache.errors.js';
import type { CacheService } from '../core/cache.service.js';

/** A module that needs a cache, with its options as written. */
export interface CacheRequest {
  readonly name: string;
  readonly options: object;
  readonly module: DynamicModule;
}

interface Made extends CacheRequest {
  readonly cache: Promise<CacheService>;
}

const madeFor = new WeakMap<ModulesContainer, Map<string, Made>>();

/**
 * Returns the cache with that name in an application: made for the first module that requests it, and shared by all
 * modules with equal options, such as feature modules that each import `CacheKitModule.forRoot()`.
 * @throws CacheConfigError that names the modules and the option where the options differ
 */
export function oneCache(
  modules: ModulesContainer,
  request: CacheRequest,
  make: () => Promise<CacheService>,
): Promise<CacheService> {
  const made = madeFor.get(modules) ?? new Map<string, Made>();
  madeFor.set(modules, made);
  const first = made.get(request.name);
  if (first === undefined) {
    const cache = make();
    made.set(request.name, { ...request, cache });
    return cache;
  }
  const option = differenceOf(first.options, request.options);
  if (option === undefined) return first.cache;
  throw new CacheConfigError(
    `CacheKitModule.forRoot() is imported by ${importersOf(first, modules)} and by ${importersOf(request, modules)} ` +
      `for one cache, '${request.name}', and their \`${option}\` differs. ` +
      'Import it once, in the root module; or share one `export const CacheModule = ' +
      'CacheKitModule.forRoot(...)`; or give one of them a `name`.',
  );
}

/** Options that are not compared: one concerns the module only, the other is equal already. */
const UNCOMPARED = ['isGlobal', 'name'];

/** Returns the name of the first option that differs between two modules. */
function differenceOf(one: object, other: object): string | undefined {
  return [...namesIn(one, other)].find(
    (name) => !UNCOMPARED.includes(name) && !isSame(one[name as never], other[name as never]),
  );
}

/**
 * True for equal primitives, plain objects and arrays; any other value, such as a client or a function, must be
 * identical.
 */
function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (!isPlain(one) || !isPlain(other) || Array.isArray(one) !== Array.isArray(other)) return false;
  return [...namesIn(one, other)].every((name) => isSame(one[name as never], other[name as never]));
}

function namesIn(...objects: object[]): Set<string> {
  return new Set(objects.flatMap((each) => Object.keys(each)));
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);
}

function importersOf({ module }: CacheRequest, modules: ModulesContainer): string {
  const importers = [...modules.values()].filter(({ metatype }) =>
    ((Reflect.getMetadata('imports', metatype) ?? []) as unknown[]).includes(module),
  );
  return importers.length === 0 ? 'a dynamic module' : [...new Set(importers.map(({ name }) => name))].join(', ');
}

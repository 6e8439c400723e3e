import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import type { CacheService } from '../../core/cache.service.js';
import { shortDurationsIn } from '../../core/vocabulary/finding.js';
import { adviceOf } from '../start-up-advisor.js';
import { getCacheToken } from '../inject-cache.decorator.js';
import { addCacheFinder, bindCache, type CacheFinder, cacheIn, howToRegister } from './cache-injection.js';
import { ignoredArguments } from './ignored-arguments.js';
import { type DecoratedMethod, decoratedMethodsOf } from './decorated-method.js';

type NestModule = ModulesContainer extends Map<string, infer M> ? M : never;
type Wrapper = NestModule extends { providers: Map<unknown, infer W> } ? W : never;

/** A provider, controller or enhancer with decorated methods. */
interface Decorated {
  readonly module: NestModule;
  readonly wrapper: Wrapper;
  readonly prototype: object;
  readonly methods: readonly DecoratedMethod[];
}

/**
 * Looks through the application when it starts: gives caches to instances that Nest did not construct (`useFactory`,
 * `useValue`), and finds mistakes that show only when all classes are known.
 */
@Injectable()
export class DecoratorExplorer implements OnModuleInit, OnApplicationShutdown, CacheFinder {
  readonly #stopFinding: () => void;

  readonly #modules: ModulesContainer;

  constructor(@Inject(ModulesContainer) modules: ModulesContainer) {
    this.#modules = modules;
    this.#stopFinding = addCacheFinder(this);
  }

  /** @throws CacheConfigError for a cache that is not registered, and for two classes with the same keys */
  async onModuleInit(): Promise<void> {
    const all = this.#decorated();
    refuseSharedKeys(all);
    const provided = new Set(all.map(({ prototype }) => prototype));
    for (const method of new Set(all.flatMap(({ methods }) => methods))) {
      for (const finding of method.check?.(provided) ?? []) adviceOf(this.#modules).add(finding);
      this.#advise(method);
    }
    for (const { wrapper, methods } of all) if (!wrapper.isDependencyTreeStatic()) this.#adviseOnSharedAnswers(methods);
    const injected = new Set(
      all.filter(({ wrapper }) => isConstructedByNest(wrapper)).map(({ wrapper }) => wrapper.instance),
    );
    for (const decorated of all) {
      if (!isConstructedByNest(decorated.wrapper) && !injected.has(decorated.wrapper.instance))
        await bindInstance(decorated);
    }
  }

  /**
   * Finds instances of modules that are loaded after the start. Nest announces no such module, so all modules are
   * searched when an instance without a cache is called.
   */
  async findCacheFor(instance: object, { slot }: { readonly slot: symbol }): Promise<CacheService | undefined> {
    const all = this.#decorated();
    const found = all.find(({ wrapper }) => wrapper.instance === instance);
    if (found === undefined) return undefined;
    refuseSharedKeys(all);
    await bindInstance(found);
    return cacheIn(instance, slot);
  }

  onApplicationShutdown(): void {
    this.#stopFinding();
  }

  #decorated(): Decorated[] {
    return [...this.#modules.values()].flatMap((module) =>
      wrappersOf(module).flatMap((wrapper) => decoratedBy(module, wrapper)),
    );
  }

  #advise(method: DecoratedMethod): void {
    const { label, cache, options, decorator } = method;
    const advice = adviceOf(this.#modules);
    for (const hint of ignoredArguments(method)) advice.hint(hint);
    for (const finding of shortDurationsIn(options, `${label}: `)) advice.add(finding);
    const { tags } = options as { tags?: unknown };
    if (decorator === '@CacheInvalidate') advice.invalidatesTags({ cache, tags, label });
    else advice.writesTags({ cache, tags });
  }

  #adviseOnSharedAnswers(methods: readonly DecoratedMethod[]): void {
    for (const { label, isKeyless } of methods) {
      if (isKeyless !== true) continue;
      adviceOf(this.#modules).add({
        problem:
          `${label}: the provider is created for each request, but without a \`key\` its answers are ` +
          'shared by all requests.',
        fix:
          'Where they depend on the request, put that into the `key`; where not, a `key` of the arguments ' +
          'alone says so.',
      });
    }
  }
}

function wrappersOf({ providers, controllers, injectables }: NestModule): Wrapper[] {
  return [...providers.values(), ...controllers.values(), ...injectables.values()] as Wrapper[];
}

function decoratedBy(module: NestModule, wrapper: Wrapper): Decorated[] {
  const prototype = prototypeOf(wrapper);
  const methods = decoratedMethodsOf(prototype);
  return prototype === null || methods.length === 0 ? [] : [{ module, wrapper, prototype, methods }];
}

function prototypeOf(wrapper: Wrapper): object | null {
  if (isConstructedByNest(wrapper)) return (wrapper.metatype as { prototype?: object }).prototype ?? null;
  const instance: unknown = wrapper.isDependencyTreeStatic() ? wrapper.instance : undefined;
  return typeof instance === 'object' && instance !== null ? (Object.getPrototypeOf(instance) as object | null) : null;
}

function isConstructedByNest(wrapper: Wrapper): boolean {
  return !wrapper.isNotMetatype;
}

/** Refuses two classes with one name whose keys are made of that name: one would get the results of the other. */
function refuseSharedKeys(all: readonly Decorated[]): void {
  const owners = new Map<string, object>();
  for (const { prototype, methods } of all) {
    for (const { isKeyless, label, cache, namespace = null, name } of methods) {
      if (isKeyless !== true) continue;
      const id = JSON.stringify([cache, namespace, prototype.constructor.name, String(name)]);
      const owner = owners.get(id) ?? prototype;
      owners.set(id, owner);
      if (owner === prototype) continue;
      throw new CacheConfigError(
        `${label}: this application has two classes called ${prototype.constructor.name} with a @Cached ` +
          `${String(name)} without \`key\`, and each would be answered with what the other has stored. Give them ` +
          'a `key` or a `namespace` of their own, or rename one.',
      );
    }
  }
}

async function bindInstance({ module, wrapper, methods }: Decorated): Promise<void> {
  for (const method of new Map(methods.map((each) => [each.slot, each])).values()) {
    bindCache(wrapper.instance as object, method.slot, await cacheSeenFrom(module, method));
  }
}

/** Returns the cache that Nest injects into providers of this module. */
async function cacheSeenFrom(module: NestModule, { cache, label }: DecoratedMethod): Promise<CacheService> {
  class Holder {
    declare cache: CacheService;
  }
  Inject(getCacheToken(cache))(Holder.prototype, 'cache');
  try {
    const moduleRef = module.providers.get(ModuleRef)?.instance as ModuleRef;
    return (await moduleRef.create(Holder)).cache;
  } catch (error) {
    throw new CacheConfigError(
      `${label}: there is no cache '${cache}' in ${module.metatype.name}. ${howToRegister(cache)}.`,
      { cause: error },
    );
  }
}

import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  type InjectionToken,
  type MiddlewareConsumer,
  Module,
  type ModuleMetadata,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  Optional,
  type OptionalFactoryDependency,
  type Provider,
  RequestMethod,
  type Type,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import {
  CACHE_OPTION_NAMES,
  type CacheKitOptions,
  type ResolvedCacheKitOptions,
  resolveCacheKitOptions,
} from './cache-kit.options.js';
import { composeCache } from './create-cache.js';
import { checkKey } from './core/vocabulary/cache-key.js';
import { DEFAULT_CACHE_NAME } from './core/service-options.js';
import { CacheConfigError } from './core/vocabulary/cache.errors.js';
import { internalsOf } from './core/cache-internals.js';
import { type CacheService, isCacheService } from './core/cache.service.js';
import { NamespacedCache, type NamespaceDefaults } from './core/namespaced-cache.js';
import { shortDurationsIn } from './core/vocabulary/finding.js';
import { checkNames } from './core/vocabulary/option-checks.js';
import { ProcessHold } from './core/ports/process-hold.js';
import { show } from './core/vocabulary/show.js';
import { type CacheAdminController, createAdminController, mountLate } from './nest/admin/cache-admin.controller.js';
import { getAdminOptionsToken } from './nest/admin/admin-options.js';
import { DecoratorExplorer } from './nest/decorators/decorator-explorer.js';
import { getHttpOptionsToken } from './nest/http/route/http-cache-options.js';
import { RouteExplorer } from './nest/http/route-explorer.js';
import { getCacheNamespaceToken, getCacheToken } from './nest/inject-cache.decorator.js';
import { complete } from './nest/mocked-cache.js';
import { oneCache } from './nest/one-cache.js';
import { type Advice, adviceOf } from './nest/start-up-advisor.js';
import { makerOf, providersForOtherCopies, refuseSecondMaker } from './nest/other-copies.js';

/**
 * Options that a factory returns. `name` and `isGlobal` are written beside the factory, because Nest needs them before
 * it runs.
 */
export type CacheKitFactoryOptions = Omit<CacheKitOptions, 'name' | 'isGlobal'>;

/** A class for `useClass` and `useExisting`. */
export interface CacheKitOptionsFactory {
  createCacheKitOptions(): CacheKitFactoryOptions | Promise<CacheKitFactoryOptions>;
}

/** The options of `forRootAsync`: exactly one of `useFactory`, `useClass` and `useExisting`. */
export interface CacheKitAsyncOptions
  extends Pick<ModuleMetadata, 'imports'>, Pick<CacheKitOptions, 'name' | 'isGlobal'> {
  inject?: (InjectionToken | OptionalFactoryDependency)[];
  // Nest checks the arguments against `inject` at run time only.
  useFactory?: (...dependencies: never[]) => CacheKitFactoryOptions | Promise<CacheKitFactoryOptions>;
  useClass?: Type<CacheKitOptionsFactory>;
  useExisting?: InjectionToken<CacheKitOptionsFactory>;
}

/** The options of `forFeature`: a namespace, and defaults for its methods. */
export interface CacheKitFeatureOptions extends NamespaceDefaults {
  namespace: string;
  /** Name of the cache. @default 'default' */
  cache?: string;
}

/** Runs what follows for one request. */
type RequestScope = (next: () => void) => void;

const REQUEST_SCOPE = 'CACHE_KIT_REQUEST_SCOPE';

/** The composition root: makes caches from options and provides them to the application. */
@Module({})
export class CacheKitModule implements NestModule {
  readonly #requestScope: RequestScope | undefined;

  constructor(@Optional() @Inject(REQUEST_SCOPE) requestScope?: RequestScope) {
    this.#requestScope = requestScope;
  }

  /** Gives each HTTP request a memory of its own, with `requestScope: true`. */
  configure(consumer: MiddlewareConsumer): void {
    const scope = this.#requestScope;
    if (scope === undefined) return;
    consumer
      .apply((_request: unknown, _response: unknown, next: () => void) => scope(next))
      .forRoutes({ path: '{*path}', method: RequestMethod.ALL });
  }

  /**
   * Provides a cache with these options: one cache for all modules that import it with the same name and equal options.
   * ```ts
   * @Module({ imports: [CacheKitModule.forRoot({ defaultTtl: '10m' })] })
   * ```
   * @throws CacheConfigError that names the wrong option
   */
  static forRoot(options: CacheKitOptions = {}): DynamicModule {
    return moduleOf(resolveCacheKitOptions(options), options);
  }

  /**
   * Provides a cache whose options come from a factory. A wrong option fails the start.
   * @throws CacheConfigError for a wrong option beside the factory
   */
  static forRootAsync(options: CacheKitAsyncOptions): DynamicModule {
    checkNames(
      options,
      ['imports', 'inject', 'useFactory', 'useClass', 'useExisting', 'name', 'isGlobal'],
      '',
      NAMES_IN_FACTORY,
    );
    const name = resolveCacheKitOptions(options.name === undefined ? {} : { name: options.name }).cache.name;
    const controller = createAdminController(name, `cache-kit-unmounted-${name}`);
    return cacheModule({
      name,
      isGlobal: options.isGlobal ?? true,
      imports: options.imports ?? [],
      controllers: [controller],
      providers: options.useClass === undefined ? [] : [options.useClass],
      options: lateOptions(name, options, controller),
    });
  }

  /**
   * Provides a namespace of a cache with defaults of its own; inject it with `@InjectCacheNamespace(namespace)`.
   * @throws CacheConfigError for wrong options
   */
  static forFeature(options: CacheKitFeatureOptions): DynamicModule {
    if (typeof options !== 'object')
      throw new CacheConfigError(
        `Expected the options of CacheKitModule.forFeature() to be an object, got \`${show(options)}\`. Write ` +
          `\`{ namespace: 'orders' }\`.`,
      );
    const { namespace, cache = DEFAULT_CACHE_NAME, ...defaults } = options;
    checkKey(namespace, 'namespace');
    const token = getCacheNamespaceToken(namespace, cache);
    const provider: FactoryProvider<NamespacedCache> = {
      provide: token,
      inject: [getCacheToken(cache), ModulesContainer],
      useFactory: (service: CacheService, modules: ModulesContainer) => {
        const advice = adviceOf(modules);
        for (const finding of shortDurationsIn(defaults, `CacheKitModule.forFeature({ namespace: '${namespace}' }): `))
          advice.add(finding);
        if (defaults.tags !== undefined) advice.writesTags({ cache, tags: defaults.tags });
        return new NamespacedCache(complete(service), namespace, defaults);
      },
    };
    return { module: CacheKitModule, providers: [provider], exports: [token] };
  }
}

/** Returns the module of a cache whose options are resolved already. */
export function moduleOf(
  resolved: ResolvedCacheKitOptions,
  { isGlobal = true }: Pick<CacheKitOptions, 'isGlobal'>,
): DynamicModule {
  const { name } = resolved.cache;
  const controllers = resolved.admin === undefined ? [] : [createAdminController(name, resolved.admin.path)];
  return cacheModule({ name, isGlobal, controllers, options: { useFactory: () => resolved } });
}

interface CacheModuleParts {
  readonly name: string;
  readonly isGlobal: boolean;
  readonly controllers: Type<CacheAdminController>[];
  readonly options: Pick<FactoryProvider<ResolvedCacheKitOptions>, 'inject' | 'useFactory'>;
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  readonly providers?: Provider[];
}

function cacheModule(parts: CacheModuleParts): DynamicModule {
  const { name, isGlobal, controllers, imports = [] } = parts;
  const forOthers = name === DEFAULT_CACHE_NAME ? providersForOtherCopies : () => [];
  const module: DynamicModule = {
    module: CacheKitModule,
    global: isGlobal,
    imports,
    controllers,
    // Nest reads these when it starts; all files of the application have loaded their copies of the kit before.
    get providers() {
      return [...own, ...forOthers()];
    },
    get exports() {
      return [getCacheToken(name), getHttpOptionsToken(name), ...forOthers().map(({ provide }) => provide)];
    },
  };
  const own = providersOf(parts, module);
  return module;
}

/** Returns the providers of one cache. @param module the module that provides it */
function providersOf({ name, options, providers = [] }: CacheModuleParts, module: DynamicModule): Provider[] {
  const partOf = (token: InjectionToken, part: keyof ResolvedCacheKitOptions): FactoryProvider => ({
    provide: token,
    inject: [optionsToken(name)],
    useFactory: (resolved: ResolvedCacheKitOptions) => resolved[part],
  });
  return [
    ...providers,
    { provide: optionsToken(name), ...options } as FactoryProvider,
    makerOf(name),
    cacheProvider(name, module),
    partOf(getAdminOptionsToken(name), 'admin'),
    partOf(getHttpOptionsToken(name), 'http'),
    {
      provide: REQUEST_SCOPE,
      inject: [getCacheToken(name), optionsToken(name)],
      useFactory: (cache: CacheService, { cache: { hasRequestScope } }: ResolvedCacheKitOptions) =>
        hasRequestScope ? (next: () => void) => complete(cache).runInRequest(next) : undefined,
    },
    { provide: holdToken(name), useFactory: () => new ProcessHold() },
    lifetimeProvider(name),
    DecoratorExplorer,
    RouteExplorer,
  ];
}

/** Provides the cache itself: one instance for all modules of an application with the same options. */
function cacheProvider(name: string, module: DynamicModule): FactoryProvider<CacheService> {
  return {
    provide: getCacheToken(name),
    inject: [ModulesContainer, optionsToken(name), holdToken(name)],
    useFactory: (modules: ModulesContainer, resolved: ResolvedCacheKitOptions, hold: ProcessHold) => {
      refuseSecondMaker(name, modules);
      return oneCache(modules, { name, options: resolved.given, module }, () =>
        composeCache(resolved.cache, { hold, onFinding: (finding) => adviceOf(modules).addOfStore(finding) }),
      );
    },
  };
}

function lifetimeProvider(name: string): FactoryProvider<CacheLifetime> {
  return {
    provide: `CACHE_KIT_LIFETIME:${name}`,
    inject: [getCacheToken(name), holdToken(name), ModulesContainer, optionsToken(name)],
    useFactory: (
      cache: CacheService,
      hold: ProcessHold,
      modules: ModulesContainer,
      resolved: ResolvedCacheKitOptions,
    ) => {
      const advice = adviceOf(modules);
      advice.about(resolved.cache);
      return new CacheLifetime(cache, hold, advice);
    },
  };
}

function optionsToken(name: string): string {
  return `CACHE_KIT_OPTIONS:${name}`;
}

function holdToken(name: string): string {
  return `CACHE_KIT_HOLD:${name}`;
}

/**
 * Logs the findings, and keeps the process alive once the application has started. Not before: Nest announces no failed
 * start, and the process of one must end. Pending writes of an earlier process are written from then on, too. They are
 * written at once in the first phase of Nest's shutdown, while the databases are open. The cache is closed in the last
 * phase, because other providers might use it until then.
 */
class CacheLifetime implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  readonly #cache: CacheService;
  readonly #hold: ProcessHold;
  readonly #advice: Advice;

  constructor(cache: CacheService, hold: ProcessHold, advice: Advice) {
    this.#cache = cache;
    this.#hold = hold;
    this.#advice = advice;
  }

  /** @throws CacheConfigError with all findings, where there are some and a cache is `strict` */
  onApplicationBootstrap(): void {
    this.#advice.announce();
    this.#hold.stand();
    if (isCacheService(this.#cache)) internalsOf(this.#cache).pendingWrites.start();
  }

  async onModuleDestroy(): Promise<void> {
    if (isCacheService(this.#cache)) await internalsOf(this.#cache).pendingWrites.flush();
  }

  async onApplicationShutdown(): Promise<void> {
    await complete(this.#cache).close();
  }
}

function lateOptions(
  name: string,
  options: CacheKitAsyncOptions,
  controller: Type<CacheAdminController>,
): CacheModuleParts['options'] {
  const { inject, make } = optionsSource(options);
  return {
    inject: [ModulesContainer, ...inject],
    useFactory: async (modules: ModulesContainer, ...dependencies: unknown[]) => {
      const made = await make(...dependencies);
      checkFactoryResult(made);
      const resolved = resolveCacheKitOptions({ ...made, name });
      mountLate(controller, resolved.admin, modules);
      return resolved;
    },
  };
}

interface OptionsSource {
  readonly inject: (InjectionToken | OptionalFactoryDependency)[];
  readonly make: (...dependencies: unknown[]) => CacheKitFactoryOptions | Promise<CacheKitFactoryOptions>;
}

function optionsSource({ inject = [], useFactory, useClass, useExisting }: CacheKitAsyncOptions): OptionsSource {
  if ([useFactory, useClass, useExisting].filter((source) => source !== undefined).length !== 1) {
    throw new CacheConfigError(
      'Expected CacheKitModule.forRootAsync() to be given exactly one of `useFactory`, `useClass` and `useExisting`.',
    );
  }
  if (useFactory !== undefined) return { inject, make: useFactory as OptionsSource['make'] };
  return {
    inject: [(useClass ?? useExisting) as InjectionToken],
    make: (factory) => optionsOf(factory as CacheKitOptionsFactory),
  };
}

function optionsOf(factory: CacheKitOptionsFactory): ReturnType<CacheKitOptionsFactory['createCacheKitOptions']> {
  if (typeof (factory as Partial<CacheKitOptionsFactory>).createCacheKitOptions === 'function')
    return factory.createCacheKitOptions();
  throw new CacheConfigError(
    `Expected ${factory.constructor.name} to have the method \`createCacheKitOptions()\`, which answers with ` +
      'the options.',
  );
}

/** Advice for options of `forRoot()` that are written beside the factory. */
const NAMES_IN_FACTORY = Object.fromEntries(
  [...CACHE_OPTION_NAMES, 'http', 'admin'].map((name) => [name, `\`useFactory: () => ({ ${name}: ... })\``]),
);

function checkFactoryResult(made: unknown): void {
  if (typeof made !== 'object' || made === null) {
    throw new CacheConfigError(
      'Expected the factory of CacheKitModule.forRootAsync() to return an object of options, got ' +
        `\`${show(made)}\`. Return \`{}\` for all defaults; \`() => ({ ... })\` needs the parentheses.`,
    );
  }
  for (const option of ['name', 'isGlobal']) {
    if (option in made)
      throw new CacheConfigError(
        `Expected \`${option}\` beside the factory, in CacheKitModule.forRootAsync({ ${option}, ... }): Nest ` +
          'needs it before the factory runs.',
      );
  }
}

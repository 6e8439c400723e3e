import 'reflect-metadata';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { shortDurationsIn } from '../../core/vocabulary/finding.js';
import { adviceOf } from '../start-up-advisor.js';
import { CacheInterceptor } from './cache.interceptor.js';
import { type CacheRouteOptions, isDecorated, routeOptionsOf, writtenOn } from './route/cache-route.decorator.js';
import {
  type ApplicationConfig,
  type Class,
  configOf,
  controllersOf,
  factsOf,
  fixedHeadersOf,
  type Handler,
  handlersOf,
  isBoundGlobally,
  isCovered,
} from './route/handler-facts.js';
import { readRouteDefaults } from './route/http-cache-options.js';
import { declaresScope, findCache } from './route/route-policy.js';
import { type CheckedRoute, findingsOf, type Interception, isRoute, mayBeCached } from './route/route-findings.js';
import { declaredTags, URL_TAG } from './response/response-tags.js';
import { checkTextKey } from './route/text-key.js';

/** Metadata key of `RouterModule` on the class of a module, with or without the id of the application after it. */
const MODULE_PATH_METADATA = '__module_path__';

/** Applications whose routes were checked: each cache of an application has its own explorer. */
const explored = new WeakSet<ModulesContainer>();

/** Checks the routes when the application starts. */
@Injectable()
export class RouteExplorer implements OnModuleInit {
  readonly #moduleRef: ModuleRef;
  readonly #modules: ModulesContainer;

  constructor(@Inject(ModuleRef) moduleRef: ModuleRef, @Inject(ModulesContainer) modules: ModulesContainer) {
    this.#moduleRef = moduleRef;
    this.#modules = modules;
  }

  /**
   * @throws CacheConfigError for a route without its cache, and for a text `key` that different requests would share
   */
  onModuleInit(): void {
    if (explored.has(this.#modules)) return;
    const config = configOf(this.#moduleRef);
    const routes = controllersOf(this.#modules).flatMap(({ controller, module }) =>
      this.#routesOf(controller, module, config),
    );
    for (const route of routes) this.#check(route, config);
    const interception = { interceptor: CacheInterceptor, isGlobal: isBoundGlobally(config, CacheInterceptor) };
    for (const route of routes) this.#advise(route, interception);
    explored.add(this.#modules);
  }

  #routesOf(controller: Class, module: Class, config: ApplicationConfig): ExploredRoute[] {
    return handlersOf(controller.prototype as object | null).flatMap((each) => {
      const handler = each as Handler;
      const options = routeOptionsOf(controller, handler);
      if (options === false || !isRoute(handler)) return [];
      const facts = factsOf(controller, handler, this.#modules, config);
      const http = findCache(this.#moduleRef, options?.cache ?? 'default')?.http;
      return [
        {
          controller,
          handler,
          module,
          facts,
          options,
          isDecorated: isDecorated(handler),
          hasCacheRoute: options !== undefined,
          isScopeDeclared: http !== undefined && declaresScope(options, http),
        },
      ];
    });
  }

  #check(route: ExploredRoute, config: ApplicationConfig): void {
    const { controller, handler, module, facts, options } = route;
    const name = options?.cache ?? 'default';
    const found = findCache(this.#moduleRef, name);
    if (found === undefined) {
      if (options === undefined && !isCovered(route, CacheInterceptor)) return;
      const argument = name === 'default' ? '' : `{ name: '${name}' }`;
      throw new CacheConfigError(
        `Expected a cache named \`${name}\` for ${facts.identity}, and there is none. ` +
          `Import CacheKitModule.forRoot(${argument}).`,
      );
    }
    if (typeof options?.key !== 'string' || !mayBeCached(route)) return;
    const { varyBy } = readRouteDefaults(options, found.http, '@CacheRoute ');
    const prefixes = [config.getGlobalPrefix?.() ?? '', this.#pathOf(module)];
    checkTextKey({ controller, handler, identity: facts.identity, key: options.key, varyBy, prefixes });
  }

  #advise(route: ExploredRoute, interception: Interception): void {
    const { controller, handler, facts, options } = route;
    const advice = adviceOf(this.#modules);
    const durations = [
      ...shortDurationsIn(writtenOn(controller), `@CacheRoute on ${controller.name}: `),
      ...shortDurationsIn(writtenOn(handler), `@CacheRoute on ${facts.identity}: `),
    ];
    for (const finding of [...findingsOf(route, interception), ...durations]) advice.add(finding);
    if (route.hasCacheRoute || isCovered(route, CacheInterceptor))
      advice.writesTags({ cache: options?.cache ?? 'default', tags: tagsOf(route), prefix: URL_TAG });
  }

  #pathOf(module: Class): string {
    const path = Reflect.getMetadata(`${MODULE_PATH_METADATA}${this.#modules.applicationId}`, module) as unknown;
    return String(path ?? Reflect.getMetadata(MODULE_PATH_METADATA, module) ?? '');
  }
}

/** The tags of a route: a function, or those of its options and of `@Header`. */
function tagsOf({ handler, options }: ExploredRoute): unknown {
  const { tags = [] } = options ?? {};
  return typeof tags === 'function' ? tags : [...tags, ...declaredTags(fixedHeadersOf(handler))];
}

interface ExploredRoute extends CheckedRoute {
  readonly controller: Class;
  readonly handler: Handler;
  readonly module: Class;
  readonly options: CacheRouteOptions | undefined;
}

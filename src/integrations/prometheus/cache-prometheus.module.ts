import {
  Controller,
  type DynamicModule,
  Get,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  Res,
  type Type,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { register as globalRegister } from 'prom-client';
import { type CacheService, isCacheService } from '../../core/cache.service.js';
import { checkNames, expected } from '../../core/vocabulary/option-checks.js';
import { type CacheKitMetrics, cacheKitMetrics, checkRegistry, type MetricsRegistry } from './cache-kit-metrics.js';

export interface CachePrometheusOptions {
  /** The registry of your application's metrics. @default the global one of `prom-client` */
  register?: MetricsRegistry;
  /** Path of a route that serves all metrics of the registry, such as 'metrics'. @default none */
  path?: string;
}

/** Adds the metrics of all caches of the application to a registry of `prom-client`. */
@Module({})
export class CachePrometheusModule {
  /**
   * ```ts
   * @Module({ imports: [CacheKitModule.forRoot(), CachePrometheusModule.forRoot({ path: 'metrics' })] })
   * ```
   * @throws CacheConfigError that names the wrong option
   */
  static forRoot(options: CachePrometheusOptions = {}): DynamicModule {
    checkNames(options, ['register', 'path'], '', { registry: '`register`', route: '`path`', url: '`path`' });
    const { register = globalRegister, path } = options;
    checkRegistry(register);
    if (path !== undefined && (typeof path !== 'string' || path === ''))
      throw expected('path', "a path such as 'metrics'", path);
    return {
      module: CachePrometheusModule,
      controllers: path === undefined ? [] : [createMetricsController(path, register)],
      providers: [
        {
          provide: MetricsLifetime,
          inject: [ModulesContainer],
          useFactory: (modules: ModulesContainer) => new MetricsLifetime(modules, register),
        },
      ],
    };
  }
}

/** Observes the caches from the moment when all of them are made, until the application ends. */
class MetricsLifetime implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #modules: ModulesContainer;
  readonly #register: MetricsRegistry;
  #metrics: CacheKitMetrics | undefined;

  constructor(modules: ModulesContainer, register: MetricsRegistry) {
    this.#modules = modules;
    this.#register = register;
  }

  onApplicationBootstrap(): void {
    this.#metrics = cacheKitMetrics(this.#register);
    for (const cache of cachesIn(this.#modules)) this.#metrics.observe(cache);
  }

  onApplicationShutdown(): void {
    this.#metrics?.close();
  }
}

/** All caches that the application provides. An object that a test has put in the place of one is left out. */
function cachesIn(modules: ModulesContainer): Set<CacheService> {
  const instances = [...modules.values()].flatMap(({ providers }) =>
    [...providers.values()].map(({ instance }): unknown => instance),
  );
  return new Set(
    instances.filter(
      (instance): instance is CacheService =>
        typeof instance === 'object' && instance !== null && isCacheService(instance),
    ),
  );
}

/** The methods that responses of Express and of Fastify share. */
interface TextResponse {
  header(name: string, value: string): unknown;
  send(body: string): unknown;
}

/** Returns a controller of its own for each module: Nest keeps the path of a controller at its class. */
function createMetricsController(path: string, register: MetricsRegistry): Type {
  @Controller({ path, version: VERSION_NEUTRAL })
  class CacheMetricsController {
    @Get()
    async scrape(@Res() response: TextResponse): Promise<void> {
      const text = await register.metrics();
      response.header('Content-Type', register.contentType);
      response.header('Cache-Control', 'no-store');
      response.send(text);
    }
  }
  return CacheMetricsController;
}

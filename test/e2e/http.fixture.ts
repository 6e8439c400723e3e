import { type Agent, type IncomingHttpHeaders, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  All,
  Controller,
  Get,
  type INestApplication,
  type ModuleMetadata,
  type NestInterceptor,
  Req,
  Res,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { internalsOf } from '../../src/core/cache-internals.js';
import { CacheKitModule } from '../../src/cache-kit.module.js';
import type { CacheKitOptions } from '../../src/cache-kit.options.js';
import { CacheService } from '../../src/core/cache.service.js';
import { CacheInterceptor } from '../../src/nest/http/cache.interceptor.js';

export type Platform = 'express' | 'fastify';

export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
  readonly bytes: Buffer;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
}

export interface Site {
  readonly app: INestApplication;
  readonly cache: CacheService;
  readonly port: number;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  ask(path: string, ask: Ask): Promise<Answer>;
  /** Sends two equal requests, one after the other. */
  twice(path: string, headers?: Readonly<Record<string, string>>): Promise<[Answer, Answer]>;
}

export interface SiteParts {
  readonly controllers: Type[];
  readonly providers?: NonNullable<ModuleMetadata['providers']>;
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  readonly cache?: CacheKitOptions;
  /** Replaces the default adapter of the platform. */
  readonly adapter?: FastifyAdapter;
  readonly prepare?: (app: INestApplication) => unknown;
}

const sites = new Set<Site>();

/** Starts a real application on a free port of the loopback interface. */
export async function openSite(
  platform: Platform,
  { controllers, providers = [], imports = [], cache = {}, adapter, prepare }: SiteParts,
): Promise<Site> {
  const module = await Test.createTestingModule({
    imports: [CacheKitModule.forRoot(cache), ...imports],
    controllers,
    providers,
  }).compile();
  const app = module.createNestApplication<NestExpressApplication>(
    platform === 'express' ? new ExpressAdapter() : ((adapter ?? new FastifyAdapter()) as never),
    { logger: false },
  );
  await prepare?.(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const ask = (path: string, options: Ask): Promise<Answer> => send(port, path, options);
  const get: Site['get'] = (path, headers = {}) => ask(path, { headers });
  const twice: Site['twice'] = async (path, headers) => [await get(path, headers), await get(path, headers)];
  const site: Site = { app, cache: app.get(CacheService), port, get, ask, twice };
  sites.add(site);
  return site;
}

export async function closeSites(): Promise<void> {
  await Promise.all([...sites].map(({ app }) => app.close()));
  sites.clear();
}

function send(port: number, path: string, { method = 'GET', headers = {}, body, agent, signal }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        headers,
        ...(agent === undefined ? {} : { agent }),
        ...(signal === undefined ? {} : { signal }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          resolve({
            status: response.statusCode ?? 0,
            reason: response.statusMessage ?? '',
            headers: response.headers,
            rawHeaders: response.rawHeaders,
            body: bytes.toString(),
            bytes,
          });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

const CACHE_HEADERS = ['age', 'cache-status', 'x-cache', 'x-cache-ttl', 'connection', 'keep-alive'];

/** Returns the parts of an answer that must be equal on a miss and on the next hit. */
export function lasting({ status, reason, headers, bytes }: Answer): unknown {
  return {
    status,
    reason,
    body: bytes.toString('latin1'),
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !CACHE_HEADERS.includes(name))),
  };
}

/** Counts the runs of a handler, and blocks them on demand. */
export class Runs {
  count = 0;
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;

  next(): number {
    return ++this.count;
  }

  hold(): void {
    this.#gate = new Promise((resolve) => (this.#open = resolve));
  }

  release(): void {
    this.#open();
  }

  /** Resolves when runs are not blocked. */
  gate(): Promise<void> {
    return this.#gate;
  }

  async passed(): Promise<number> {
    const count = this.next();
    await this.#gate;
    return count;
  }
}

/** Waits for a condition, and checks it in every turn of the event loop. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}

/** Methods that the responses of both platforms have in passthrough mode. */
export interface PassthroughResponse {
  status(code: number): unknown;
  header(name: string, value: string | string[]): unknown;
  removeHeader(name: string): unknown;
  /** Adds a header line on Express; on Fastify `header` adds one. */
  append?(name: string, value: string): unknown;
}

export type RouteAnswer = (request: PlatformRequest, response: PassthroughResponse) => unknown;

export interface PlatformRequest {
  headers: Record<string, string | undefined>;
  originalUrl: string;
  url: string;
  query: Record<string, string>;
  user?: unknown;
}

/** A site that counts the runs of its handler. */
export type RouteSite = Site & { readonly runs: Runs };

/** Creates sites with one cached route at `/`. */
export interface Routes {
  open(parts: SiteParts): Promise<Site>;
  openController(controller: Type, parts?: Partial<SiteParts>): Promise<Site>;
  routeOf(answer: RouteAnswer, ...decorators: MethodDecorator[]): { controller: Type; runs: Runs };
  routeWith(
    interceptors: (NestInterceptor | Type<NestInterceptor>)[],
    answer: RouteAnswer,
    ...decorators: MethodDecorator[]
  ): { controller: Type; runs: Runs };
  openRoute(answer: RouteAnswer, ...decorators: MethodDecorator[]): Promise<RouteSite>;
  /** Answers every method and path with a function of the test. */
  openOrigin(answer: RouteAnswer, cache?: CacheKitOptions, ...decorators: MethodDecorator[]): Promise<RouteSite>;
}

export function routesOn(platform: Platform): Routes {
  const open: Routes['open'] = (parts) => openSite(platform, parts);
  const openController: Routes['openController'] = (controller, parts = {}) =>
    open({ controllers: [controller], ...parts });

  const routeAt = (
    path: MethodDecorator,
    interceptors: (NestInterceptor | Type<NestInterceptor>)[],
    answer: RouteAnswer,
    decorators: MethodDecorator[],
  ): { controller: Type; runs: Runs } => {
    const runs = new Runs();
    @Controller()
    @UseInterceptors(...interceptors)
    class OneController {
      @path
      one(@Req() request: PlatformRequest, @Res({ passthrough: true }) response: PassthroughResponse): unknown {
        runs.next();
        return answer(request, response);
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(OneController.prototype, 'one') as PropertyDescriptor;
    for (const decorate of decorators) decorate(OneController.prototype, 'one', descriptor);
    return { controller: OneController, runs };
  };
  const routeWith: Routes['routeWith'] = (interceptors, answer, ...decorators) =>
    routeAt(Get('/'), interceptors, answer, decorators);
  const routeOf: Routes['routeOf'] = (answer, ...decorators) => routeWith([CacheInterceptor], answer, ...decorators);

  return {
    open,
    openController,
    routeOf,
    routeWith,
    async openRoute(answer, ...decorators) {
      const { controller, runs } = routeOf(answer, ...decorators);
      return { ...(await openController(controller)), runs };
    },
    async openOrigin(answer, cache = { http: { ttl: 0 } }, ...decorators) {
      const { controller, runs } = routeAt(
        All(platform === 'express' ? '{*path}' : '*'),
        [CacheInterceptor],
        answer,
        decorators,
      );
      return { ...(await openController(controller, { cache })), runs };
    },
  };
}

/** Advances all clocks of a cache without waiting. */
export function travelIn(cache: CacheService): (ms: number) => void {
  const { clock } = internalsOf(cache);
  let passedMs = 0;
  for (const scale of ['nowMs', 'coarseNowMs', 'wallMs'] as const) {
    const read = clock[scale].bind(clock);
    clock[scale] = () => read() + passedMs;
  }
  return (ms) => void (passedMs += ms);
}

/** Waits for enough turns of the event loop for answers within this process. */
export async function settled(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Creates a middleware that sets a header. */
export function setting(
  name: string,
  value: () => string,
): (request: unknown, response: ServerResponse, next: () => void) => void {
  return (_, response, next) => {
    response.setHeader(name, value());
    next();
  };
}

/** Returns the `X-Cache` header of each answer. */
export const statesOf = (answers: readonly Answer[]): unknown[] => answers.map(({ headers }) => headers['x-cache']);

/** Returns the body of each answer. */
export const bodiesOf = (answers: readonly Answer[]): string[] => answers.map(({ body }) => body);

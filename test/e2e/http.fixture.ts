import { type Agent, type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplication, ModuleMetadata, Type } from '@nestjs/common';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { CacheKitModule } from '../../src/cache-kit.module.js';
import type { CacheKitOptions } from '../../src/cache-kit.options.js';
import { CacheService } from '../../src/core/cache.service.js';

export type Platform = 'express' | 'fastify';

export interface Answer {
  readonly status: number;
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
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  ask(path: string, ask: Ask): Promise<Answer>;
  /** Two equal requests, one after the other. */
  twice(path: string, headers?: Readonly<Record<string, string>>): Promise<[Answer, Answer]>;
}

export interface SiteParts {
  readonly controllers: Type[];
  readonly providers?: NonNullable<ModuleMetadata['providers']>;
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  readonly cache?: CacheKitOptions;
  readonly prepare?: (app: INestApplication) => unknown;
}

const sites = new Set<Site>();

/** A real application on a free port of the loopback interface. */
export async function openSite(platform: Platform, { controllers, providers = [], imports = [], cache = {}, prepare }: SiteParts): Promise<Site> {
  const module = await Test.createTestingModule({ imports: [CacheKitModule.forRoot(cache), ...imports], controllers, providers }).compile();
  const app = module.createNestApplication<NestExpressApplication>(platform === 'express' ? new ExpressAdapter() : (new FastifyAdapter() as never), { logger: false });
  await prepare?.(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const ask = (path: string, options: Ask): Promise<Answer> => send(port, path, options);
  const get: Site['get'] = (path, headers = {}) => ask(path, { headers });
  const twice: Site['twice'] = async (path, headers) => [await get(path, headers), await get(path, headers)];
  const site: Site = { app, cache: app.get(CacheService), get, ask, twice };
  sites.add(site);
  return site;
}

export async function closeSites(): Promise<void> {
  await Promise.all([...sites].map(({ app }) => app.close()));
  sites.clear();
}

function send(port: number, path: string, { method = 'GET', headers = {}, body, agent, signal }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, method, headers, ...(agent === undefined ? {} : { agent }), ...(signal === undefined ? {} : { signal }) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, rawHeaders: response.rawHeaders, body: bytes.toString(), bytes });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

const CACHE_HEADERS = ['age', 'x-cache', 'x-cache-ttl', 'connection', 'keep-alive'];

/** What must be the same on a hit as on the miss before it. */
export function lasting({ status, headers, bytes }: Answer): unknown {
  return { status, body: bytes.toString('latin1'), headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !CACHE_HEADERS.includes(name))) };
}

/** Counts the runs of a handler, and holds them back on demand. */
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

  async passed(): Promise<number> {
    const count = this.next();
    await this.#gate;
    return count;
  }
}

/** Resolves when `isTrue` is, looking at every turn of the event loop. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}

import {
  BadRequestException,
  Body,
  type CanActivate,
  Controller,
  Delete,
  type ExecutionContext,
  Get,
  HttpCode,
  Inject,
  Injectable,
  NotFoundException,
  type OnModuleDestroy,
  type OnModuleInit,
  Param,
  Post,
  Query,
  Req,
  Res,
  Scope,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { ContextIdFactory, ModuleRef, ModulesContainer } from '@nestjs/core';
import { isObservable, lastValueFrom } from 'rxjs';
import type { CacheEntry } from '../../core/ports/cache-entry.js';
import type { CacheExplanation } from '../../core/observation/cache-explanation.js';
import type { ClusterStats } from '../../core/cluster/cluster-stats.js';
import type { CacheStats } from '../../core/observation/cache-stats.js';
import { internalsOf } from '../../core/cache-internals.js';
import { type CacheService, isCacheService } from '../../core/cache.service.js';
import { SystemClock } from '../../core/system-clock.js';
import { CacheConfigError, CacheKeyError } from '../../core/vocabulary/cache.errors.js';
import { show } from '../../core/vocabulary/show.js';
import { getCacheToken } from '../inject-cache.decorator.js';
import { complete } from '../mocked-cache.js';
import { getAdminOptionsToken, type ResolvedAdminOptions } from './admin-options.js';
import { type DoctorReport, examine } from './doctor.js';
import { type AdminResponse, setAdminHeaders, takeOver } from './admin-response.js';
import { type AdminRequest, refuseOtherSites } from './cross-site.js';
import { type EntryView, viewOf } from './entry-view.js';
import { sendPage } from './page-response.js';
import { StatsStream } from './stats-stream.js';

/**
 * Refuses requests from other sites, then runs the guards of the options. They cannot be bound with `@UseGuards`: with
 * an asynchronous configuration they are known too late.
 */
@Injectable()
class AdminGuard implements CanActivate {
  readonly #modules: ModuleRef;

  constructor(modules: ModuleRef) {
    this.#modules = modules;
  }

  canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    setAdminHeaders(http.getResponse<AdminResponse>());
    refuseOtherSites(http.getRequest<AdminRequest>());
    return this.#modules.get<CacheAdminController>(context.getClass(), { strict: false }).isAllowed(context);
  }
}

/** The admin routes. Mounted as one subclass for each cache, see `createAdminController`. */
@UseGuards(AdminGuard)
export class CacheAdminController implements OnModuleInit, OnModuleDestroy {
  protected cache!: CacheService;
  protected readonly options!: ResolvedAdminOptions | undefined;
  @Inject(ModuleRef) protected readonly modules!: ModuleRef;

  readonly #guards = new Map<Type<CanActivate>, CanActivate>();
  #stream: StatsStream | undefined;

  /** Makes the guards here, so that a guard that cannot be made fails the start and not the first request. */
  async onModuleInit(): Promise<void> {
    const clock = isCacheService(this.cache) ? internalsOf(this.cache).clock : new SystemClock();
    this.cache = complete(this.cache);
    this.#stream = new StatsStream(() => this.cache.getStats(), clock);
    for (const guard of this.options?.guards ?? []) {
      const instance = await instanceOf(guard, this.modules);
      if (instance !== undefined) this.#guards.set(guard, instance);
    }
  }

  /** Ends the open streams: Nest waits for all responses before it ends the application. */
  onModuleDestroy(): void {
    this.#stream?.close();
  }

  @Get()
  page(@Res() response: AdminResponse): void {
    sendPage(response);
  }

  @Get('stats/stream')
  stream(@Req() request: AdminRequest, @Res() response: AdminResponse): void {
    this.#stream?.add(takeOver(response), { isHeadOnly: request.method === 'HEAD' });
  }

  @Get('stats')
  stats(@Query('scope') scope?: unknown): Promise<CacheStats | ClusterStats> {
    if (scope === undefined) return this.cache.getStats();
    if (scope === 'cluster') return this.cache.getClusterStats();
    throw new BadRequestException(
      `Expected \`scope\` to be 'cluster' for all processes, or to be absent for this one, got \`${show(scope)}\`.`,
    );
  }

  @Get('entries')
  async entries(@Query() query: Record<string, string>): Promise<{ entries: EntryView[]; cursor?: string }> {
    const { limit, ...rest } = query;
    const page = await orBadRequest(() =>
      this.cache.list({ ...rest, ...(limit === undefined ? {} : { limit: Number(limit) }) }),
    );
    return { ...page, entries: page.entries.map((entry) => this.#view(entry)) };
  }

  @Get('entries/:key')
  async entry(@Param('key') key: string, @Query('namespace') namespace?: string): Promise<EntryView> {
    const entry = await orBadRequest(() => this.cache.getEntry(key, inNamespace(namespace)));
    if (entry === undefined)
      throw new NotFoundException(
        `Nothing is stored under '${key}'${namespace === undefined ? '' : ` in namespace '${namespace}'`}.`,
      );
    return this.#view(entry);
  }

  @Get('explain/:key')
  explain(@Param('key') key: string, @Query('namespace') namespace?: string): Promise<CacheExplanation> {
    return orBadRequest(() => this.cache.explain(key, inNamespace(namespace)));
  }

  @Get('doctor')
  doctor(): Promise<DoctorReport> {
    return examine(this.cache, this.modules.get(ModulesContainer, { strict: false }));
  }

  /** The same three with the key in the query: a path cannot have `..`, nor, on Fastify, more than 100 characters. */
  @Get('entry')
  entryOf(@Query('key') key: string, @Query('namespace') namespace?: string): Promise<EntryView> {
    return this.entry(key, namespace);
  }

  @Get('explain')
  explainOf(@Query('key') key: string, @Query('namespace') namespace?: string): Promise<CacheExplanation> {
    return this.explain(key, namespace);
  }

  @Delete('entry')
  deleteOf(@Query('key') key: string, @Query('namespace') namespace?: string): Promise<{ deleted: boolean }> {
    return this.delete(key, namespace);
  }

  @Delete('entries/:key')
  async delete(@Param('key') key: string, @Query('namespace') namespace?: string): Promise<{ deleted: boolean }> {
    return { deleted: await orBadRequest(() => this.cache.delete(key, inNamespace(namespace))) };
  }

  @Post('invalidate')
  @HttpCode(200)
  async invalidate(@Body() body: InvalidateBody | undefined): Promise<{ invalidated: number; dryRun: boolean }> {
    const invalidated = await orBadRequest(() => this.#invalidate(body ?? {}));
    return { invalidated, dryRun: body?.dryRun === true };
  }

  @Post('clear')
  @HttpCode(200)
  async clear(): Promise<{ invalidated: number }> {
    return { invalidated: await this.cache.clear() };
  }

  /** True when the request passes every guard of the options. */
  async isAllowed(context: ExecutionContext): Promise<boolean> {
    for (const guard of this.options?.guards ?? []) {
      const answer = (await this.#guardOf(guard, context)).canActivate(context);
      if (!(isObservable(answer) ? await lastValueFrom(answer) : await answer)) return false;
    }
    return true;
  }

  #invalidate({ tags, mode, namespace, pattern, ...how }: InvalidateBody): Promise<number> {
    if (tags !== undefined && namespace === undefined && pattern === undefined)
      return this.cache.invalidateTags(tags, { ...how, ...(mode === undefined ? {} : { mode }) });
    if (tags === undefined && mode === undefined && pattern !== undefined)
      return this.cache.invalidatePattern(pattern, { ...how, ...inNamespace(namespace) });
    if (tags === undefined && mode === undefined && namespace !== undefined)
      return this.cache.invalidateNamespace(namespace, how);
    throw new BadRequestException(
      'Expected one of `tags` (with `mode`), `namespace`, or `pattern` (with or without `namespace`).',
    );
  }

  #view(entry: CacheEntry): EntryView {
    return viewOf(entry, this.options?.showsValues === true);
  }

  async #guardOf(guard: Type<CanActivate>, context: ExecutionContext): Promise<CanActivate> {
    return (
      this.#guards.get(guard) ??
      this.modules.resolve(guard, ContextIdFactory.getByRequest(context.switchToHttp().getRequest<object>()), {
        strict: false,
      })
    );
  }
}

/**
 * Returns the application's own instance of a guard, or makes one; `undefined` for a guard that needs an instance per
 * request.
 */
async function instanceOf(guard: Type<CanActivate>, modules: ModuleRef): Promise<CanActivate | undefined> {
  try {
    return modules.introspect(guard).scope === Scope.DEFAULT
      ? modules.get<CanActivate>(guard, { strict: false })
      : undefined;
  } catch {
    return await modules.create(guard);
  }
}

interface InvalidateBody {
  tags?: string[];
  mode?: 'any' | 'all';
  namespace?: string;
  pattern?: string;
  soft?: boolean;
  dryRun?: boolean;
}

function inNamespace(namespace: string | undefined): { namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

/** Answers 400 where the kit refuses a key or an option: here the request is to blame. */
async function orBadRequest<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CacheConfigError || error instanceof CacheKeyError)
      throw new BadRequestException(error.message);
    throw error;
  }
}

/** Makes a controller for the cache with that name: two caches have two sets of routes. */
export function createAdminController(name: string, path: string): Type<CacheAdminController> {
  class MountedCacheAdminController extends CacheAdminController {}
  Controller(path)(MountedCacheAdminController);
  Inject(getCacheToken(name))(MountedCacheAdminController.prototype, 'cache');
  Inject(getAdminOptionsToken(name))(MountedCacheAdminController.prototype, 'options');
  return MountedCacheAdminController;
}

/**
 * Mounts a controller whose options come from a factory: at their path, or, without options, not at all. Works until
 * Nest registers its routes, which it does after it has made all providers.
 */
export function mountLate(
  controller: Type<CacheAdminController>,
  options: ResolvedAdminOptions | undefined,
  modules: ModulesContainer,
): void {
  if (options !== undefined) Controller(options.path)(controller);
  else for (const module of modules.values()) module.controllers.delete(controller);
}

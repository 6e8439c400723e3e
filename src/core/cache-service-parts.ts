import type { CacheInternals } from './cache-internals.js';
import { CacheInspector } from './cache-inspector.js';
import { GuardedStore } from './load/guarded-store.js';
import { Invalidations } from './load/invalidations.js';
import { basePlan, type LoadPlan } from './load/load-policy.js';
import { OpenLoads } from './load/open-loads.js';
import { ReadThrough } from './load/read-through.js';
import { TransactionRunner } from './load/transaction-runner.js';
import { ValueLoader } from './load/value-loader.js';
import { ValueWriter } from './load/value-writer.js';
import type { CacheReporter } from './observation/cache-reporter.js';
import type { CacheAdapter } from './ports/cache-adapter.port.js';
import type { Clock } from './ports/clock.port.js';
import type { PendingWrites } from './ports/write-behind-queue.port.js';
import type { ResolvedServiceOptions } from './service-options.js';
import { CallScopes } from './scopes/call-scopes.js';
import { copyValue } from './values/value-copier.js';
import { bareTypeOf } from './values/value-type-options.js';
import { CacheConfigError } from './vocabulary/cache.errors.js';
import { WriteBehind } from './write-behind/write-behind.js';

/** The collaborators of a `CacheService`. */
export interface CacheServiceParts {
  readonly options: ResolvedServiceOptions;
  readonly adapter: CacheAdapter;
  readonly clock: Clock;
  readonly reporter: CacheReporter;
  /** Tells operators a fact in one sentence. @default nothing is told */
  readonly onNotice?: (sentence: string, level?: 'log' | 'warn') => void;
  /** The queue of `writeBehind`. @default one in this process */
  readonly pendingWrites?: PendingWrites;
}

/**
 * Returns `parts`. They are missing where Nest makes the service for a module that lists the class among its providers.
 * @throws CacheConfigError
 */
export function checkedParts(parts: CacheServiceParts | undefined): CacheServiceParts {
  if (parts !== undefined) return parts;
  throw new CacheConfigError(
    'CacheService cannot be made by hand or by a module of yours. Take it out of `providers`, and import ' +
      'CacheKitModule.forRoot() in the root module; without Nest, write `await createCache()`.',
  );
}

/** The parts that a `CacheService` makes for itself. */
interface Collaborators {
  readonly plan: LoadPlan;
  readonly store: GuardedStore;
  readonly scopes: CallScopes;
  readonly loader: ValueLoader;
  readonly invalidations: Invalidations;
  readonly reads: ReadThrough;
  readonly writer: ValueWriter;
  readonly transactions: TransactionRunner;
  readonly writeBehind: WriteBehind;
  readonly openLoads: OpenLoads;
  readonly inspector: CacheInspector;
  /** What the cache offers to routes, decorators and integrations, as far as it needs no plan of a call. */
  readonly internals: Omit<CacheInternals, 'find' | 'load' | 'open' | 'delete' | 'isClosed'>;
  /** Waits for running loads and pending writes, and frees everything. */
  readonly end: () => Promise<void>;
}

/** Longest time that `close()` waits for running loads and for pending writes. */
const CLOSE_GRACE_MS = 5_000;

/** Makes the parts of a service, and hands them to each other. */
export function wire({ options, adapter, clock, reporter, onNotice, pendingWrites }: CacheServiceParts): Collaborators {
  const { name, version, types } = options;
  const plan = basePlan(options.load, options.defaultNamespace, options.defaultTtlMs);
  const isolatesCallers = options.isolation !== 'none';
  const scopes = new CallScopes({
    hasRequests: options.hasRequestScope,
    clock,
    copy: (value) => copyValue(value, isolatesCallers ? 'clone' : 'none', types),
  });
  const store = new GuardedStore(adapter, scopes, (error, doing) => reporter.fault(error, doing));
  const loader = new ValueLoader({ store, scopes, clock, reporter, isolatesCallers, types });
  const invalidations = new Invalidations({ store, scopes, loader, reporter });
  const writing = { store, scopes, loader, invalidations, reporter, clock, plan };
  const writer = new ValueWriter(writing);
  const writeBehind = new WriteBehind({ ...writing, types, queue: pendingWrites, graceMs: CLOSE_GRACE_MS });
  const transactions = new TransactionRunner({ name, scopes, invalidations, writer, reporter, clock });
  const openLoads = new OpenLoads({ store, reporter, clock });
  const inspector = new CacheInspector({ name, version, store, reporter, clock, board: adapter.processes });
  return {
    plan,
    store,
    scopes,
    loader,
    invalidations,
    writer,
    reads: new ReadThrough({ store, scopes, loader, reporter, clock }),
    transactions,
    writeBehind,
    openLoads,
    inspector,
    internals: {
      clock,
      invalidateTags: (tags) => transactions.invalidateTags(tags),
      isInTransaction: () => scopes.transaction !== undefined,
      outsideTransaction: (work) => scopes.outsideTransaction(work),
      addTypes: (classes) => {
        for (const type of classes.map(bareTypeOf)) if (type !== undefined) types.add(type);
      },
      countServed: (entry, status, caller) => reporter[status](entry, caller),
      countBypass: (caller) => reporter.bypassed(caller),
      traceWith: (tracer) => reporter.traceWith(tracer),
      metrics: () => inspector.metrics(),
      diagnose: () => inspector.diagnose(),
      notice: (sentence, level) => onNotice?.(sentence, level),
      reportMisuse: (error, caller) => reporter.misuse(error, caller),
      pendingWrites: writeBehind,
    },
    end: async () => {
      transactions.close();
      openLoads.close();
      await Promise.all([inspector.close(), loader.drain(CLOSE_GRACE_MS), writeBehind.close()]);
      await store.close();
      reporter.stream.complete();
    },
  };
}

import { checkAdapter } from '../../store.options.js';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { type Duration, parseDuration } from '../../core/vocabulary/duration.js';
import { checkNames, readCount, readOneOf } from '../../core/vocabulary/option-checks.js';
import type {
  Awaitable,
  CacheAdapter,
  CacheAdapterContext,
  CacheAdapterFactory,
  LoadGrant,
} from '../../core/ports/cache-adapter.port.js';
import { show } from '../../core/vocabulary/show.js';

/** A method that can fail: of the adapter, or of the loads that it grants. */
export type FaultyMethod = (typeof METHODS)[number];

/** A fault of one call. */
export type Fault =
  /** The call rejects with this error. */
  | { readonly error: unknown }
  /** The call does not settle until the adapter is closed, or gets another plan. */
  | { readonly hang: true }
  /** The call is made after this delay, by the clock of the cache. */
  | { readonly delay: Duration }
  /** The call returns this value, and does not reach the adapter. */
  | { readonly answer: unknown };

/** One call, for a plan that decides by a function. */
export interface FaultyCall {
  /** Number of the call among the calls of its method since the plan was set, from 1. */
  readonly number: number;
  readonly args: readonly unknown[];
}

/**
 * The faults by method: a fault of every call, of the calls with the numbers in `on`, or of the calls for which a
 * function returns one.
 */
export type FaultPlan = Readonly<
  Partial<
    Record<
      FaultyMethod,
      (Fault & { readonly on?: number | readonly number[] }) | ((call: FaultyCall) => Fault | undefined)
    >
  >
>;

/** An adapter for the option `adapter`, whose faults a test plans and counts. */
export interface FaultyAdapter extends CacheAdapterFactory {
  /** Number of calls of each method since the plan was set. */
  readonly calls: Readonly<Record<FaultyMethod, number>>;
  /** Number of these calls that had a fault. */
  readonly faults: Readonly<Record<FaultyMethod, number>>;
  /** Sets another plan, `{}` for no faults, and counts from 0 again. Calls that hang go on. */
  plan(plan: FaultPlan): void;
}

const METHODS = [
  'get',
  'getMany',
  'begin',
  'commit',
  'release',
  'set',
  'invalidate',
  'scan',
  'usage',
  'close',
] as const;
const FAULTS = ['error', 'hang', 'delay', 'answer'];

/**
 * Makes an adapter that fails as planned, for tests of an application whose cache is slow, broken or unreachable.
 * ```ts
 * const adapter = faultyAdapter(memoryAdapter(), { get: { error: new Error('down') } });
 * ```
 * @throws CacheConfigError for a wrong plan
 */
export function faultyAdapter(adapter: CacheAdapter | CacheAdapterFactory, plan: FaultPlan): FaultyAdapter {
  const faults = new Faults(plan);
  const open = async (context: CacheAdapterContext): Promise<CacheAdapter> =>
    withFaults(checkAdapter(typeof adapter === 'function' ? await adapter(context) : adapter), faults, context);
  return Object.defineProperties(open as FaultyAdapter, {
    calls: { get: () => faults.calls },
    faults: { get: () => faults.struck },
    plan: { value: (next: FaultPlan) => faults.take(next) },
  });
}

type Counts = Record<FaultyMethod, number>;

/** A plan, and the counts of its calls and faults. */
class Faults {
  calls = noCounts();
  struck = noCounts();
  #plan: FaultPlan;
  #hanging: (() => void)[] = [];

  constructor(plan: FaultPlan) {
    this.#plan = checkedPlan(plan);
  }

  take(plan: FaultPlan): void {
    this.#plan = checkedPlan(plan);
    this.calls = noCounts();
    this.struck = noCounts();
    this.letGo();
  }

  letGo(): void {
    for (const goOn of this.#hanging.splice(0)) goOn();
  }

  /** Makes the call, or the fault that the plan has for it. */
  call<T>(
    method: FaultyMethod,
    args: readonly unknown[],
    context: CacheAdapterContext,
    run: () => Awaitable<T>,
  ): Awaitable<T> {
    const fault = this.#next(method, args);
    if (fault === undefined) return run();
    this.struck[method]++;
    if ('error' in fault) return Promise.reject(fault.error);
    if ('answer' in fault) return fault.answer as T;
    return new Promise((resolve) => {
      if ('hang' in fault) this.#hanging.push(() => resolve(inPromise(run)));
      else context.clock.schedule(parseDuration(fault.delay, 'delay'), () => resolve(inPromise(run)));
    });
  }

  #next(method: FaultyMethod, args: readonly unknown[]): Fault | undefined {
    const number = ++this.calls[method];
    const planned = this.#plan[method];
    if (planned === undefined) return undefined;
    if (typeof planned === 'function') return checkedFault(planned({ number, args }), method);
    return planned.on === undefined || [planned.on].flat().includes(number) ? planned : undefined;
  }
}

/** Runs in a promise, so that a thrown error becomes a rejection. */
async function inPromise<T>(run: () => Awaitable<T>): Promise<T> {
  return run();
}

function withFaults(inner: CacheAdapter, faults: Faults, context: CacheAdapterContext): CacheAdapter {
  const call = <T>(method: FaultyMethod, args: readonly unknown[], run: () => Awaitable<T>): Awaitable<T> =>
    faults.call(method, args, context, run);
  const grantWithFaults = (grant: LoadGrant): LoadGrant => ({
    tickets: grant.tickets,
    commit: (drafts) => call('commit', [drafts], () => grant.commit(drafts)),
    release: () => call('release', [], () => grant.release()),
  });
  return {
    kind: inner.kind,
    get: (...args) => call('get', args, () => inner.get(...args)),
    getMany: (...args) => call('getMany', args, () => inner.getMany(...args)),
    begin: (...args) =>
      call('begin', args, () => {
        const grant = inner.begin(...args);
        return grant instanceof Promise ? grant.then(grantWithFaults) : grantWithFaults(grant);
      }),
    set: (...args) => call('set', args, () => inner.set(...args)),
    invalidate: (...args) => call('invalidate', args, () => inner.invalidate(...args)),
    scan: (...args) => call('scan', args, () => inner.scan(...args)),
    usage: () => call('usage', [], () => inner.usage()),
    close: () => {
      faults.letGo();
      return call('close', [], () => inner.close());
    },
    ...(inner.storedKey === undefined ? {} : { storedKey: inner.storedKey.bind(inner) }),
    ...(inner.look === undefined ? {} : { look: inner.look.bind(inner) }),
    processes: inner.processes,
  };
}

function checkedPlan(plan: FaultPlan): FaultPlan {
  checkNames(plan, METHODS, 'plan.');
  for (const method of METHODS) {
    const planned: unknown = plan[method];
    if (planned === undefined || typeof planned === 'function') continue;
    checkedFault(planned, method);
    for (const number of [(planned as { on?: unknown }).on].flat()) readCount(number, `plan.${method}.on`, 1);
  }
  return plan;
}

function checkedFault(fault: unknown, method: FaultyMethod): Fault | undefined {
  if (fault === undefined) return undefined;
  checkNames(fault, [...FAULTS, 'on'], `plan.${method}.`);
  if (FAULTS.filter((name) => name in (fault as object)).length !== 1) {
    throw new CacheConfigError(
      `Expected \`plan.${method}\` to have one of \`error\`, \`hang\`, \`delay\` and \`answer\`, got ` +
        `\`${show(fault)}\` with ${show(Object.keys(fault as object).join(', ') || 'nothing')}.`,
    );
  }
  const { hang, delay } = fault as { hang?: unknown; delay?: unknown };
  readOneOf(hang as boolean | undefined, [true], `plan.${method}.hang`);
  if (delay !== undefined) parseDuration(delay, `plan.${method}.delay`);
  return fault as Fault;
}

function noCounts(): Counts {
  return Object.fromEntries(METHODS.map((method) => [method, 0])) as Counts;
}

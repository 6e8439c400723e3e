import { Logger } from '@nestjs/common';
import { internalsOf } from '../core/cache-internals.js';
import type { Caller } from '../core/observation/caller.js';
import { CacheConfigError, type CacheError } from '../core/vocabulary/cache.errors.js';
import { CacheService, isCacheService } from '../core/cache.service.js';
import { passThroughCache } from '../core/pass-through-cache.js';
import { show } from '../core/vocabulary/show.js';

/*
 * A test can replace the cache by an object of its own: `overrideProvider(CacheService).useValue({ get: jest.fn() })`.
 * Classes that inject the cache get that object. The kit's own users of the cache, such as decorated methods, call it
 * too; where it lacks a method, or does not answer, a cache that stores nothing answers instead. The log says so, once
 * for each method.
 */

/** Methods whose second argument is a function that loads the result. */
const LOADS = new Set<string | symbol>(['getOrSet', 'refresh', 'writeThrough', 'getOrSetMany']);
/** Methods whose first argument is a function that must run. */
const RUNS = new Set<string | symbol>(['transaction', 'runInRequest']);
/** Methods that a mock may lack without a line in the log. */
const UNKNOWN_TO_MOCKS = new Set<string | symbol>(['close']);
const completed = new WeakMap<object, CacheService>();
const said = new Set<string>();
const logger = new Logger('CacheKit');
let empty: CacheService | undefined;

/** Returns the cache itself; for a mock, an object with the mock's methods, and those that it lacks. */
export function complete(cache: CacheService): CacheService {
  if (isCacheService(cache)) return cache;
  const given: unknown = cache;
  if (typeof given !== 'object' || given === null)
    throw new CacheConfigError(
      `Expected an object in the place of the CacheService, got \`${show(given)}\`: ${ADVICE}.`,
    );
  // Not a proxy of the object itself: the properties of a frozen object cannot be replaced by its proxy.
  const known = completed.get(given) ?? new Proxy({} as CacheService, { get: (_, name) => answerOf(cache, name) });
  completed.set(given, known);
  return known;
}

/** Reports a fault in how the cache is used to the cache; where a test has put an object in its place, to the log. */
export function reportMisuse(cache: CacheService, error: CacheError, caller?: Caller): void {
  internalsOf(isCacheService(cache) ? cache : emptyCache()).reportMisuse(error, caller);
}

const ADVICE = 'write `provideTestCache()` of nestjs-cache-kit/testing in its place';

function answerOf(mock: CacheService, name: string | symbol): unknown {
  const found: unknown = Reflect.get(mock, name);
  // A mock might inherit from the prototype of the service, whose methods work on a real service only.
  const own =
    found === Reflect.get(CacheService.prototype, name, mock) && typeof found === 'function' ? undefined : found;
  if (RUNS.has(name)) return ofNothing(name);
  if (typeof own === 'function') return LOADS.has(name) ? loadOf(mock, name, own as Load) : own.bind(mock);
  if (own !== undefined) return own;
  const rest = ofNothing(name);
  if (typeof rest !== 'function') return rest;
  return (...args: unknown[]): unknown => {
    if (!UNKNOWN_TO_MOCKS.has(name)) sayOnce(`has no \`${String(name)}\``, 'Give it one');
    return rest(...args);
  };
}

type Load = (key: unknown, run: (...args: unknown[]) => unknown, ...options: unknown[]) => unknown;

/**
 * Wraps a load of a mock: a mock without an implementation returns `undefined` and does not run its factory, and then
 * the load runs without a cache.
 */
function loadOf(mock: CacheService, name: string | symbol, own: Load): Load {
  return async (key, run, ...options) => {
    let runs = 0;
    const watched = (...args: unknown[]): unknown => {
      runs++;
      return run(...args);
    };
    const answer = await own.call(mock, key, watched, ...options);
    if (answer !== undefined || runs > 0) return checkedAnswer(name, answer);
    sayOnce(
      `answers nothing for \`${String(name)}\` and does not run the function that it is given`,
      'Let it do one of both',
    );
    return (ofNothing(name) as Load)(key, run, ...options);
  };
}

function ofNothing(name: string | symbol): ((...args: unknown[]) => unknown) | undefined {
  const nothing = emptyCache();
  const member: unknown = Reflect.get(nothing, name, nothing);
  return typeof member === 'function'
    ? (member.bind(nothing) as (...args: unknown[]) => unknown)
    : (member as undefined);
}

function emptyCache(): CacheService {
  return (empty ??= passThroughCache((error) => logger.error(error.message)));
}

function checkedAnswer(name: string | symbol, answer: unknown): unknown {
  if (name !== 'getOrSetMany' || typeof (answer as Partial<Map<string, unknown>> | undefined)?.get === 'function')
    return answer;
  throw new CacheConfigError(
    'Expected the object in the place of the CacheService to answer `getOrSetMany` with a Map by key, got ' +
      `\`${show(answer)}\`.`,
  );
}

function sayOnce(lack: string, advice: string): void {
  const sentence =
    `The object in the place of the CacheService ${lack}, so it is as if nothing were cached. ` +
    `${advice}, or ${ADVICE}.`;
  if (said.has(sentence)) return;
  said.add(sentence);
  // Nest's logger for tests prints errors only.
  logger.error(sentence);
}

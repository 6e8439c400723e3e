import { CacheUnavailableError } from '../../core/vocabulary/cache.errors.js';
import { CALLER } from '../../core/observation/caller.js';
import { checkedTags } from '../../core/vocabulary/cache-key.js';
import type { WriteThroughOptions } from '../../core/load/call-options.js';
import { type Duration, parseDuration, parseTtl, type Ttl } from '../../core/vocabulary/duration.js';
import { checkCalled } from '../decorator-call.js';
import {
  callMethod,
  checkedAt,
  type KeyOf,
  type MethodSite,
  orReported,
  placeOf,
  replaceMethod,
  siteOf,
} from './decorated-method.js';
import { checkOptions, forCall, functionsAmong, type LoadCallOptions, readKey } from './decorator-options.js';
import type {
  DescriptorUnless,
  Exactly,
  Method,
  MisfitsOf,
  UnknownMethod,
  ValueThenParameters,
} from './method-types.js';

/**
 * Runs the method on every call and stores its result: write-through. A result that cannot be stored, and `undefined`,
 * invalidates the key instead. When the method throws, nothing changes. A fault of the cache never reaches the caller.
 * @throws CacheConfigError at once for options that have no meaning; see docs/decorators.md
 */
export function CachePut<
  M extends Method = UnknownMethod,
  const Options extends CachePutOptions<M> = CachePutOptions<M>,
>(options: Exactly<Options, CachePutOptions<M>>): CachePutDecorator<Options> {
  checkCalled('@CachePut', options);
  return (target, name, descriptor) => {
    const site = siteOf('@CachePut', target, name, descriptor as PropertyDescriptor | undefined);
    const { keyOf, set, bound } = checkedAt(site, () => readPut(site, options));
    replaceMethod(site, descriptor as PropertyDescriptor, placeOf(options), async (cache, self, args) => {
      const key = orReported(cache, site, 'key', () => keyOf(self, args));
      if (key === undefined) return callMethod(site, self, args);
      const written: unknown[] = [];
      const write = async (): Promise<unknown> => (written[0] = await callMethod(site, self, args));
      try {
        return await cache.writeThrough(key, write, forCall(set, bound, self, args) as WriteThroughOptions<unknown>);
      } catch (error) {
        // The method has succeeded; the cache has reported that it could not invalidate the key.
        if (written.length > 0 && error instanceof CacheUnavailableError) return written[0];
        throw error;
      }
    });
  };
}

/** The options of `@CachePut` on a method `M`; while no method is named, its functions may take any parameters. */
export interface CachePutOptions<M extends Method = UnknownMethod> {
  /** Name of the cache. @default the cache without a name */
  cache?: string;
  /** Key of the result: a string, or a function of the method's parameters. */
  key: string | ((...parameters: Parameters<M>) => string);
  /** Namespace of the key. @default the cache's `defaultNamespace`, or none */
  namespace?: string;
  /** Time to live of the result. @default the cache's `defaultTtl` */
  ttl?: Ttl;
  /** Tags of the entry, or a function of the value and the method's parameters. @default none */
  tags?: readonly string[] | ((...valueThenParameters: ValueThenParameters<M>) => readonly string[]);
  /**
   * Time beyond its TTL that the result is kept, for reads with `staleIfError` or `staleWhileRevalidate`.
   * @default the time that the cache's own stale options need
   */
  keepStale?: Duration;
}

/** `@CachePut` with its options: the compiler accepts it on methods that all of them fit. */
export type CachePutDecorator<Options extends CachePutOptions = CachePutOptions> = <M extends Method>(
  target: object,
  name: string | symbol,
  descriptor: DescriptorUnless<MisfitsOf<Options, CachePutOptions<M>>, M>,
) => void;

function readPut(site: MethodSite, options: Partial<CachePutOptions> = {}) {
  checkOptions(options, ['key', 'ttl', 'tags', 'keepStale']);
  const { key, namespace, ttl, tags, keepStale } = options;
  if (ttl !== undefined) parseTtl(ttl, 'ttl');
  if (keepStale !== undefined) parseDuration(keepStale, 'keepStale');
  if (tags !== undefined && typeof tags !== 'function') checkedTags(tags);
  const given = Object.entries({ namespace, ttl, tags, keepStale }).filter(([, value]) => value !== undefined);
  const set: LoadCallOptions = Object.freeze({ ...Object.fromEntries(given), [CALLER]: site });
  const made = readKey(key);
  const keyOf: KeyOf = typeof made === 'string' ? () => made : made;
  return { keyOf, set, bound: functionsAmong(set) };
}

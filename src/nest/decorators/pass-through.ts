import 'reflect-metadata';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { sharedByCopies } from '../../core/vocabulary/copies.js';
import { show } from '../../core/vocabulary/show.js';

/*
 * Unit tests make objects by hand, or with a container that knows no cache. While the process passes through, decorated
 * methods of such objects run as if they were not decorated, and Nest makes objects without the caches that are
 * missing.
 */

/** Where Nest keeps the names of the properties that it may leave out. */
const OPTIONAL_METADATA = 'optional:properties_metadata';

/** The property of a class that holds its cache. */
interface Slot {
  readonly target: WeakRef<object>;
  readonly name: symbol;
}

// Shared, because a test tells one copy of the kit, and its classes may be decorated by another.
const requests = sharedByCopies('pass-through', () => new Set<symbol>());
const slots = sharedByCopies('slots', () => new Set<Slot>());

/**
 * Lets decorated methods of objects without a cache run as they are, from now on; so does CACHE_KIT_MODE=pass-through.
 * Objects that Nest has given a cache use it all the same.
 * @returns ends that
 */
export function passThrough(): () => void {
  const request = Symbol('pass-through');
  requests.add(request);
  for (const slot of slots) mark(slot);
  return () => {
    requests.delete(request);
    for (const slot of slots) mark(slot);
  };
}

/**
 * Whether decorated methods without a cache run as they are.
 * @throws CacheConfigError for a CACHE_KIT_MODE that means nothing
 */
export function isPassingThrough(): boolean {
  const mode = process.env['CACHE_KIT_MODE'];
  if (mode === undefined || mode === '') return requests.size > 0;
  if (mode === 'pass-through') return true;
  throw new CacheConfigError(
    `Expected the environment variable CACHE_KIT_MODE to be 'pass-through', or not to be set, got \`${show(mode)}\`.`,
  );
}

/** Makes the injection of that property optional while the process passes through. */
export function neededUnlessPassingThrough(target: object, name: symbol): void {
  const slot = { target: new WeakRef(target), name };
  slots.add(slot);
  mark(slot);
}

function mark(slot: Slot): void {
  const type = slot.target.deref()?.constructor;
  if (type === undefined) return void slots.delete(slot);
  const optional = (Reflect.getMetadata(OPTIONAL_METADATA, type) ?? []) as (string | symbol)[];
  const isMarked = optional.includes(slot.name);
  if (isMarked === isPassingThrough()) return;
  Reflect.defineMetadata(
    OPTIONAL_METADATA,
    isMarked ? optional.filter((name) => name !== slot.name) : [...optional, slot.name],
    type,
  );
}

/** What to do in a unit test, where a cache is missing. @param cache the name of the cache */
export function howToTest(cache: string): string {
  const options = cache === 'default' ? '' : `{ name: '${cache}' }`;
  return `In a unit test, add \`...provideTestCache(${options})\` of nestjs-cache-kit/testing to the providers, or set CACHE_KIT_MODE=pass-through to run methods without a cache`;
}

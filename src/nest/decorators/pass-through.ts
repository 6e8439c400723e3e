import 'reflect-metadata';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { sharedByCopies } from '../../core/vocabulary/copies.js';
import { show } from '../../core/vocabulary/show.js';

/*
 * Unit tests make objects with `new`, or in a container without a cache. In pass-through mode, decorated methods of
 * such objects run as if they were not decorated, and Nest makes objects whose cache is missing.
 */

/** Metadata key under which Nest keeps the names of optional properties. */
const OPTIONAL_METADATA = 'optional:properties_metadata';

/** Property of a class that holds its cache. */
interface Slot {
  readonly target: WeakRef<object>;
  readonly name: symbol;
}

// Shared by all copies of the kit in a process: a test calls one copy, and its classes might be decorated by another.
const requests = sharedByCopies('pass-through', () => new Set<symbol>());
const slots = sharedByCopies('slots', () => new Set<Slot>());

/**
 * Turns pass-through mode on, as CACHE_KIT_MODE=pass-through does: decorated methods of objects without a cache run as
 * if they were not decorated. Objects that have a cache still use it.
 * @returns a function that turns it off again
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
 * True in pass-through mode.
 * @throws CacheConfigError for a CACHE_KIT_MODE other than `pass-through`
 */
export function isPassingThrough(): boolean {
  const mode = process.env['CACHE_KIT_MODE'];
  if (mode === undefined || mode === '') return requests.size > 0;
  if (mode === 'pass-through') return true;
  throw new CacheConfigError(
    `Expected the environment variable CACHE_KIT_MODE to be 'pass-through', or not to be set, got \`${show(mode)}\`.`,
  );
}

/** Makes the injection of that property optional in pass-through mode. */
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

/** Advice for a message about a missing cache in a unit test. @param cache the name of the cache */
export function howToTest(cache: string): string {
  const options = cache === 'default' ? '' : `{ name: '${cache}' }`;
  return (
    `In a unit test, add \`...provideTestCache(${options})\` of nestjs-cache-kit/testing to the ` +
    'providers, or set CACHE_KIT_MODE=pass-through to run methods without a cache'
  );
}

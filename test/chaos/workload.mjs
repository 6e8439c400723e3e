// Operations of the processes of a chaos run on their caches. The value of a key is its version in a database, which is
// another Redis server.

/** For each kind of key: options for storing it, and the operation that publishes a new version. */
export const KINDS = {
  key: { options: () => ({}), invalidate: (cache, name) => cache.delete(name) },
  tag: {
    options: (name) => ({ tags: [`tag ${name}`, 'common'] }),
    invalidate: (cache, name) => cache.invalidateTags([`tag ${name}`]),
  },
  computedTag: {
    options: (name) => ({ tags: () => [`computed ${name}`] }),
    invalidate: (cache, name) => cache.invalidateTags([`computed ${name}`]),
  },
  allTags: {
    options: (name) => ({ tags: ['common', `rare ${name}`] }),
    invalidate: (cache, name) => cache.invalidateTags(['common', `rare ${name}`], { mode: 'all' }),
  },
  namespace: {
    options: (name) => ({ namespace: `ns ${name}` }),
    invalidate: (cache, name) => cache.invalidateNamespace(`ns ${name}`),
  },
  pattern: {
    options: () => ({ namespace: 'patterns' }),
    invalidate: (cache, name) => cache.invalidatePattern(`${name.slice(0, -1)}*`, { namespace: 'patterns' }),
  },
  set: { options: () => ({}), write: async (cache, name, bump) => cache.set(name, await bump()) },
  writeThrough: { options: () => ({}), write: (cache, name, bump) => cache.writeThrough(name, bump) },
};

/** Lists all keys of a run, in the order of their numbers. Each number has one writer: see `isOwn`. */
export function keysOf(keysPerKind) {
  return Object.keys(KINDS).flatMap((kind) =>
    Array.from({ length: keysPerKind }, (_, i) => ({ kind, name: `${kind} ${i}x` })),
  );
}

/** True when this process is the writer of the key. One writer per key keeps acknowledgements in version order. */
export function isOwn(number, process, processes) {
  return number % processes === process;
}

/** Puts a Map in front of the cache that misses all invalidations. Wrong on purpose: the checker must find it. */
export function behindAMap(cache) {
  const kept = new Map();
  const keep = (name, value) => {
    if (value !== undefined) kept.set(name, value);
    return value;
  };
  return {
    get: async (name, options) => kept.get(name) ?? keep(name, await cache.get(name, options)),
    getOrSet: async (name, load, options) => kept.get(name) ?? keep(name, await cache.getOrSet(name, load, options)),
    getOrSetMany: (names, load, options) => cache.getOrSetMany(names, load, options),
    delete: (name) => cache.delete(name),
    set: (name, value) => cache.set(name, value),
    writeThrough: (name, write) => cache.writeThrough(name, write),
    invalidateTags: (tags, options) => cache.invalidateTags(tags, options),
    invalidateNamespace: (namespace) => cache.invalidateNamespace(namespace),
    invalidatePattern: (pattern, options) => cache.invalidatePattern(pattern, options),
  };
}

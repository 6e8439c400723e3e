import type { CacheAdapter } from '../../src/core/ports/cache-adapter.port.js';

/** An adapter whose methods all reject, and that offers nothing besides. */
export function failingAdapter(adapter: CacheAdapter): CacheAdapter {
  return new Proxy(adapter, {
    get: (target, name) =>
      typeof Reflect.get(target, name) === 'function'
        ? () => Promise.reject(new Error(`no ${String(name)}`))
        : undefined,
  });
}

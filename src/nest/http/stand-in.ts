import type { CachedResponse } from './cached-response.js';

/**
 * What interceptors outside the cache are given on a hit in the place of the handler's value. They may look at it, and
 * refuse the request; the answer that is sent is the stored one. JSON is parsed when somebody looks.
 */
export function standInFor({ body, contentType }: CachedResponse): unknown {
  if (body.length === 0 || contentType === null) return undefined;
  const type = contentType.toLowerCase();
  if (type.includes('json')) return lazyJson(body);
  return type.startsWith('text/') ? body.toString() : undefined;
}

function lazyJson(body: Buffer): unknown {
  const first = body[0];
  if (first !== 0x7b && first !== 0x5b) return parsed(body);
  return new Proxy<object>(first === 0x5b ? [] : {}, new LazyJson(body));
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

/** Fills the target with the parsed body before the first access to one of its properties. */
class LazyJson implements ProxyHandler<object> {
  #body: Buffer | undefined;

  constructor(body: Buffer) {
    this.#body = body;
  }

  get(target: object, name: string | symbol): unknown {
    // Nest and promises ask every value for symbols and for `then`; JSON has neither.
    return typeof name === 'symbol' || (name === 'then' && this.#body !== undefined) ? Reflect.get(target, name) : Reflect.get(this.#filled(target), name);
  }

  set(target: object, name: string | symbol, value: unknown): boolean {
    return Reflect.set(this.#filled(target), name, value);
  }

  has(target: object, name: string | symbol): boolean {
    return Reflect.has(this.#filled(target), name);
  }

  deleteProperty(target: object, name: string | symbol): boolean {
    return Reflect.deleteProperty(this.#filled(target), name);
  }

  defineProperty(target: object, name: string | symbol, descriptor: PropertyDescriptor): boolean {
    return Reflect.defineProperty(this.#filled(target), name, descriptor);
  }

  ownKeys(target: object): (string | symbol)[] {
    return Reflect.ownKeys(this.#filled(target));
  }

  getOwnPropertyDescriptor(target: object, name: string | symbol): PropertyDescriptor | undefined {
    return Reflect.getOwnPropertyDescriptor(this.#filled(target), name);
  }

  #filled(target: object): object {
    if (this.#body === undefined) return target;
    const value = parsed(this.#body);
    this.#body = undefined;
    for (const [name, property] of Object.entries(value ?? {})) {
      Object.defineProperty(target, name, { value: property, writable: true, enumerable: true, configurable: true });
    }
    return target;
  }
}

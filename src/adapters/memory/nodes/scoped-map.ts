/**
 * Values by key inside a namespace, where `undefined` is a namespace of its own. Two maps instead of one with joined
 * keys: looking up builds no string, and no two pairs can be confused. A namespace without keys leaves nothing behind.
 */
export class ScopedMap<T> {
  readonly #unnamed = new Map<string, T>();
  readonly #named = new Map<string, Map<string, T>>();

  get(key: string, namespace: string | undefined): T | undefined {
    return namespace === undefined ? this.#unnamed.get(key) : this.#named.get(namespace)?.get(key);
  }

  set(key: string, namespace: string | undefined, value: T): void {
    const scope = this.scope(namespace);
    if (scope !== undefined) scope.set(key, value);
    else this.#named.set(namespace as string, new Map([[key, value]]));
  }

  delete(key: string, namespace: string | undefined): void {
    const scope = this.scope(namespace);
    scope?.delete(key);
    if (scope?.size === 0 && namespace !== undefined) this.#named.delete(namespace);
  }

  scope(namespace: string | undefined): Map<string, T> | undefined {
    return namespace === undefined ? this.#unnamed : this.#named.get(namespace);
  }

  /** How many named namespaces hold a key. */
  get namespaces(): number {
    return this.#named.size;
  }
}

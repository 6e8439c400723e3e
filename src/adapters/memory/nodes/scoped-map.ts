/**
 * Values by namespace and key; `undefined` is a namespace, too. Nested maps instead of one map with joined keys: a
 * look-up builds no string, and two pairs cannot be confused. A namespace without keys takes no memory.
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

  /** Number of named namespaces with keys. */
  get namespaces(): number {
    return this.#named.size;
  }
}

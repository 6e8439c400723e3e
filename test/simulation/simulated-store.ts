/*
 * The keyspace of one simulated Redis: only the operations that the adapter's commands and scripts need, with the
 * behaviour of Redis 7 (simulated-redis.spec.ts compares the two). Bytes are strings with one character per byte, as in
 * Lua.
 *
 * A method throws a `RedisError` when the command would answer with an error.
 */

export class RedisError extends Error {}

type Kind = 'string' | 'hash' | 'zset' | 'set';

interface Stored<T> {
  readonly kind: Kind;
  value: T;
  /** Expiry on the clock of the server; `Infinity` for no expiry. */
  expiresMs: number;
}

interface Values {
  string: string;
  hash: Map<string, string>;
  zset: Map<string, number>;
  set: Set<string>;
}

export class SimulatedStore {
  /** True when it must not grow, as with `maxmemory` and `noeviction`. */
  isFull = false;
  /** True after a script has tried a write: from then on Redis does not stop it for lack of memory. */
  hasWritten = false;
  readonly #keys = new Map<string, Stored<unknown>>();

  /** @param now the server's clock, in whole milliseconds */
  constructor(readonly now: () => number) {}

  get(key: string): string | null {
    return this.#find(key, 'string')?.value ?? null;
  }

  getRange(key: string, start: number, end: number): string {
    return (this.get(key) ?? '').slice(start, end + 1);
  }

  setRange(key: string, start: number, text: string): void {
    this.#grow();
    const kept = this.#find(key, 'string');
    const before = kept?.value ?? '';
    const value = before.padEnd(start, '\0').slice(0, start) + text + before.slice(start + text.length);
    if (kept === undefined) this.set(key, value);
    else kept.value = value;
  }

  /** @param keepMs lifetime; `undefined` for no expiry */
  set(key: string, value: string, keepMs?: number): void {
    this.#grow();
    if (keepMs !== undefined && keepMs <= 0) throw new RedisError("ERR invalid expire time in 'set' command");
    this.#keys.set(key, {
      kind: 'string',
      value,
      expiresMs: keepMs === undefined ? Infinity : this.now() + Math.trunc(keepMs),
    });
  }

  unlink(key: string): number {
    this.hasWritten = true;
    const hasExisted = this.exists(key);
    this.#keys.delete(key);
    return hasExisted ? 1 : 0;
  }

  exists(key: string): boolean {
    return this.#live(key) !== undefined;
  }

  type(key: string): Kind | 'none' {
    return this.#live(key)?.kind ?? 'none';
  }

  rename(from: string, to: string): void {
    const kept = this.#live(from);
    if (kept === undefined) throw new RedisError('ERR no such key');
    this.#keys.delete(from);
    this.#keys.set(to, kept);
    this.hasWritten = true;
  }

  /** Remaining milliseconds; -1 without expiry, -2 without a key. */
  pttl(key: string): number {
    const kept = this.#live(key);
    if (kept === undefined) return -2;
    return kept.expiresMs === Infinity ? -1 : Math.max(0, kept.expiresMs - this.now());
  }

  pexpire(key: string, ms: number): void {
    this.hasWritten = true;
    const kept = this.#live(key);
    if (kept === undefined) return;
    if (ms <= 0) this.#keys.delete(key);
    else kept.expiresMs = this.now() + Math.trunc(ms);
  }

  persist(key: string): void {
    const kept = this.#live(key);
    if (kept !== undefined) kept.expiresMs = Infinity;
    this.hasWritten = true;
  }

  hget(key: string, field: string): string | null {
    return this.#find(key, 'hash')?.value.get(field) ?? null;
  }

  hentries(key: string): [field: string, value: string][] {
    return [...(this.#find(key, 'hash')?.value ?? [])];
  }

  hset(key: string, field: string, value: string): void {
    this.#grow();
    this.#make(key, 'hash', () => new Map()).set(field, value);
  }

  hdel(key: string, fields: readonly string[]): number {
    return this.#drop(key, 'hash', (hash) => fields.filter((field) => hash.delete(field)).length);
  }

  sadd(key: string, members: readonly string[]): number {
    this.#grow();
    const set = this.#make(key, 'set', () => new Set());
    const before = set.size;
    for (const member of members) set.add(member);
    return set.size - before;
  }

  srem(key: string, members: readonly string[]): number {
    return this.#drop(key, 'set', (set) => members.filter((member) => set.delete(member)).length);
  }

  smembers(key: string): string[] {
    return [...(this.#find(key, 'set')?.value ?? [])];
  }

  zadd(key: string, score: number, member: string): void {
    this.#grow();
    this.#make(key, 'zset', () => new Map()).set(member, score);
  }

  zrem(key: string, members: readonly string[]): number {
    return this.#drop(key, 'zset', (zset) => members.filter((member) => zset.delete(member)).length);
  }

  /** Members in order: by score, then by name. */
  zmembers(key: string): (readonly [member: string, score: number])[] {
    const members = [...(this.#find(key, 'zset')?.value ?? [])];
    return members.sort(([a, x], [b, y]) => (x === y ? (a < b ? -1 : 1) : x - y));
  }

  /** Evicts a key, as a server does that runs out of memory. */
  evict(key: string): void {
    this.#keys.delete(key);
  }

  flush(): void {
    this.#keys.clear();
  }

  /** The names of all live keys, sorted. */
  names(): string[] {
    return [...this.#keys.keys()].filter((key) => this.exists(key)).sort();
  }

  #live(key: string): Stored<unknown> | undefined {
    const kept = this.#keys.get(key);
    if (kept === undefined || this.now() <= kept.expiresMs) return kept;
    this.#keys.delete(key);
    return undefined;
  }

  #find<K extends Kind>(key: string, kind: K): Stored<Values[K]> | undefined {
    const kept = this.#live(key);
    if (kept !== undefined && kept.kind !== kind)
      throw new RedisError('WRONGTYPE Operation against a key holding the wrong kind of value');
    return kept as Stored<Values[K]> | undefined;
  }

  #make<K extends Kind>(key: string, kind: K, make: () => Values[K]): Values[K] {
    const found = this.#find(key, kind);
    if (found !== undefined) return found.value;
    const value = make();
    this.#keys.set(key, { kind, value, expiresMs: Infinity });
    return value;
  }

  #drop<K extends 'hash' | 'zset' | 'set'>(key: string, kind: K, drop: (value: Values[K]) => number): number {
    this.hasWritten = true;
    const found = this.#find(key, kind);
    if (found === undefined) return 0;
    const count = drop(found.value);
    if (found.value.size === 0) this.#keys.delete(key);
    return count;
  }

  #grow(): void {
    if (this.isFull && !this.hasWritten)
      throw new RedisError("OOM command not allowed when used memory > 'maxmemory'.");
    this.hasWritten = true;
  }
}

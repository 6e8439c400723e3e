import type { Command, Reply } from '../../src/adapters/redis/connection/command.js';
import { type Answer, scoreText, TWINS } from './script-twins.js';
import { RedisError, SimulatedStore } from './simulated-store.js';
import { EPOCH_MS, type Owner, type VirtualTime } from './virtual-time.js';

/** One server: runs one command after the other, and has its own clock. */
export class SimulatedRedis implements Owner {
  frozenUntilMs = 0;
  readonly isDead = false;
  readonly isSilent = true;
  /** Error of its clock, which can change suddenly. */
  skewMs = 0;
  readonly store: SimulatedStore;
  readonly #listeners = new Set<(message: string) => void>();

  /** @param name its name in a cluster */
  constructor(
    readonly name: string,
    time: VirtualTime,
  ) {
    this.store = new SimulatedStore(() => Math.floor(EPOCH_MS + time.nowMs + this.skewMs));
  }

  /** Passes all published messages to `listener`. @returns a function that unsubscribes */
  subscribe(listener: (message: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  run({ name, script, keys, args }: Command): Reply {
    const texts = args.map((arg) => (Buffer.isBuffer(arg) ? arg.toString('latin1') : bytesOf(String(arg))));
    this.store.hasWritten = false;
    try {
      if (script === undefined) return plainReply(this.store, name, bytesOf(keys[0] as string), texts);
      const twin = TWINS[script.name];
      if (twin === undefined)
        throw new Error(`Expected a script with a twin, got ${script.name}: add it to script-twins.ts.`);
      return replyOf(
        twin({
          store: this.store,
          keys: keys.map(bytesOf),
          args: texts,
          publish: (_channel, message) => this.#publish(message),
        }),
      );
    } catch (error) {
      if (error instanceof RedisError) return error;
      throw error;
    }
  }

  /** Like MGET: a key of another type counts as missing. */
  getAll(keys: readonly string[]): (Buffer | null)[] {
    return keys.map((key) => {
      const reply = this.run({ name: 'GET', keys: [key], args: [] });
      return Buffer.isBuffer(reply) ? reply : null;
    });
  }

  /** Like SCAN: the cursor is the position after a name, so that keys that exist all the time are returned. */
  scan(cursor: string, match: string, count: number): { cursor: string; keys: string[] } {
    const prefix = match.replace(/\*$/, '').replace(/\\(.)/g, '$1');
    const after = cursor === '0' ? '' : Buffer.from(cursor, 'hex').toString('latin1');
    const rest = this.store.names().filter((name) => name > after);
    const step = rest.slice(0, count);
    const next = step.length < rest.length ? Buffer.from(step.at(-1) ?? '', 'latin1').toString('hex') : '0';
    return {
      cursor: next,
      keys: step.filter((name) => name.startsWith(prefix)).map((name) => Buffer.from(name, 'latin1').toString()),
    };
  }

  #publish(message: string): void {
    for (const listener of this.#listeners) listener(Buffer.from(message, 'latin1').toString());
  }
}

function plainReply(store: SimulatedStore, name: string, key: string, args: readonly string[]): Reply {
  switch (name) {
    case 'GET':
      return bufferOrNull(store.get(key));
    case 'GETRANGE':
      return bytes(store.getRange(key, Number(args[0]), Number(args[1])));
    case 'SET':
      return setReply(store, key, args);
    case 'UNLINK':
      return store.unlink(key);
    case 'EXISTS':
      return store.exists(key) ? 1 : 0;
    case 'HMGET':
      return args.map((field) => bufferOrNull(store.hget(key, field)));
    case 'HDEL':
      return store.hdel(key, args);
    case 'SADD':
      return store.sadd(key, args);
    case 'SREM':
      return store.srem(key, args);
    case 'SMEMBERS':
      return store.smembers(key).map(bytes);
    default:
      return sortedReply(store, name, key, args);
  }
}

function sortedReply(store: SimulatedStore, name: string, key: string, args: readonly string[]): Reply {
  switch (name) {
    case 'ZADD':
      return zaddReply(store, key, args);
    case 'ZREM':
      return store.zrem(key, args);
    case 'ZCARD':
      return store.zmembers(key).length;
    case 'ZRANGE':
      return store
        .zmembers(key)
        .slice(Number(args[0]), Number(args[1]) + 1)
        .map(([member]) => bytes(member));
    case 'ZCOUNT':
      if (args[0] !== '-inf')
        throw new Error(`Expected ZCOUNT from -inf, got ${String(args[0])}: extend simulated-redis.ts.`);
      return store.zmembers(key).filter(([, score]) => score <= Number(args[1])).length;
    case 'ZMSCORE': {
      const scores = new Map(store.zmembers(key));
      return args.map((member) => (scores.has(member) ? bytes(scoreText(scores.get(member) as number)) : null));
    }
    case 'ZSCAN':
      // A small set: it is returned as a whole and in order, for any COUNT.
      return [bytes('0'), store.zmembers(key).flatMap(([member, score]) => [bytes(member), bytes(scoreText(score))])];
    default:
      throw new Error(`Expected a command that is simulated, got ${name}: add it to simulated-redis.ts.`);
  }
}

/** Runs `ZADD key score member ...`. @returns the number of new members */
function zaddReply(store: SimulatedStore, key: string, args: readonly string[]): Reply {
  const before = store.isFull ? 0 : store.zmembers(key).length;
  for (let i = 0; i < args.length; i += 2) store.zadd(key, Number(args[i]), args[i + 1] as string);
  return store.zmembers(key).length - before;
}

/** Runs `SET key text [PX ms] [NX]`. */
function setReply(store: SimulatedStore, key: string, [text = '', ...options]: readonly string[]): Reply {
  const px = options.indexOf('PX');
  if (options.includes('NX') && store.exists(key)) {
    if (store.isFull) throw new RedisError("OOM command not allowed when used memory > 'maxmemory'.");
    return null;
  }
  store.set(key, text, px < 0 ? undefined : Number(options[px + 1]));
  return bytes('OK');
}

function replyOf(answer: Answer): Reply {
  if (typeof answer === 'string') return bytes(answer);
  return typeof answer === 'number' ? answer : answer.map(replyOf);
}

function bufferOrNull(text: string | null): Buffer | null {
  return text === null ? null : bytes(text);
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** Encodes as UTF-8, with one character per byte. */
function bytesOf(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text).toString('latin1');
}

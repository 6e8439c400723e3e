import type { EntryCodec } from '../../../core/values/codec.js';
import type { Clock } from '../../../core/ports/clock.port.js';
import { EntryReader } from './entry-reader.js';
import { EntryWalk } from './entry-walk.js';
import { EntryWriter } from './entry-writer.js';
import type { RedisKeys } from '../protocol/redis-keys.js';
import { type LinkOptions, RedisLink } from '../connection/redis-link.js';
import type { Command, Reply, ReplyValue } from '../connection/command.js';
import type { RedisWire } from '../connection/redis-wire.port.js';

/**
 * True when an entry must be treated as missing, because an invalidation of it is not acknowledged yet, or may be
 * unknown to the server that has answered.
 * @param tags `undefined` when the entry has not been read
 */
export type Hides = (key: string, namespace: string | undefined, tags: readonly string[] | undefined) => boolean;

export interface RedisContextOptions extends Pick<LinkOptions, 'limitMs' | 'onUp' | 'onAway'> {
  readonly wire: RedisWire;
  readonly keys: RedisKeys;
  readonly codec: EntryCodec;
  readonly clock: Clock;
  /** Returns the filter for reads and loads that begin now. */
  hides(): Hides;
  /** Reports faults that no caller waits for. */
  onError(error: unknown): void;
}

/** Collaborators shared by the Redis operations. */
export class RedisContext {
  readonly wire: RedisWire;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly link: RedisLink;
  readonly reader: EntryReader;
  readonly writer: EntryWriter;
  readonly walk: EntryWalk;
  /** Time limit of one round trip. */
  readonly limitMs: number;
  /** True when commands for several keys may go to several servers, and so may run in any order. */
  readonly isCluster: boolean;
  /** True once the adapter closes: reads are misses, and nothing more is stored. */
  isClosed = false;
  readonly #options: RedisContextOptions;

  constructor(options: RedisContextOptions) {
    const { wire, keys, codec, clock, limitMs, onUp, onAway } = options;
    this.#options = options;
    this.wire = wire;
    this.keys = keys;
    this.clock = clock;
    this.limitMs = limitMs;
    this.isCluster = wire.isCluster;
    this.link = new RedisLink(wire, clock, {
      timeKey: keys.partOf('').key,
      limitMs,
      onUp,
      ...(onAway === undefined ? {} : { onAway }),
    });
    this.reader = new EntryReader(keys, this.link, codec, clock);
    this.writer = new EntryWriter(keys, this.link, this.reader, codec, clock);
    this.walk = new EntryWalk(wire, this.link, limitMs);
  }

  /** Sends commands in one round trip. Returns a reply for each; a reply may be an error. */
  run(commands: readonly Command[]): Promise<readonly Reply[]> {
    return this.link.run(commands, this.limitMs);
  }

  /** Like `run`, but rejects with the first reply that is an error. */
  ask(commands: readonly Command[]): Promise<readonly ReplyValue[]> {
    return this.link.ask(commands, this.limitMs);
  }

  hides(): Hides {
    return this.#options.hides();
  }

  onError(error: unknown): void {
    this.#options.onError(error);
  }
}

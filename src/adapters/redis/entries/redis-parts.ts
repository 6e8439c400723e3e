import type { Clock } from '../../../core/ports/clock.port.js';
import type { EntryReader } from './entry-reader.js';
import type { EntryWalk } from './entry-walk.js';
import type { EntryWriter } from './entry-writer.js';
import type { RedisKeys } from '../protocol/redis-keys.js';
import type { RedisLink } from '../connection/redis-link.js';

/** What the larger parts of the adapter are made of. */
export interface RedisParts {
  readonly keys: RedisKeys;
  readonly link: RedisLink;
  readonly reader: EntryReader;
  readonly writer: EntryWriter;
  readonly walk: EntryWalk;
  readonly clock: Clock;
  /** How long one round trip may take. */
  readonly limitMs: number;
  /** Whether commands for several keys may go to several servers, and so in any order. */
  readonly isCluster: boolean;
  /** Told of faults that no caller waits for. */
  onError(error: unknown): void;
}

/** How an invalidation is meant. */
export interface How {
  readonly soft: boolean;
  readonly dryRun: boolean;
}

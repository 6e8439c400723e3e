import type { RedisContext } from './redis-context.js';
import { call, type Reply } from '../connection/command.js';
import { EMPTY_GROUP_MS, indexKeys } from './entry-writer.js';
import { SURVEY } from '../protocol/scripts.js';

export interface Survey {
  readonly entries: number;
  readonly oldestMs: number | null;
  readonly newestMs: number | null;
  /** Whether the indexes named so many expired entries that others are likely to do so. */
  readonly areManyExpired: boolean;
}

/** How many expired members of an index one survey strikes: under a millisecond of the server. */
const STRUCK_AT_ONCE = 300;

/**
 * Looks at how much is stored: one round trip, whatever the number of entries. While Redis is away the last look
 * counts.
 */
export class StoreSurvey {
  #last: Survey = { entries: 0, oldestMs: null, newestMs: null, areManyExpired: false };

  constructor(private readonly context: RedisContext) {}

  async take(): Promise<Survey> {
    if (!this.context.link.isUp()) return this.#last;
    try {
      const parts = this.context.keys.everything.map((part) =>
        call(SURVEY, indexKeys(part), EMPTY_GROUP_MS, STRUCK_AT_ONCE),
      );
      this.#last = sumOf(await this.context.run(parts));
    } catch {
      // The link knows, and so will the status.
    }
    return this.#last;
  }
}

function sumOf(replies: readonly Reply[]): Survey {
  const parts = replies.filter((reply) => Array.isArray(reply)) as [
    number,
    number,
    Buffer | string | number,
    Buffer | string | number,
  ][];
  const times = parts.flatMap(([, , oldest, newest]) => [oldest, newest].map(String).filter((time) => time !== ''));
  const createdMs = times.map(Number);
  return {
    entries: parts.reduce((sum, [, live]) => sum + live, 0),
    oldestMs: createdMs.length === 0 ? null : Math.min(...createdMs),
    newestMs: createdMs.length === 0 ? null : Math.max(...createdMs),
    areManyExpired: parts.reduce((sum, [struck]) => sum + struck, 0) >= STRUCK_AT_ONCE,
  };
}

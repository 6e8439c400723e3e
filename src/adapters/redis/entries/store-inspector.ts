import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { compileGlob } from '../../../core/vocabulary/glob.js';
import type { ScanPage, ScanQuery } from '../../../core/ports/cache-adapter.port.js';
import { show } from '../../../core/vocabulary/show.js';
import type { EncodedEntry } from '../../../core/values/encoded-entry.js';
import type { Group } from '../protocol/redis-keys.js';
import type { RedisContext } from './redis-context.js';
import { call, type Reply } from '../connection/command.js';
import { EMPTY_GROUP_MS, indexKeys } from './entry-writer.js';
import { PAGE, SURVEY } from '../protocol/server-scripts.js';

/**
 * Names read per step, and steps per page at most: a filter that matches little must not keep its caller waiting.
 */
const NAMES_PER_STEP = 500;
const STEPS_PER_PAGE = 20;
/** Expired members that one call of `usage` strikes per index, at most: under a millisecond of the server. */
const STRUCK_PER_INDEX = 300;

/** The end of a page: the part of everything, and the last member read of it. */
interface ScanPosition {
  readonly part: number;
  readonly member: string;
  readonly time: string;
}

export interface StoreUsage {
  readonly entries: number;
  readonly oldestMs: number | null;
  readonly newestMs: number | null;
  /** True when the indexes named `STRUCK_PER_INDEX` expired entries or more, so that others are likely. */
  readonly areManyExpired: boolean;
}

/** The answer of SURVEY for one part of everything. */
type PartUsage = [struck: number, live: number, oldest: Buffer | string | number, newest: Buffer | string | number];

/** Shows people what is stored. */
export class StoreInspector {
  #lastUsage: StoreUsage = { entries: 0, oldestMs: null, newestMs: null, areManyExpired: false };

  readonly #context: RedisContext;

  constructor(context: RedisContext) {
    this.#context = context;
  }

  /**
   * Reads a page of entries, oldest first, from the indexes. The server's own cursor may skip entries when it is not
   * followed step by step, and it walks through the keys of all applications.
   */
  async scan(query: ScanQuery): Promise<ScanPage> {
    const entries: EncodedEntry[] = [];
    let position: ScanPosition | undefined = positionIn(query.cursor, this.#context.keys.everything.length);
    for (let steps = 0; position !== undefined && steps < STEPS_PER_PAGE && entries.length < query.limit; steps++) {
      position = await this.#step(position, query, entries);
    }
    return position === undefined ? { entries } : { entries, cursor: cursorOf(position) };
  }

  /** Counts what is stored, in one round trip for any number of entries. The last answer while Redis is away. */
  async usage(): Promise<StoreUsage> {
    if (!this.#context.link.isUp()) return this.#lastUsage;
    try {
      const commands = this.#context.keys.everything.map((part) =>
        call(SURVEY, indexKeys(part), EMPTY_GROUP_MS, STRUCK_PER_INDEX),
      );
      this.#lastUsage = sumOf(await this.#context.run(commands));
    } catch {
      // The link has noticed the fault, and the status of the adapter shows it.
    }
    return this.#lastUsage;
  }

  /** Adds the entries of one step, up to the limit, and returns the position to go on at. */
  async #step(position: ScanPosition, query: ScanQuery, entries: EncodedEntry[]): Promise<ScanPosition | undefined> {
    const { keys } = this.#context;
    const { part } = position;
    const { created = '' } = keys.everything[part] as Group;
    const [reply] = await this.#context.ask([call(PAGE, [created], position.member, position.time, NAMES_PER_STEP)]);
    const found = (reply as Reply[]).map(String);
    const isWanted = this.#filter(query);
    const wanted: ScanPosition[] = [];
    for (let i = 0; i < found.length; i += 2) {
      const [member, time] = [found[i] as string, found[i + 1] as string];
      if (isWanted(member)) wanted.push({ part, member, time });
    }
    const page = wanted.slice(0, query.limit - entries.length);
    entries.push(...(await this.#read(page)));
    if (page.length < wanted.length) return page.at(-1);
    if (found.length === 2 * NAMES_PER_STEP)
      return { part, member: found.at(-2) as string, time: found.at(-1) as string };
    return part + 1 < keys.everything.length ? { part: part + 1, member: '', time: '' } : undefined;
  }

  #filter({ namespace, pattern }: ScanQuery): (member: string) => boolean {
    const { keys } = this.#context;
    const scope = namespace === undefined ? '' : keys.member('', namespace);
    const isMatch = pattern === undefined ? undefined : compileGlob(pattern);
    return (member) =>
      member.startsWith(scope) && (isMatch === undefined || isMatch(keys.parse(keys.entryPrefix + member).key));
  }

  async #read(positions: readonly ScanPosition[]): Promise<EncodedEntry[]> {
    const { keys, reader, limitMs } = this.#context;
    const entries = positions.map(({ member }) => {
      const { key, namespace } = keys.parse(keys.entryPrefix + member);
      return reader.read([key], namespace, limitMs, ([entry]) => entry);
    });
    return (await Promise.all(entries)).filter((entry) => entry !== undefined);
  }
}

function sumOf(replies: readonly Reply[]): StoreUsage {
  const parts = replies.filter((reply) => Array.isArray(reply)) as PartUsage[];
  const times = parts.flatMap(([, , oldest, newest]) => [oldest, newest].map(String).filter((time) => time !== ''));
  const createdMs = times.map(Number);
  return {
    entries: parts.reduce((sum, [, live]) => sum + live, 0),
    oldestMs: createdMs.length === 0 ? null : Math.min(...createdMs),
    newestMs: createdMs.length === 0 ? null : Math.max(...createdMs),
    areManyExpired: parts.reduce((sum, [struck]) => sum + struck, 0) >= STRUCK_PER_INDEX,
  };
}

function cursorOf({ part, member, time }: ScanPosition): string {
  return Buffer.from(JSON.stringify([part, member, time])).toString('base64url');
}

/** Checks the cursor, which may have passed through a URL. */
function positionIn(cursor: string | undefined, parts: number): ScanPosition {
  if (cursor === undefined) return { part: 0, member: '', time: '' };
  const [part, member, time] = parsed(cursor);
  const isPart = typeof part === 'number' && Number.isInteger(part) && part >= 0 && part < parts;
  if (isPart && typeof member === 'string' && typeof time === 'string') return { part, member, time };
  throw new CacheConfigError(`Expected \`cursor\` to be the one of the page before, got \`${show(cursor)}\`.`);
}

function parsed(cursor: string): unknown[] {
  try {
    const json: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(json) ? json : [];
  } catch {
    return [];
  }
}

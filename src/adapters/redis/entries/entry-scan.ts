import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { compileGlob } from '../../../core/vocabulary/glob.js';
import type { ScanPage, ScanQuery } from '../../../core/ports/cache-adapter.port.js';
import { show } from '../../../core/vocabulary/show.js';
import type { RedisEntry } from './redis-entry.js';
import type { Group } from '../protocol/redis-keys.js';
import type { RedisContext } from './redis-context.js';
import { call, type Reply } from '../connection/command.js';
import { PAGE } from '../protocol/scripts.js';

/**
 * How many names one step looks at, and how many steps a page takes at most: a filter that matches little must not keep
 * its caller waiting.
 */
const NAMES_PER_STEP = 500;
const STEPS_PER_PAGE = 20;

/** Where a page ended: in which part of everything, and after which member of it. */
interface Place {
  readonly part: number;
  readonly member: string;
  readonly time: string;
}

/**
 * Pages of entries for people, oldest first. They come from the index and not from the server's own cursor: that one
 * may pass entries by when it is not followed step by step, and it goes through the keys of everybody.
 */
export class EntryScan {
  constructor(private readonly context: RedisContext) {}

  async page(query: ScanQuery): Promise<ScanPage> {
    const entries: RedisEntry[] = [];
    let place: Place | undefined = placeOf(query.cursor, this.context.keys.everything.length);
    for (let steps = 0; place !== undefined && steps < STEPS_PER_PAGE && entries.length < query.limit; steps++) {
      place = await this.#step(place, query, entries);
    }
    return place === undefined ? { entries } : { entries, cursor: cursorOf(place) };
  }

  /** Adds what one step finds to `entries`, up to the limit; answers where to go on. */
  async #step(place: Place, query: ScanQuery, entries: RedisEntry[]): Promise<Place | undefined> {
    const { keys } = this.context;
    const { created = '' } = keys.everything[place.part] as Group;
    const [reply] = await this.context.ask([call(PAGE, [created], place.member, place.time, NAMES_PER_STEP)]);
    const found = (reply as Reply[]).map(String);
    const isWanted = this.#filter(query);
    const wanted: Place[] = [];
    for (let i = 0; i < found.length; i += 2) {
      if (isWanted(found[i] as string))
        wanted.push({ part: place.part, member: found[i] as string, time: found[i + 1] as string });
    }
    const page = wanted.slice(0, query.limit - entries.length);
    entries.push(...(await this.#read(page)));
    if (page.length < wanted.length) return page.at(-1);
    if (found.length === 2 * NAMES_PER_STEP)
      return { ...place, member: found.at(-2) as string, time: found.at(-1) as string };
    return place.part + 1 < keys.everything.length ? { part: place.part + 1, member: '', time: '' } : undefined;
  }

  #filter({ namespace, pattern }: ScanQuery): (member: string) => boolean {
    const { keys } = this.context;
    const scope = namespace === undefined ? '' : keys.member('', namespace);
    const isMatch = pattern === undefined ? undefined : compileGlob(pattern);
    return (member) =>
      member.startsWith(scope) && (isMatch === undefined || isMatch(keys.parse(keys.entryPrefix + member).key));
  }

  async #read(places: readonly Place[]): Promise<RedisEntry[]> {
    const { keys, reader, limitMs } = this.context;
    const entries = places.map(({ member }) => {
      const { key, namespace } = keys.parse(keys.entryPrefix + member);
      return reader.read([key], namespace, limitMs, ([entry]) => entry);
    });
    return (await Promise.all(entries)).filter((entry) => entry !== undefined);
  }
}

function cursorOf({ part, member, time }: Place): string {
  return Buffer.from(JSON.stringify([part, member, time])).toString('base64url');
}

/** A cursor may have passed through a URL. */
function placeOf(cursor: string | undefined, parts: number): Place {
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

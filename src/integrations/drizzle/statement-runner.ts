import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import type { QueryCache, QueryPlace } from '../queries/query-cache.js';
import type { PreparedQuery, WithCacheConfig } from './drizzle-internals.js';
import { type QueryWishes, readWishes } from './query-wishes.js';
import { storableResult } from './raw-result.js';
import type { StatementFacts, StatementFactsReader } from './statement-facts.js';
import { isUndone, type TransactionWrites } from './transaction-writes.js';

/** A statement on its way to the database. */
export interface StatementCall {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  readonly prepared: PreparedQuery;
  /** The argument of `$withCache`; `undefined` without a call of it. */
  readonly config: WithCacheConfig | undefined;
  /** True for SQL that a person wrote. */
  readonly isRaw: boolean;
  /** True for a statement that runs with the rights of one caller. */
  readonly isPersonal: boolean;
  /** The form of the result: one SQL text gives rows as arrays, as objects, or one row. */
  readonly form: string;
  /** The transaction that its session is in. */
  readonly transaction: TransactionWrites | undefined;
  readonly run: () => Promise<unknown>;
}

export interface StatementRunnerParts {
  readonly queries: QueryCache;
  readonly facts: StatementFactsReader;
  /** True to cache all queries of query builders. */
  readonly isGlobal: boolean;
  /** The driver, whose results have a form of their own. */
  readonly driver: string;
  readonly wallMs: () => number;
}

/** The wishes for a query that nobody says anything about, with `global: true`. */
const IMPLIED: QueryWishes = { ttl: undefined, tags: [], named: [], hasTables: true };

/** Runs statements: queries through the cache, where they may be cached, and writes before their invalidation. */
export class StatementRunner {
  readonly #parts: StatementRunnerParts;

  constructor(parts: StatementRunnerParts) {
    this.#parts = parts;
  }

  run(call: StatementCall): Promise<unknown> {
    const { queries, facts: reader } = this.#parts;
    const facts = reader.factsOf(call.prepared, call.sql);
    if (facts.written.length > 0) return this.runWrite(facts.written, call.transaction, call.run);
    const place = call.transaction?.isRunning === true ? undefined : this.#placeOf(call, facts);
    if (place === undefined) return call.run();
    return queries.answerAt(place, call.parameters, async () => storableResult(await call.run()));
  }

  /** Runs what writes tables, and invalidates them after it; those of a transaction at its end. */
  async runWrite<T>(
    written: readonly string[],
    transaction: TransactionWrites | undefined,
    run: () => Promise<T>,
  ): Promise<T> {
    try {
      const result = await run();
      await this.#invalidate(written, transaction);
      return result;
    } catch (error) {
      if (!isUndone(error)) await this.#invalidate(written, transaction);
      throw error;
    }
  }

  /** The tables that a statement writes which its session runs in its own way. */
  writtenBy(prepared: PreparedQuery, sql: string): readonly string[] {
    return this.#parts.facts.factsOf(prepared, sql).written;
  }

  async #invalidate(written: readonly string[], transaction: TransactionWrites | undefined): Promise<void> {
    if (transaction?.isRunning === true) transaction.add(written);
    else await this.#parts.queries.invalidateCommitted(written);
  }

  /** The place of the result; `undefined` for a query that is not cached. */
  #placeOf(call: StatementCall, facts: StatementFacts): QueryPlace | undefined {
    const wishes = this.#wishesOf(call, facts);
    if (wishes === undefined) return undefined;
    const { hindrance = call.isPersonal ? 'runs with the token of one caller' : undefined } = facts.read;
    if (hindrance !== undefined) {
      // With `global: true` nobody has asked for it.
      if (wishes !== IMPLIED) this.#refuse(facts, `it ${hindrance}. Run it without the cache`);
      return undefined;
    }
    const unknown = wishes.hasTables && wishes.named.length === 0 ? unknownTables(facts, wishes) : undefined;
    if (unknown !== undefined) {
      this.#refuse(facts, `${unknown}. Name its tables: \`cachedQuery({ tables: ['...'] }, () => ...)\``);
      return undefined;
    }
    return this.#knownPlace(call, facts, wishes);
  }

  #wishesOf(call: StatementCall, facts: StatementFacts): QueryWishes | undefined {
    const { isGlobal, wallMs } = this.#parts;
    try {
      const wishes = readWishes(call.config, wallMs) ?? (isGlobal && !call.isRaw ? IMPLIED : false);
      if (wishes === false) return undefined;
      if (!call.isRaw || wishes.named.length > 0) return wishes;
      this.#refuse(facts, "it is raw SQL without tables. Name them: `cachedQuery({ tables: ['...'] }, () => ...)`");
    } catch (error) {
      if (!(error instanceof CacheConfigError)) throw error;
      this.#refuse(facts, error.message, error);
    }
    return undefined;
  }

  #knownPlace(call: StatementCall, facts: StatementFacts, wishes: QueryWishes): QueryPlace | undefined {
    const { ttl, tags, named, hasTables } = wishes;
    if (ttl !== undefined || tags.length > 0 || named.length > 0 || !hasTables)
      return this.#newPlace(call, facts, wishes);
    if (!facts.places.has(call.form)) facts.places.set(call.form, this.#newPlace(call, facts, wishes));
    return facts.places.get(call.form);
  }

  #newPlace({ form }: StatementCall, { label, read }: StatementFacts, wishes: QueryWishes): QueryPlace | undefined {
    const { queries, driver } = this.#parts;
    const { ttl, tags, named, hasTables } = wishes;
    return queries.place({
      identity: [driver, label, form],
      tables: hasTables ? read.tables : [],
      named: hasTables ? [...read.bare, ...named] : named,
      tags,
      ttl,
    });
  }

  #refuse({ read: { tables } }: StatementFacts, why: string, cause?: unknown): void {
    const what = tables.length === 0 ? 'A query' : `A query on ${tables.join(', ')}`;
    this.#parts.queries.refuse(`${what} was not cached: ${why}${why.endsWith('.') ? '' : '.'}`, cause);
  }
}

/** The reason why a write could go unnoticed. */
function unknownTables({ read }: StatementFacts, { tags }: QueryWishes): string | undefined {
  if (read.obscurity !== undefined) return `it reads ${read.obscurity}, whose tables are not known`;
  if (read.unknown !== undefined)
    return (
      `it reads \`${read.unknown}\`, which is no table, and no view with a query, of the schema that drizzle() got. ` +
      'Add it to `schema`'
    );
  return read.tables.length === 0 && tags.length === 0
    ? 'it reads no table, so nothing would invalidate it'
    : undefined;
}

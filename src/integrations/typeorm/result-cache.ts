import type { DataSource, QueryRunner } from 'typeorm';
import { BoundedMap } from '../../core/vocabulary/bounded-map.js';
import type { QueryCache, QueryPlace } from '../queries/query-cache.js';
import { type ReadId, readId } from './cache-id.js';
import { lostInJson } from './json-loss.js';
import { type BegunQuery, OpenResult } from './open-result.js';
import { ParameterNotes } from './parameter-notes.js';
import { type StatementFacts, Statements } from './statements.js';
import { TransactionScopes } from './transaction-scopes.js';
import type { AfterQueryEvent, QueryResultCache, QueryResultCacheOptions } from './typeorm-types.js';
import { waitForInvalidations } from './waiting-runners.js';
import { WriteWatch } from './write-watch.js';

/** The duration of a query that names none, in the place of TypeORM's second. */
export const NO_DURATION = -1;

/** Statements at most that are remembered as refused, each of which was reported once. */
const REFUSED_STATEMENTS = 1_000;
/** Places of queries at most that are remembered. */
const PLACES = 2_000;

/**
 * The cache of one data source, behind TypeORM's port. No method rejects. A result is stored as TypeORM hands it over,
 * as JSON text; its key is the id of the query, its statement, and the parameters with their types.
 */
export class ResultCache implements QueryResultCache {
  readonly watch: WriteWatch;
  readonly #dataSource: DataSource;
  readonly #open: () => QueryCache;
  readonly #statements: Statements;
  readonly #parameters: ParameterNotes;
  #queries: QueryCache;
  #refused = new BoundedMap<string, true>(REFUSED_STATEMENTS);
  /** By statement, id and duration. */
  #places = new BoundedMap<string, QueryPlace>(PLACES);

  /** @param open opens the cache of the database; with another name each time for a database that does not last */
  constructor(dataSource: DataSource, open: () => QueryCache) {
    this.#dataSource = dataSource;
    this.#open = open;
    this.#queries = open();
    const queries = (): QueryCache => this.#queries;
    const scopes = new TransactionScopes(dataSource, queries);
    this.#parameters = new ParameterNotes(dataSource);
    this.#statements = new Statements(dataSource);
    this.watch = new WriteWatch({ dataSource, statements: this.#statements, scopes, queries });
    waitForInvalidations(dataSource, this.watch);
  }

  /** Lets the cache give back instances of the entities. */
  addTypes(classes: readonly unknown[]): void {
    this.#queries.addTypes(classes);
  }

  async connect(): Promise<void> {
    this.#queries = this.#open();
    // The entities may be others.
    this.#refused = new BoundedMap(REFUSED_STATEMENTS);
    this.#places = new BoundedMap(PLACES);
  }

  async disconnect(): Promise<void> {
    // The cache belongs to the application, and stays open.
  }

  async synchronize(): Promise<void> {
    // The statements that changed the schema have invalidated what reads the tables.
  }

  async getFromCache(
    { identifier, query = '', duration }: QueryResultCacheOptions,
    queryRunner?: QueryRunner,
  ): Promise<QueryResultCacheOptions | undefined> {
    const { sql, parameters } = this.#parameters.statementOf(query);
    if (queryRunner === undefined || this.#queries.isBypassed) return undefined;
    const state = this.watch.stateOf(queryRunner);
    const facts = this.#statements.factsOf(sql);
    const id = readId(identifier);
    if (state.isBypassed || this.#isRefused(facts, id)) return undefined;
    const begun = { sql, facts, id, transactions: state.transactions };
    const place = this.#placeOf(begun, duration);
    if (place === undefined) return undefined;
    const answer = this.#queries.openAt(place, [parameters]);
    const opened = answer instanceof Promise ? await answer : answer;
    if (opened.state === 'cached')
      return typeof opened.result === 'string' ? { duration, result: opened.result } : undefined;
    const result = new OpenResult(begun, opened);
    state.addOpen(result);
    return result;
  }

  isExpired(saved: QueryResultCacheOptions): boolean {
    return saved instanceof OpenResult;
  }

  async storeInCache(
    { result }: QueryResultCacheOptions,
    saved: QueryResultCacheOptions | undefined,
    queryRunner?: QueryRunner,
  ): Promise<void> {
    if (!(saved instanceof OpenResult) || queryRunner === undefined) return;
    const state = this.watch.stateOf(queryRunner);
    // Databases with one connection share it: a transaction of another call may have shown the query its rows.
    const isOfOthers = state.isBypassed || state.transactions !== saved.begun.transactions;
    if (isOfOthers) state.drop(saved);
    else if (state.take(saved)) await saved.store(result);
  }

  /** Removes the results of all queries of the data source. */
  async clear(): Promise<void> {
    await this.#queries.clear();
  }

  /** Removes the results of queries with these ids, also of those that TypeORM has derived from them. */
  async remove(identifiers: string[], queryRunner?: QueryRunner): Promise<void> {
    const tags = identifiers.flatMap((identifier) =>
      readId(identifier)
        .ids.slice(0, 1)
        .map((id) => this.#queries.tagOfId(id)),
    );
    const state = queryRunner && this.watch.stateOf(queryRunner);
    if (state?.isInTransaction === true) state.keep([], tags);
    else await this.#queries.invalidateTags(tags);
  }

  /** A statement has run or failed. */
  async ran(event: AfterQueryEvent): Promise<void> {
    const state = this.watch.stateOf(event.queryRunner);
    for (const open of state.openFor(event.query)) {
      const lost = event.success ? lostInJson(event.rawResults) : undefined;
      if (event.success && lost === undefined) continue;
      state.drop(open);
      if (lost !== undefined) this.#refuse(open.begun, `its result has ${lost}, which JSON does not give back`);
    }
    await this.watch.ran(event);
  }

  #placeOf({ facts, id }: BegunQuery, duration: number): QueryPlace | undefined {
    const name = `${facts.digest} ${duration} ${id.given}`;
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    const place = this.#queries.place({
      identity: [facts.digest, id.ids[0]],
      tables: facts.tables,
      named: id.tables,
      tags: [...id.tags, ...id.ids.map((one) => this.#queries.tagOfId(one))],
      ...(duration === NO_DURATION ? {} : { ttl: duration === Infinity ? 'forever' : duration }),
    });
    return place && this.#places.put(name, place);
  }

  #isRefused(facts: StatementFacts, id: ReadId): boolean {
    if (this.#refused.get(nameOf(facts, id)) === true) return true;
    const reason = this.#reasonAgainst(facts, id);
    if (reason !== undefined) this.#refuse({ facts, id }, reason);
    return reason !== undefined;
  }

  #reasonAgainst({ effect, hasEntity, opaqueView, tables }: StatementFacts, id: ReadId): string | undefined {
    if (effect !== 'none') return 'it does more than read';
    if (tables.includes(this.#dataSource.options.migrationsTableName ?? 'migrations'))
      return 'it reads which migrations were run';
    if (id.tables.length > 0) return undefined;
    if (opaqueView !== undefined)
      return `the view \`${opaqueView}\` does not say what it reads. Add \`dependsOn: [...]\` to its @ViewEntity`;
    if (!hasEntity) return `no entity has its table. Name what it reads: ${NAMED}`;
    return undefined;
  }

  /** Does not cache the query again, and reports the reason, unless TypeORM asks for all queries anyway. */
  #refuse({ facts, id }: Pick<BegunQuery, 'facts' | 'id'>, reason: string): void {
    this.#refused.put(nameOf(facts, id), true);
    const { cache } = this.#dataSource.options;
    if (typeof cache === 'object' && cache.alwaysEnabled === true) return;
    const tables = facts.tables.length === 0 ? 'no table' : facts.tables.map((table) => `\`${table}\``).join(', ');
    this.#queries.refuse(`A query on ${tables} was not cached, because ${reason}.`);
  }
}

const NAMED = "`.cache(cacheId('report', { tables: ['legacy_orders'] }))`";

/** The name of a query among those that are refused. */
function nameOf({ digest }: StatementFacts, { tables }: ReadId): string {
  return `${digest}${tables.length}`;
}

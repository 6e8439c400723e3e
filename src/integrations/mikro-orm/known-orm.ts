import { type EntityManager, RequestContext, TransactionContext } from '@mikro-orm/core';
import type { EntityMetadata } from '@mikro-orm/core';

/** What the cache knows of the MikroORM instance that it belongs to. */
export interface OrmFacts {
  readonly config: EntityManager['config'];
  readonly database: string;
  readonly entities: readonly EntityMetadata[];
  /** True where filters of the configuration may apply to every entity. */
  readonly hasFilters: boolean;
}

/**
 * The MikroORM instance that the adapter and the subscriber belong to. The port passes it to neither of them: it is
 * found by the first event, or by the context of a request.
 */
export class KnownOrm {
  /** The subscriber that must be registered: without it, no write would invalidate anything. */
  subscriber: object | undefined;
  #facts: OrmFacts | undefined;
  #isShared = false;

  /** True after events of two instances. */
  get isShared(): boolean {
    return this.#isShared;
  }

  /** Remembers the instance that an event comes from. */
  learn(em: EntityManager): void {
    if (this.#facts?.config === em.config) return;
    if (this.#facts !== undefined) this.#isShared = true;
    this.#facts = factsOf(em);
  }

  forget(): void {
    this.#facts = undefined;
  }

  /** The facts; `undefined` until there was an event, or a context whose entity manager has the subscriber. */
  get facts(): OrmFacts | undefined {
    if (this.#facts === undefined) {
      const own = contextManagers().find((em) => this.#isOwn(em));
      if (own !== undefined) this.learn(own);
    }
    return this.#facts;
  }

  /** True where there is a context, and no entity manager in it has the subscriber. */
  get isSubscriberLost(): boolean {
    const managers = contextManagers();
    return managers.length > 0 && !managers.some((em) => this.#isOwn(em));
  }

  #isOwn(em: EntityManager): boolean {
    return (em.getEventManager().getSubscribers() as ReadonlySet<object | undefined>).has(this.subscriber);
  }
}

function contextManagers(): EntityManager[] {
  const transaction = TransactionContext.currentTransactionContext()?.em;
  const request = RequestContext.currentRequestContext();
  const managers = [...((request as { map?: Map<string, EntityManager> } | undefined)?.map?.values() ?? [])];
  return transaction === undefined ? managers : [transaction, ...managers];
}

function factsOf(em: EntityManager): OrmFacts {
  const { config } = em;
  const address = ['host', 'port', 'dbName', 'schema'].map((name) => String(config.get(name as 'host')));
  // The address of a server may hold a password, and keys are shown to people.
  const url = String(config.get('clientUrl')).replace(/\/\/[^@/]*@/, '//');
  return {
    config,
    database: [em.getDriver().constructor.name, url, ...address].join(' '),
    entities: [...em.getMetadata()],
    hasFilters: Object.keys(config.get('filters')).length > 0,
  };
}

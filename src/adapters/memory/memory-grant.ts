import type { EntryDraft, LoadGrant, LoadTicket, StoredEntry } from '../../core/ports/cache-adapter.port.js';
import type { OpenLoad } from './load-registry.js';

/** The end of the loads of a grant, in the adapter. */
export interface GrantEnd {
  /** Stores the results whose loads are still open. Throws before any change. */
  commit(drafts: readonly EntryDraft[], loadOf: (key: string) => OpenLoad | undefined): (StoredEntry | undefined)[];
  release(load: OpenLoad): void;
}

/** The right to store the results of some loads, until `commit` or `release`. */
export class MemoryGrant implements LoadGrant {
  readonly tickets: readonly LoadTicket[];
  readonly #loads: readonly OpenLoad[];
  readonly #end: GrantEnd;

  constructor(tickets: readonly LoadTicket[], loads: readonly OpenLoad[], end: GrantEnd) {
    this.tickets = tickets;
    this.#loads = loads;
    this.#end = end;
  }

  commit(drafts: readonly EntryDraft[]): (StoredEntry | undefined)[] {
    const loadOf = new Map(this.#loads.map((load) => [load.key, load]));
    const stored = this.#end.commit(drafts, (key) => loadOf.get(key));
    this.release();
    return stored;
  }

  release(): void {
    for (const load of this.#loads) this.#end.release(load);
  }
}

import type { EntryDraft, LoadGrant, LoadTicket, StoredEntry } from '../../core/ports/cache-adapter.port.js';
import type { EncodedDraft, EntryEncoder } from './entry-encoder.js';
import type { EntryReader } from './entry-reader.js';
import type { HeldLeases, LeaseKeeper } from './lease-keeper.js';
import { releaseLease } from './store/leases.js';
import type { StoreSession, Write } from './store/store-session.js';

export interface GrantSettings {
  readonly encoder: EntryEncoder;
  readonly reader: EntryReader;
  readonly leases: LeaseKeeper;
  readonly write: Write;
  readonly isClosed: () => boolean;
}

/** The loads of one call. */
export interface OpenLoads {
  readonly tickets: readonly LoadTicket[];
  readonly namespace: string | undefined;
  /** Keys whose results may be stored. */
  readonly granted: ReadonlySet<string>;
  /** The revision at which the loads began. */
  readonly revision: number;
  readonly held: HeldLeases | undefined;
}

/** The right to store the results of some loads, until it is used or given back. */
export class FileGrant implements LoadGrant {
  readonly tickets: readonly LoadTicket[];
  readonly #settings: GrantSettings;
  readonly #loads: OpenLoads;
  #isEnded = false;

  constructor(settings: GrantSettings, loads: OpenLoads) {
    this.#settings = settings;
    this.#loads = loads;
    this.tickets = loads.tickets;
    if (loads.held !== undefined) settings.leases.keep(loads.held);
  }

  async commit(drafts: readonly EntryDraft[]): Promise<(StoredEntry | undefined)[]> {
    const { encoder, reader, write } = this.#settings;
    const { namespace } = this.#loads;
    const encoded = await encoder.encode(drafts, namespace);
    if (this.#isOver) return drafts.map(() => undefined);
    this.#end();
    const records = await write((session) => {
      const records = encoded.map((draft) =>
        this.#isRefused(session, draft) ? undefined : encoder.write(session, draft),
      );
      this.#releaseLeases(session);
      return records;
    });
    return Promise.all(encoded.map(async ({ id, key }, i) => reader.read(id, records[i], { key, namespace })));
  }

  async release(): Promise<void> {
    if (this.#isOver) return;
    this.#end();
    if (this.#loads.held !== undefined) await this.#settings.write((session) => this.#releaseLeases(session));
  }

  get #isOver(): boolean {
    return this.#isEnded || this.#settings.isClosed();
  }

  #end(): void {
    this.#isEnded = true;
    if (this.#loads.held !== undefined) this.#settings.leases.drop(this.#loads.held);
  }

  #isRefused(session: StoreSession, draft: EncodedDraft): boolean {
    return !this.#loads.granted.has(draft.key) || session.isRefused(this.#loads.revision, draft);
  }

  #releaseLeases({ writer }: StoreSession): void {
    const { held } = this.#loads;
    if (held === undefined) return;
    for (const id of held.ids) releaseLease(writer, id, held.token);
    writer.afterCommit(() => this.#settings.leases.released());
  }
}

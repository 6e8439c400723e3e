import { randomBytes } from 'node:crypto';
import type { LoadGrant, LoadRequest, LoadTicket } from '../../core/ports/cache-adapter.port.js';
import type { Clock } from '../../core/ports/clock.port.js';
import type { EncodedEntry } from '../../core/values/encoded-entry.js';
import { FileGrant, type GrantSettings } from './file-grant.js';
import { readHead } from './store/entry-record.js';
import type { FileKeys } from './store/file-keys.js';
import { LEASE_TOKEN_BYTES, takeLease } from './store/leases.js';
import type { StoreView } from './store/ordered-store.port.js';
import { readState } from './store/store-state.js';

export interface OpenerSettings extends GrantSettings {
  readonly keys: FileKeys;
  readonly clock: Clock;
  readonly view: () => StoreView;
}

interface Wanted {
  readonly key: string;
  readonly id: Buffer;
}

/** The state of one key when its load began. */
interface Look extends Wanted {
  readonly record: Buffer | undefined;
  readonly state: LoadTicket['state'];
}

interface Beginning {
  readonly revision: number;
  readonly looks: readonly Look[];
}

/** Opens loads: remembers the revision at which they begin, and elects who loads. */
export class LoadOpener {
  readonly #settings: OpenerSettings;

  constructor(settings: OpenerSettings) {
    this.#settings = settings;
  }

  async open(keys: readonly string[], namespace: string | undefined, request: LoadRequest): Promise<LoadGrant> {
    const wanted = keys.map((key) => ({ key, id: this.#settings.keys.entry(key, namespace) }));
    if (request.purpose === 'write') return this.#grant(await this.#beginWrite(wanted, namespace), namespace);
    const beginning = this.#begin(this.#settings.view(), wanted, request, () => true);
    if (!request.exclusive || beginning.looks.every(({ state }) => state === 'found'))
      return this.#grant(beginning, namespace);
    const token = randomBytes(LEASE_TOKEN_BYTES);
    const { clock, write } = this.#settings;
    const elected = await write(({ writer }) =>
      this.#begin(writer, wanted, request, (id) => takeLease(writer, id, token, clock.wallMs())),
    );
    return this.#grant(elected, namespace, token);
  }

  /** Refuses all other loads of the keys, whose results this write replaces. */
  #beginWrite(wanted: readonly Wanted[], namespace: string | undefined): Promise<Beginning> {
    return this.#settings.write((session) => ({
      revision: session.invalidate({ kind: 'keys', keys: wanted.map(({ key }) => key), namespace }),
      looks: wanted.map((each) => ({ ...each, record: session.find(each.id)?.record, state: 'granted' })),
    }));
  }

  /** @param isElected called for each key that is not fresh; false if another process loads it */
  #begin(
    view: StoreView,
    wanted: readonly Wanted[],
    { purpose }: LoadRequest,
    isElected: (id: Buffer) => boolean,
  ): Beginning {
    const wallMs = this.#settings.clock.wallMs();
    const looks = wanted.map(({ key, id }) => {
      const record = view.get('entries', id);
      const isFresh = record !== undefined && wallMs < (readHead(record)?.freshUntilWallMs ?? 0);
      const isFound = purpose === 'load' && isFresh;
      return { key, id, record, state: isFound ? 'found' : isElected(id) ? 'granted' : 'held' } as const;
    });
    return { revision: readState(view).revision, looks };
  }

  async #grant({ revision, looks }: Beginning, namespace: string | undefined, token?: Buffer): Promise<LoadGrant> {
    const { reader, leases } = this.#settings;
    const entries = await Promise.all(
      looks.map(async ({ id, record, key }) => reader.read(id, record, { key, namespace })),
    );
    const tickets = looks.map((look, i) => ticketFor(look, entries[i], () => leases.untilFree(look.id)));
    const granted = looks.filter((_, i) => tickets[i]?.state === 'granted');
    const leased = looks.filter(({ state }) => state === 'granted').map(({ id }) => id);
    return new FileGrant(this.#settings, {
      tickets,
      namespace,
      granted: new Set(granted.map(({ key }) => key)),
      revision,
      held: token === undefined || leased.length === 0 ? undefined : { ids: leased, token },
    });
  }
}

function ticketFor({ state }: Look, entry: EncodedEntry | undefined, untilFree: () => Promise<void>): LoadTicket {
  if (state === 'held') return { state, settled: untilFree() };
  // An entry that cannot be read is loaded again.
  if (state === 'found' && entry !== undefined) return { state, entry };
  return { state: 'granted', ...(entry === undefined ? {} : { current: entry }) };
}

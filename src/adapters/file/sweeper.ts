import type { Clock, Timer } from '../../core/ports/clock.port.js';
import { expiryBound } from './store/entry-record.js';
import { isLeased, removeLostLeases } from './store/leases.js';
import type { StoreView } from './store/ordered-store.port.js';
import type { Write } from './store/store-session.js';
import { readState } from './store/store-state.js';

export interface SweeperSettings {
  readonly clock: Clock;
  readonly view: () => StoreView;
  readonly write: Write;
  readonly onError: (error: unknown) => void;
}

const FIRST = Buffer.of(0);
const SWEEP_EVERY_MS = 1_000;
/** Entries that one transaction removes: a few milliseconds. */
const SLICE = 400;
/** Leases that one sweep checks; the next sweep checks those after them. */
const LEASES = 100;
/** Shortest time that marks are kept, and so the longest load whose result is stored in any case. */
const KEEP_MARKS_MS = 10 * 60_000;

/** Frees expired entries, and leases and marks that no load needs any more. */
export class Sweeper {
  readonly #settings: SweeperSettings;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #leasesFrom = FIRST;

  constructor(settings: SweeperSettings) {
    this.#settings = settings;
    this.#schedule();
  }

  /** Stops the timer, and waits for a running sweep. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#running;
  }

  #schedule(): void {
    this.#timer = this.#settings.clock.schedule(SWEEP_EVERY_MS, () => {
      this.#running = this.#sweep().catch(this.#settings.onError);
      void this.#running.then(() => this.#timer && this.#schedule());
    });
  }

  /** Returns the entries of the leases that this sweep checks. */
  #nextLeases(view: StoreView): Buffer[] {
    const ids = view.range('leases', { start: this.#leasesFrom, limit: LEASES }).map(({ key }) => key);
    this.#leasesFrom = ids.length < LEASES ? FIRST : Buffer.concat([ids.at(-1) as Buffer, FIRST]);
    return ids;
  }

  /** Reads first, and takes the lock of writers only if there is something to remove. */
  async #sweep(): Promise<void> {
    const { clock, view, write } = this.#settings;
    const wallMs = clock.wallMs();
    const now = view();
    const hasExpired = now.range('expiry', { start: FIRST, end: expiryBound(wallMs), limit: 1 }).length > 0;
    const lost = this.#nextLeases(now).filter((id) => !isLeased(now, id, wallMs));
    if (lost.length > 0) await write(({ writer }) => removeLostLeases(writer, lost, wallMs));
    for (let removed = hasExpired ? SLICE : 0; removed === SLICE;)
      removed = await write((session) => session.removeExpired(SLICE));
    if (isDue(readState(view()).rotatedAtWallMs, wallMs))
      await write((session) => {
        // Another process may have been first.
        if (isDue(session.state.rotatedAtWallMs, wallMs)) session.rotateMarks();
      });
  }
}

/** True also after the wall clock was set back: otherwise marks would be kept until it has caught up. */
function isDue(rotatedAtWallMs: number, wallMs: number): boolean {
  return Math.abs(wallMs - rotatedAtWallMs) > KEEP_MARKS_MS;
}

import { isObservable, type Subscription } from 'rxjs';
import type { CacheEvent } from '../../core/observation/cache-events.js';
import { CacheConfigError, type CacheError } from '../../core/vocabulary/cache.errors.js';
import type { CacheService } from '../../core/cache.service.js';
import { show } from '../../core/vocabulary/show.js';

/** Keeps what caches tell, for tests to look at. */
export interface RecordingObserver {
  /** What happened in the observed caches, in its order. */
  readonly events: readonly CacheEvent[];
  /** The faults among it, and those that `onError` was given; each once. */
  readonly errors: readonly CacheError[];
  /** For the option of that name: hears of faults also while the cache is being opened. */
  readonly onError: (error: CacheError) => void;
  /** Listens to a cache, until it or this is closed. @throws CacheConfigError for what is no cache */
  observe(cache: CacheService): RecordingObserver;
  /** The events of that type. */
  eventsOf<T extends CacheEvent['type']>(type: T): (CacheEvent & { readonly type: T })[];
  /** The events that name the key. */
  eventsAbout(key: string): CacheEvent[];
  /** Forgets events and errors, and goes on listening. */
  clear(): void;
  /** Listens no more. */
  close(): void;
}

/** An observer that listens to nothing yet. */
export function recordingObserver(): RecordingObserver {
  return new Recorder();
}

class Recorder implements RecordingObserver {
  readonly events: CacheEvent[] = [];
  readonly errors: CacheError[] = [];
  readonly #subscriptions: Subscription[] = [];

  readonly onError = (error: CacheError): void => {
    if (!this.errors.includes(error)) this.errors.push(error);
  };

  observe(cache: CacheService): this {
    if (!isObservable((cache as Partial<CacheService> | undefined)?.events)) {
      throw new CacheConfigError(
        `Expected a CacheService to observe, got \`${show(cache)}\`. Write \`observe(app.get(CacheService))\`.`,
      );
    }
    this.#subscriptions.push(cache.events.subscribe({ next: (event) => this.#record(event) }));
    return this;
  }

  eventsOf<T extends CacheEvent['type']>(type: T): (CacheEvent & { readonly type: T })[] {
    return this.events.filter((event): event is CacheEvent & { readonly type: T } => event.type === type);
  }

  eventsAbout(key: string): CacheEvent[] {
    return this.events.filter(
      (event) => ('key' in event && event.key === key) || ('keys' in event && event.keys.includes(key)),
    );
  }

  clear(): void {
    this.events.length = 0;
    this.errors.length = 0;
  }

  close(): void {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
  }

  #record(event: CacheEvent): void {
    this.events.push(event);
    if (event.type === 'error') this.onError(event.error);
  }
}

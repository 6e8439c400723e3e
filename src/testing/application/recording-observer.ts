import { isObservable, type Subscription } from 'rxjs';
import type { CacheEvent } from '../../core/observation/cache-events.js';
import { CacheConfigError, type CacheError } from '../../core/vocabulary/cache.errors.js';
import type { CacheService } from '../../core/cache.service.js';
import { show } from '../../core/vocabulary/show.js';

/** Records the events and faults of caches, for a test to check. */
export interface RecordingObserver {
  /** Events of the observed caches, in their order. */
  readonly events: readonly CacheEvent[];
  /** Faults among the events, and those that `onError` got; each once. */
  readonly errors: readonly CacheError[];
  /** For the option `onError`: gets faults also while the cache is being opened. */
  readonly onError: (error: CacheError) => void;
  /**
   * Records a cache, until the cache or the observer is closed. @throws CacheConfigError for a value that is no cache
   */
  observe(cache: CacheService): RecordingObserver;
  /** Returns the events of one type. */
  eventsOf<T extends CacheEvent['type']>(type: T): (CacheEvent & { readonly type: T })[];
  /** Returns the events that name the key. */
  eventsAbout(key: string): CacheEvent[];
  /** Forgets the events and errors recorded so far, and goes on recording. */
  clear(): void;
  /** Ends the recording. */
  close(): void;
}

/**
 * Makes an observer that records no cache yet.
 * ```ts
 * const observer = recordingObserver().observe(app.get(CacheService));
 * ```
 */
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

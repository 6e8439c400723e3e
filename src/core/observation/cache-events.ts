import { type Observable, Subject } from 'rxjs';
import type { CacheError } from '../vocabulary/cache.errors.js';

/** An event in a cache, after the fact. `key` and `namespace` are those of the caller. */
export type CacheEvent =
  | { readonly type: 'hit' | 'stale' | 'miss'; readonly key: string; readonly namespace: string | undefined }
  | { readonly type: 'set' | 'evict'; readonly key: string; readonly namespace: string | undefined }
  | {
      readonly type: 'load';
      readonly key: string;
      readonly namespace: string | undefined;
      readonly durationMs: number;
      readonly isStored: boolean;
    }
  | {
      readonly type: 'load-failed';
      readonly key: string;
      readonly namespace: string | undefined;
      readonly durationMs: number;
      readonly error: unknown;
    }
  | {
      readonly type: 'delete';
      readonly keys: readonly string[];
      readonly namespace: string | undefined;
      readonly count: number;
    }
  | {
      readonly type: 'invalidate';
      readonly target: InvalidationSubject;
      readonly isSoft: boolean;
      readonly count: number;
    }
  | { readonly type: 'error'; readonly error: CacheError };

export type InvalidationSubject =
  | { readonly tags: readonly string[]; readonly mode: 'any' | 'all' }
  | { readonly namespace: string }
  | { readonly pattern: string; readonly namespace: string | undefined }
  | 'all';

/** The stream behind `CacheService.events`. */
export class CacheEventStream {
  readonly #subject = new Subject<CacheEvent>();
  readonly observable: Observable<CacheEvent> = this.#subject.asObservable();

  /** True while somebody listens. Check it before you make an event: without a listener an event must cost nothing. */
  get isObserved(): boolean {
    return this.#subject.observed;
  }

  emit(event: CacheEvent): void {
    this.#subject.next(event);
  }

  complete(): void {
    this.#subject.complete();
  }
}

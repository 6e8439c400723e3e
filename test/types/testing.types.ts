import type { CacheService } from '../../src/index.js';
import {
  CacheKitTestingModule,
  type FakeClock,
  fakeClock,
  faultyAdapter,
  memoryAdapter,
  provideTestCache,
  recordingObserver,
} from '../../src/testing/index.js';

// Compiled, never run: parameters and results of the testing kit.

declare const cache: CacheService;

export const clock: FakeClock = fakeClock();
export const modules = [
  CacheKitTestingModule.forRoot(),
  CacheKitTestingModule.forRoot({ mode: 'pass-through', clock, backend: 'redis', redis: { url: 'redis://localhost' } }),
  CacheKitTestingModule.forRoot({
    adapter: faultyAdapter(memoryAdapter({ maxEntries: 5 }), {
      get: { hang: true, on: [1, 2] },
      set: ({ number }) => (number > 1 ? { delay: '1s' } : undefined),
    }),
  }),
  // @ts-expect-error no such mode
  CacheKitTestingModule.forRoot({ mode: 'redis' }),
];
export const providers = [
  ...provideTestCache({ name: 'sessions' }),
  // @ts-expect-error a list of providers has no routes
  ...provideTestCache({ admin: { guards: [] } }),
];

// @ts-expect-error no such method
faultyAdapter(memoryAdapter(), { gett: { hang: true } });
// @ts-expect-error a fault is one of `error`, `hang`, `delay` and `answer`
faultyAdapter(memoryAdapter(), { get: {} });

const observer = recordingObserver().observe(cache);
export const keys: readonly string[] | undefined = observer.eventsOf('delete')[0]?.keys;
export const key: string | undefined = observer.eventsOf('hit')[0]?.key;
// @ts-expect-error no such event
observer.eventsOf('found');

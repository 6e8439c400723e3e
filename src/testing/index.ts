export type { AdapterUnderTest, ContractOptions, OpenAdapter } from './adapter-fixture.js';
export { describeCacheAdapter } from './cache-adapter.contract.js';
export { CacheKitTestingModule, provideTestCache } from './application/cache-kit-testing.module.js';
export type { CacheKitTestingOptions, TestCacheOptions } from './application/cache-kit-testing.module.js';
export { fakeClock } from './fake-clock.js';
export type { FakeClock } from './fake-clock.js';
export { passThrough } from '../nest/decorators/pass-through.js';

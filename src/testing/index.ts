export type { AdapterUnderTest, ContractOptions, OpenAdapter } from './adapter-fixture.js';
export { describeCacheAdapter } from './cache-adapter.contract.js';
export { FakeClock } from './fake-clock.js';

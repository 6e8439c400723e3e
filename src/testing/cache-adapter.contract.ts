import {
  AdapterFixture,
  type ContractOptions,
  type ContractTest,
  type OpenAdapter,
  type TestRunner,
} from './adapter-fixture.js';
import { describeEntries } from './entries.contract.js';
import { describeInspection } from './inspection.contract.js';
import { describeInterleavings } from './interleavings.contract.js';
import { describeInvalidation } from './invalidation.contract.js';
import { describeFences, describeLoads } from './loads.contract.js';
import { describeValues } from './values.contract.js';

/**
 * Registers the contract of `CacheAdapter` as tests. An adapter is done when all of them pass. Uses `node:assert`, and
 * the `describe` and `it` that the test runner defines as globals.
 * ```ts
 * describeCacheAdapter('my adapter', (context) => {
 *   const clock = new FakeClock();
 *   return { adapter: new MyAdapter({ ...context, clock }), clock, pass: (ms) => clock.advance(ms) };
 * });
 * ```
 */
export function describeCacheAdapter(name: string, open: OpenAdapter, options: ContractOptions = {}): void {
  const { describe, it } = runner();
  const resolved = { isolatesValues: true, keepsTypes: false, usageLagMs: 0, seeds: 20, ...options };
  const test: ContractTest = (sentence, body) => {
    it(sentence, async () => {
      const fixture = await AdapterFixture.open(open, resolved);
      try {
        await body(fixture);
      } finally {
        await fixture.adapter.close();
      }
    });
  };
  describe(name, () => {
    describe('entries', () => describeEntries(test));
    describe('values', () => describeValues(test, resolved));
    describe('invalidation', () => describeInvalidation(test));
    describe('loads', () => describeLoads(test));
    describe('fences', () => describeFences(test));
    describe('inspection', () => describeInspection(test));
    describe('interleavings', () => describeInterleavings(test, resolved));
  });
}

function runner(): TestRunner {
  const { describe, it } = globalThis as Partial<TestRunner>;
  if (describe === undefined || it === undefined) {
    throw new Error(
      'Expected `describe` and `it` as globals, as Jest and Mocha give them; under Vitest set `globals: true`.',
    );
  }
  return { describe, it };
}

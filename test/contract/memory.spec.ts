import { MemoryAdapter } from '../../src/adapters/memory/memory.adapter.js';
import { describeCacheAdapter, fakeClock } from '../../src/testing/index.js';

for (const policy of ['adaptive', 'lru'] as const) {
  for (const isolation of ['clone', 'freeze', 'none'] as const) {
    describeCacheAdapter(
      `MemoryAdapter (${policy}, ${isolation})`,
      (context) => {
        const clock = fakeClock();
        const adapter = new MemoryAdapter(
          { maxEntries: 1000, maxBytes: 1024 ** 2, policy, isolation },
          { ...context, clock },
        );
        return { adapter, clock, pass: (ms) => clock.advance(ms) };
      },
      { isolatesValues: isolation !== 'none', keepsTypes: true },
    );
  }
}

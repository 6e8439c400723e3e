import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { describeCacheAdapter, fakeClock } from '../../src/testing/index.js';
import { byteStoreAdapter, type ByteStore } from './byte-store.adapter.js';

class MapStore implements ByteStore {
  readonly bytes = new Map<string, Buffer>();

  read(name: string): Promise<Buffer | undefined> {
    return Promise.resolve(this.bytes.get(name));
  }

  async write(name: string, bytes: Buffer): Promise<void> {
    this.bytes.set(name, bytes);
  }

  async remove(name: string): Promise<void> {
    this.bytes.delete(name);
  }
}

const stores: MapStore[] = [];

describeCacheAdapter(
  'the adapter of docs/writing-an-adapter.md',
  (context) => {
    const clock = fakeClock();
    const store = new MapStore();
    stores.push(store);
    return { adapter: byteStoreAdapter(store, { ...context, clock }), clock, pass: (ms) => clock.advance(ms) };
  },
  { keepsTypes: true },
);

it('leaves nothing in its store', () => {
  expect(stores.length).toBeGreaterThan(100);
  expect(stores.flatMap(({ bytes }) => [...bytes.keys()])).toEqual([]);
});

it('is the adapter that the page shows', () => {
  const code = readFileSync('test/contract/byte-store.adapter.ts', 'utf8').replaceAll(
    "'../../src/index.js'",
    "'nestjs-cache-kit'",
  );

  expect(readFileSync('docs/writing-an-adapter.md', 'utf8')).toContain(`\`\`\`ts\n${code}\`\`\``);
});

import { randomBytes } from 'node:crypto';
import * as zlib from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CacheSerializationError } from '../../vocabulary/cache.errors.js';
import { entry, extended, forged, signed } from '../codec.fixture.js';
import { createEntryCodec, decodeEntry, encodeEntry, headerEnd, readEntryHeader, type EntryCodec } from '../codec.js';
import type { CompressionAlgorithm } from './sealing-compression.js';
import { readCompression, readEncryption } from './sealing-options.js';
import { fingerprint, storable, VALUE_KINDS } from '../value-kinds.fixture.js';

const K1 = { id: 'k1', secret: 'the first secret of all' };
const K2 = { id: 'k2', secret: 'the secret after that one' };
const ALGORITHMS: readonly CompressionAlgorithm[] = [
  'gzip',
  'br',
  ...('zstdCompressSync' in zlib ? ['zstd' as const] : []),
];
const HEADER = '["k",null,[],0,0,0,0]';
const rows = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ id, name: `name ${id % 7}`, isActive: id % 3 === 0 }));

const plain = codec({});
const sealed = codec({ keys: [K1] });
const COMBINATIONS: readonly (readonly [name: string, codec: EntryCodec])[] = [
  ['neither', plain],
  ['encryption', sealed],
  ...ALGORITHMS.flatMap((algorithm) => [
    [`compression by ${algorithm}`, codec({ algorithm })] as const,
    [`compression by ${algorithm} and encryption`, codec({ algorithm, keys: [K1] })] as const,
  ]),
];
const SEALED = COMBINATIONS.filter(([name]) => name.includes('encryption'));

describe.each(COMBINATIONS)('with %s', (_name, both) => {
  it.each(VALUE_KINDS)('%s comes back as it was stored', async (_kind, make) => {
    const value = make();

    const opened = await both.open(await both.encode({ ...entry, value }), entry);

    expect(fingerprint(opened?.value())).toBe(fingerprint(value));
    expect(fingerprint(opened?.value())).toBe(fingerprint(value));
  });

  it('anything that can be stored comes back', async () => {
    await fc.assert(
      fc.asyncProperty(storable, async (value) => {
        const opened = await both.open(await both.encode({ ...entry, value }));
        expect(fingerprint(opened?.value())).toBe(fingerprint(value));
      }),
      { numRuns: 200 },
    );
  });

  it.each([10, 100, 3000])('%d rows come back with every field of the entry', async (count) => {
    const opened = await both.open(await both.encode({ ...entry, value: rows(count), ttlMs: Infinity }), entry);

    const { value: _value, ...header } = entry;
    expect(opened?.header).toEqual({ ...header, ttlMs: Infinity });
    expect(opened?.value()).toEqual(rows(count));
  });

  it('the header can be read without a key', async () => {
    const bytes = await both.encode(entry);

    expect(readEntryHeader(bytes.subarray(0, headerEnd(bytes)))).toEqual({ ...entry, value: undefined });
  });

  it('an entry is a miss for a reader of another key', async () => {
    const bytes = await both.encode({ ...entry, value: rows(100) });

    expect(await both.open(bytes, { key: 'user:2', namespace: 'shop' })).toBeUndefined();
    expect(await both.open(bytes, { key: 'user:1', namespace: undefined })).toBeUndefined();
  });

  it('any one bit changed is a miss', async () => {
    const bytes = await both.encode({ ...entry, value: rows(3) });

    for (const changed of flipped(bytes)) expect(await both.open(changed)).toBeUndefined();
  });

  it('is a miss cut off anywhere, whatever the checksum', async () => {
    const bytes = await both.encode({ ...entry, value: rows(3) });

    for (let length = 0; length < bytes.length; length++)
      expect(await both.open(bytes.subarray(0, length))).toBeUndefined();
    for (let length = 0; length < bytes.length - 4; length++)
      expect(await both.open(signed(bytes.subarray(0, length)))).toBeUndefined();
  });

  it('random bytes are a miss and never an exception', async () => {
    const bytes = await both.encode({ ...entry, value: rows(3) });
    const start = headerEnd(bytes);
    const noise = fc.uint8Array({ maxLength: 200 }).map((content) => Buffer.from(content));
    const anything = fc.oneof(
      noise,
      noise.map((content) => signed(Buffer.concat([bytes.subarray(0, 8), content]))),
      noise.map((content) => signed(Buffer.concat([bytes.subarray(0, start), content]))),
      noise.map((content) => signed(Buffer.concat([bytes.subarray(0, start + 8), content]))),
      fc.tuple(noise, fc.nat(3)).map(([content, flags]) => forged(HEADER, content, flags)),
    );

    await fc.assert(
      fc.asyncProperty(anything, async (input) => {
        const opened = await both.open(input);
        expect(() => opened?.value()).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });

  it('a value that cannot be stored is refused at once', () => {
    expect(() => both.encode({ ...entry, value: { a: () => 1 } })).toThrow(CacheSerializationError);
  });

  it.each([
    ['that gets smaller', Buffer.alloc(100_000, 7)],
    ['that does not', randomBytes(100_000)],
  ])('a buffer %s is stored as it was when it was given', async (_kind, value) => {
    const before = Buffer.from(value);

    const encoding = both.encode({ ...entry, value });
    value.fill(0);

    const opened = await both.open(await encoding);
    expect(before.equals(opened?.value() as Buffer)).toBe(true);
  });
});

describe.each(SEALED)('sealed by %s', (name, both) => {
  it('an entry is a miss with any one bit changed, although the checksum is right', async () => {
    const bytes = await both.encode({ ...entry, value: rows(5) });

    for (const changed of flipped(bytes.subarray(0, -4))) expect(await both.open(signed(changed))).toBeUndefined();
    expect((await both.open(signed(bytes.subarray(0, -4))))?.value()).toEqual(rows(5));
    expect(bytes[3]).toBe(name === 'encryption' ? 2 : 3);
  });

  it.each([
    ['key', { key: 'user:2' }],
    ['namespace', { namespace: 'Shop' }],
    ['absence of a namespace', { namespace: undefined }],
    ['tags', { tags: ['users'] }],
    ['time of storing', { createdAtMs: entry.createdAtMs + 1 }],
    ['TTL', { ttlMs: Infinity }],
  ])('a value is a miss under another %s', async (_part, part) => {
    const bytes = await both.encode(entry);
    const other = await both.encode({ ...entry, ...part });

    const moved = signed(Buffer.concat([other.subarray(0, headerEnd(other)), bytes.subarray(headerEnd(bytes), -4)]));

    expect(readEntryHeader(moved)).toEqual({ ...entry, ...part, value: undefined });
    expect(await both.open(moved)).toBeUndefined();
  });

  it('nothing of the value is in the bytes, and no two writings are alike', async () => {
    const value = { card: '4000 1234 5678 9010'.repeat(5) };

    const [one, two] = await Promise.all([both.encode({ ...entry, value }), both.encode({ ...entry, value })]);

    expect(one.includes('4000')).toBe(false);
    expect(one.subarray(headerEnd(one) + 3, headerEnd(one) + 15)).not.toEqual(
      two.subarray(headerEnd(two) + 3, headerEnd(two) + 15),
    );
    expect(one.subarray(headerEnd(one) + 15)).not.toEqual(two.subarray(headerEnd(two) + 15));
  });

  it('an entry in clear is a miss, so that nobody can plant one', async () => {
    const planted = encodeEntry({ ...entry, value: { isAdmin: true } });

    expect(await both.open(planted)).toBeUndefined();
    expect(await both.open(compressed('gzip', Buffer.from('\x02true'.padEnd(200))))).toBeUndefined();
  });

  it('an entry is a miss without the key', async () => {
    const bytes = await both.encode(entry);

    expect(await plain.open(bytes)).toBeUndefined();
    expect(decodeEntry(bytes)).toBeUndefined();
    expect(await codec({ keys: [K2] }).open(bytes)).toBeUndefined();
    expect(await codec({ keys: [{ ...K2, id: 'k1' }] }).open(bytes)).toBeUndefined();
    expect(await codec({ keys: [{ ...K1, id: 'k2' }] }).open(bytes)).toBeUndefined();
  });

  it('the first key writes and all of them read', async () => {
    const old = await both.encode(entry);
    const rotated = codec({ keys: [K2, K1] });

    expect((await rotated.open(old))?.value()).toEqual(entry.value);
    expect(await both.open(await rotated.encode(entry))).toBeUndefined();
    expect((await codec({ keys: [K2] }).open(await rotated.encode(entry)))?.value()).toEqual(entry.value);
  });
});

describe('compression', () => {
  it.each(ALGORITHMS)('is read by %s where none is configured', async (algorithm) => {
    const bytes = await codec({ algorithm }).encode({ ...entry, value: rows(100) });

    expect(bytes[3]).toBe(1);
    expect((await plain.open(bytes))?.value()).toEqual(rows(100));
  });

  it('leaves alone what is not above the threshold', async () => {
    const at = (length: number) => codec({ threshold: 200 }).encode({ ...entry, value: 'x'.repeat(length - 1) });

    expect((await at(200))[3]).toBe(0);
    expect((await at(201))[3]).toBe(1);
  });

  it.each([1000, 100_000])('leaves alone %d bytes that would not get smaller', async (length) => {
    const value = randomBytes(length);

    const bytes = await codec({ threshold: 1 }).encode({ ...entry, value });

    expect(bytes.equals(encodeEntry({ ...entry, value }))).toBe(true);
  });

  it.each(ALGORITHMS)(
    'answers at once for small values, and by %s off the event loop for large ones',
    async (algorithm) => {
      const { encode, open } = codec({ algorithm });

      expect(encode({ ...entry, value: rows(100) })).toBeInstanceOf(Buffer);
      const large = encode({ ...entry, value: rows(3000) });
      expect(large).toBeInstanceOf(Promise);
      expect(open(await large)).toBeInstanceOf(Promise);
    },
  );

  it('is laid out as documented', async () => {
    const bytes = await codec({ algorithm: 'br', threshold: 1 }).encode({ ...entry, value: 'x'.repeat(300) });

    const start = headerEnd(bytes);
    expect([bytes[3], bytes[start], bytes.readUInt32LE(start + 1)]).toEqual([1, 2, 301]);
    expect(zlib.brotliDecompressSync(bytes.subarray(start + 5, -4)).toString()).toBe(`\x01${'x'.repeat(300)}`);
  });

  it.each([...ALGORITHMS, 'unheard of' as const])(
    'by %s is a miss where the length is not the true one',
    async (algorithm) => {
      const value = Buffer.from(`\x01${'x'.repeat(99)}`);

      for (const length of [0, 1, 99, 101, 70_000, 2 ** 26 + 1, 2 ** 32 - 1])
        expect(await plain.open(compressed(algorithm, value, length))).toBeUndefined();
      expect((await plain.open(compressed(algorithm, value)))?.value()).toBe(
        algorithm === 'unheard of' ? undefined : 'x'.repeat(99),
      );
    },
  );

  it.each(ALGORITHMS)('by %s is a miss where the bytes inside are forged', async (algorithm) => {
    for (const value of [
      Buffer.from('\x02{'),
      Buffer.from('\x09true'),
      extended('{"$":["ref",0]}'),
      Buffer.alloc(70_000, 2),
    ]) {
      expect(await plain.open(compressed(algorithm, value))).toBeUndefined();
    }
  });

  it.each(ALGORITHMS)('by %s takes no more memory than was said, however much is inside', async (algorithm) => {
    const bombs = [100, 70_000].map((length) => compressed(algorithm, Buffer.alloc(2 ** 26, 1), length));
    const before = process.memoryUsage().arrayBuffers;

    const opened = await Promise.all(bombs.map(async (bomb) => plain.open(bomb)));

    expect(opened).toEqual([undefined, undefined]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 23);
  });
});

describe('encryption', () => {
  it('is laid out as documented', async () => {
    const bytes = await sealed.encode({ ...entry, value: 'secret' });

    const start = headerEnd(bytes);
    expect([bytes[3], bytes[start], bytes.toString('latin1', start + 1, start + 3)]).toEqual([2, 2, 'k1']);
    expect(bytes.length).toBe(start + 1 + 2 + 12 + '\x01secret'.length + 16 + 4);
  });

  it('answers at once', () => {
    const bytes = sealed.encode({ ...entry, value: rows(3000) }) as Buffer;

    expect(bytes).toBeInstanceOf(Buffer);
    expect(sealed.open(bytes)).not.toBeInstanceOf(Promise);
  });
});

function codec({
  algorithm,
  keys,
  threshold = 64,
}: {
  algorithm?: CompressionAlgorithm;
  keys?: { id: string; secret: string }[];
  threshold?: number;
}): EntryCodec {
  const isCompressing = algorithm !== undefined || threshold !== 64;
  return createEntryCodec({
    compression: isCompressing ? readCompression({ threshold, algorithm }) : undefined,
    encryption: keys && readEncryption({ keys }),
  });
}

function* flipped(bytes: Buffer): Generator<Buffer> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    yield changed;
  }
}

/** An entry whose value is compressed, and is said to have been of `length`. */
function compressed(algorithm: CompressionAlgorithm | 'unheard of', value: Buffer, length = value.length): Buffer {
  const [id, pack] = {
    gzip: [1, zlib.gzipSync] as const,
    br: [2, fastBrotli] as const,
    zstd: [3, (zlib as unknown as { zstdCompressSync: (bytes: Buffer) => Buffer }).zstdCompressSync] as const,
    'unheard of': [9, zlib.gzipSync] as const,
  }[algorithm];
  const prefix = Buffer.from([id, 0, 0, 0, 0]);
  prefix.writeUInt32LE(length, 1);
  return forged(HEADER, Buffer.concat([prefix, pack(value)]), 1);
}

function fastBrotli(value: Buffer): Buffer {
  return zlib.brotliCompressSync(value, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } });
}

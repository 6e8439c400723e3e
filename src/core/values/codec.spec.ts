import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CacheSerializationError } from '../vocabulary/cache.errors.js';
import { entry, extended, forged, signed } from './codec.fixture.js';
import {
  createEntryCodec,
  decodeEntry,
  decodeValue,
  encodeEntry,
  encodeValue,
  headerEnd,
  readEntryHeader,
  type Envelope,
  type OpenEnvelope,
} from './codec.js';
import { fingerprint, graphs, nested, storable, VALUE_KINDS } from './value-kinds.fixture.js';

describe.each(VALUE_KINDS)('%s', (_name, make) => {
  it('comes back as it was stored', () => {
    const value = make();

    expect(fingerprint(roundTrip(value))).toBe(fingerprint(value));
  });

  it('pollutes no prototype', () => {
    roundTrip(make());

    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('encodeEntry', () => {
  it('keeps every field', () => {
    expect(decodeEntry(encodeEntry(entry))).toEqual(entry);
  });

  it.each<Partial<Envelope>>([
    { namespace: undefined },
    { namespace: '' },
    { ttlMs: Infinity, staleMs: Infinity },
    { tags: [] },
    { key: 'ключ "1"\\', tags: ['ü', 'a,b'] },
  ])('keeps %j', (part) => {
    expect(decodeEntry(encodeEntry({ ...entry, ...part }))).toEqual({ ...entry, ...part });
  });

  it('keeps anything that can be stored', () => {
    fc.assert(
      fc.property(storable, (value) => expect(fingerprint(roundTrip(value))).toBe(fingerprint(value))),
      { numRuns: 1000 },
    );
  });

  it('keeps shared and circular references, whatever they run through', () => {
    fc.assert(
      fc.property(graphs, (value) => expect(fingerprint(roundTrip(value))).toBe(fingerprint(value))),
      { numRuns: 500 },
    );
  });

  it.each([
    ['a function', '$.a[0]', { a: [() => 1] }],
    ['too deep a value', '$', nested(1001)],
    ['far too deep a value', '$', nested(100_000)],
    ['a symbol', '$', Symbol('a')],
  ])('refuses %s', (_name, path, value) => {
    let refusal: unknown;
    try {
      encodeEntry({ ...entry, value });
    } catch (error) {
      refusal = error;
    }

    expect(refusal).toBeInstanceOf(CacheSerializationError);
    expect((refusal as CacheSerializationError).path.startsWith(path)).toBe(true);
  });

  it('writes plain data as plain JSON', () => {
    expect(encodeEntry({ ...entry, value: { a: [1, 'é', null] } }).includes('{"a":[1,"é",null]}')).toBe(true);
  });

  it('writes strings and bytes as they are', () => {
    expect(encodeValue('"quoted"').includes('"quoted"')).toBe(true);
    expect(encodeValue({ body: Buffer.from([1, 0, 255]) }).includes(Buffer.from([1, 0, 255]))).toBe(true);
    expect(encodeValue(Buffer.from([1, 0, 255])).length).toBe(4);
  });

  it('is laid out as documented', () => {
    const bytes = encodeEntry({ ...entry, namespace: undefined, tags: [], ttlMs: Infinity, value: true });

    const header = '["user:1",null,[],1700000000123,null,0,1.25]';
    const body = Buffer.concat([
      Buffer.from([0xca, 0xc4, 1, 0, header.length, 0, 0, 0]),
      Buffer.from(header),
      Buffer.from([2]),
      Buffer.from('true'),
    ]);
    expect(bytes.subarray(0, -4)).toEqual(body);
    expect(bytes.readUInt32LE(bytes.length - 4)).toBe(crc32(body));
  });
});

describe('decodeEntry', () => {
  const bytes = encodeEntry({ ...entry, value: { at: new Date(1), body: Buffer.from('abc'), error: new Error('x') } });

  it.each([
    ['another key', { key: 'user:2', namespace: 'shop' }],
    ['another namespace', { key: 'user:1', namespace: 'Shop' }],
    ['no namespace', { key: 'user:1', namespace: undefined }],
  ])('is a miss for a reader that asked for %s', (_name, id) => {
    expect(decodeEntry(bytes, id)).toBeUndefined();
  });

  it('is a hit for a reader that asked for this entry', () => {
    expect(decodeEntry(bytes, { key: 'user:1', namespace: 'shop' })?.key).toBe('user:1');
  });

  it('tells no namespace from an empty one', () => {
    expect(
      decodeEntry(encodeEntry({ ...entry, namespace: '' }), { key: 'user:1', namespace: undefined }),
    ).toBeUndefined();
  });

  it('is a miss with any one byte changed', () => {
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(index) ^ 0x10, index);
      expect(decodeEntry(changed)).toBeUndefined();
    }
  });

  it('is a miss cut off anywhere, and with bytes added', () => {
    for (let length = 0; length < bytes.length; length++)
      expect(decodeEntry(bytes.subarray(0, length))).toBeUndefined();
    expect(decodeEntry(Buffer.concat([bytes, Buffer.alloc(1)]))).toBeUndefined();
  });

  it.each([
    ['another marker', 0, 0x7b],
    ['a later version', 2, 2],
    ['the flag of what is not there', 3, 1],
    ['a flag of a later version', 3, 4],
    ['an unknown codec', bytes.readUInt32LE(4) + 8, 99],
  ])('is a miss with %s, although the checksum is right', (_name, index, byte) => {
    const other = signed(changed(bytes, index, byte).subarray(0, -4));

    expect(decodeEntry(other)).toBeUndefined();
    expect(createEntryCodec({}).open(other)).toBeUndefined();
  });

  it.each([
    '{}',
    '[]',
    'null',
    '[1,null,[],0,0,0,0]',
    '["k",1,[],0,0,0,0]',
    '["k",null,[1],0,0,0,0]',
    '["k",null,[],"0",0,0,0]',
    '["k",null,[],0,0,0]',
  ])('is a miss with the header %s', (header) => {
    expect(decodeEntry(forged(header, Buffer.from('\x02true')))).toBeUndefined();
  });

  it('is a miss with a header that is said to reach beyond the end', () => {
    const tooLong = forged('["k",null,[],0,0,0,0]', Buffer.from('\x02true'));
    tooLong.writeUInt32LE(0xffff_ffff, 4);

    expect(decodeEntry(signed(tooLong.subarray(0, -4)))).toBeUndefined();
  });

  it('reads what these tests forge', () => {
    expect(decodeEntry(forged('["k",null,[],0,0,0,0]', Buffer.from('\x02true')))?.value).toBe(true);
  });

  it.each([
    '{"$":["ref",0]}',
    '{"$":["ref","__proto__"]}',
    '{"$":["unheard of"]}',
    '{"$":5}',
    '{"$":null}',
    '{"$":[]}',
    '{"$":["buffer",0,1]}',
    '{"$":["buffer",-1,1]}',
    '[{"$":["buffer",0,0]},{"$":["buffer",1,0]}]',
    '{"$":["typed-array",0,0,"Function"]}',
    '{"$":["error","Object",[]]}',
    '{"$":["regexp","(","",0]}',
    '{"$":["bigint","x"]}',
    '{"$":["sparse",-1,[]]}',
    '{"$":["sparse",1,[["__proto__",{"polluted":1}]]]}',
    '{"$":["ref","constructor"]}',
    '{"$":["map",[1]]}',
    '{"$":["object",1',
    '['.repeat(200_000) + ']'.repeat(200_000),
  ])('is a miss with forged value %#', (text) => {
    expect(decodeEntry(forged('["k",null,[],0,0,0,0]', extended(text)))).toBeUndefined();
    expect(decodeValue(extended(text))).toBeUndefined();
  });

  it.each([
    '{"$":["object",{"__proto__":{"polluted":1}}]}',
    '{"__proto__":{"polluted":1},"a":{"$":["undefined"]}}',
    '{"$":["null",{"__proto__":{"polluted":1}}]}',
    '{"$":["error","Error",[["__proto__",true,{"polluted":1}]]]}',
  ])('changes no prototype for %s', (text) => {
    const value = decodeValue(extended(text))?.value as { polluted?: unknown };

    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(value.polluted).toBeUndefined();
  });

  it('never throws, whatever it is given', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((noise) => Buffer.from(noise)),
      fc.uint8Array({ maxLength: 200 }).map((noise) => signed(Buffer.concat([bytes.subarray(0, 8), noise]))),
      fc.uint8Array({ maxLength: 60 }).map((noise) => forged('["k",null,[],0,0,0,0]', Buffer.from(noise))),
      fc.tuple(fc.nat(), fc.nat(255)).map(([place, byte]) => {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(byte, place % bytes.length);
        return signed(changed.subarray(0, -4));
      }),
    );

    fc.assert(
      fc.property(anything, (input) => expect(() => [decodeEntry(input), decodeValue(input)]).not.toThrow()),
      { numRuns: 5000 },
    );
  });

  it('gives a value of its own for every reading', () => {
    const one = decodeEntry(bytes)?.value as { at: Date };
    one.at.setTime(99);

    expect((decodeEntry(bytes)?.value as { at: Date }).at.getTime()).toBe(1);
  });
});

describe('an opened entry', () => {
  const plain = createEntryCodec({});

  it('has every field at once, without a promise', () => {
    const opened = plain.open(encodeEntry(entry), entry);

    const { value, ...header } = entry;
    expect(opened).toMatchObject({ header });
    expect((opened as OpenEnvelope).value()).toEqual(value);
  });

  it('is written as encodeEntry writes it', () => {
    expect(plain.encode(entry)).toEqual(encodeEntry(entry));
  });

  it.each(VALUE_KINDS)('decodes %s anew at each call', async (_name, make) => {
    const value = make();
    const opened = await plain.open(encodeEntry({ ...entry, value }));

    const values = [opened?.value(), opened?.value(), opened?.value()];

    expect(values.map(fingerprint)).toEqual(Array(3).fill(fingerprint(value)));
    if (typeof values[0] === 'object' && values[0] !== null) expect(new Set(values).size).toBe(3);
  });

  it.each<[string, (bytes: Buffer) => unknown, (value: unknown) => Buffer]>([
    ['a buffer', (bytes) => bytes, (value) => value as Buffer],
    ['a buffer inside', (body) => ({ body }), (value) => (value as { body: Buffer }).body],
  ])('shares the memory of %s with nobody', async (_name, make, find) => {
    const bytes = encodeEntry({ ...entry, value: make(Buffer.from('abc')) });
    const opened = await plain.open(bytes);

    find(opened?.value()).fill(0);

    expect(find(opened?.value()).toString()).toBe('abc');
    expect(find(opened?.value()).buffer).not.toBe(bytes.buffer);
    expect(find(opened?.value()).buffer.byteLength).toBe(3);
    expect(bytes.includes('abc')).toBe(true);
  });
});

describe('the header', () => {
  const { value: _value, ...header } = { ...entry, tags: ['ü', 'b'], ttlMs: Infinity };
  const bytes = encodeEntry({ ...header, value: 'x'.repeat(1000) });

  it('ends where the first 8 bytes say', () => {
    expect(headerEnd(bytes.subarray(0, 8))).toBe(bytes.indexOf('\x01xxx'));
  });

  it('is read from the beginning alone', () => {
    expect(readEntryHeader(bytes.subarray(0, headerEnd(bytes)))).toEqual(header);
    expect(readEntryHeader(bytes)).toEqual(header);
  });

  it('is not read from fewer bytes', () => {
    for (let length = 0; length < headerEnd(bytes); length++)
      expect(readEntryHeader(bytes.subarray(0, length))).toBeUndefined();
  });

  it('is none in anything else', () => {
    expect(headerEnd(Buffer.alloc(0))).toBe(0);
    expect(headerEnd(bytes.subarray(0, 7))).toBe(0);
    for (const [index, byte] of [
      [0, 0],
      [1, 0],
      [2, 2],
      [3, 4],
    ] as const)
      expect(headerEnd(changed(bytes, index, byte))).toBe(0);
    fc.assert(fc.property(fc.uint8Array(), (noise) => expect(() => readEntryHeader(Buffer.from(noise))).not.toThrow()));
  });
});

describe('decodeValue', () => {
  it('tells a stored undefined from what cannot be read', () => {
    expect(decodeValue(encodeValue(undefined))).toEqual({ value: undefined });
    expect(decodeValue(Buffer.alloc(0))).toBeUndefined();
  });
});

function roundTrip(value: unknown): unknown {
  const decoded = decodeEntry(encodeEntry({ ...entry, value }));
  if (decoded === undefined) throw new Error('The entry could not be read.');
  return decoded.value;
}

function changed(bytes: Buffer, index: number, byte: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(byte, index);
  return copy;
}

import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CacheSerializationError } from './cache.errors.js';
import { decodeEntry, decodeValue, encodeEntry, encodeValue, type Envelope } from './codec.js';
import { fingerprint, graphs, nested, storable, VALUE_KINDS } from './value-kinds.fixture.js';

const entry: Envelope = {
  key: 'user:1',
  namespace: 'shop',
  tags: ['users', 'team:7'],
  createdAtMs: 1_700_000_000_123,
  ttlMs: 60_000,
  staleMs: 0,
  loadMs: 1.25,
  value: { name: 'Ann' },
};

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
    fc.assert(fc.property(storable, (value) => expect(fingerprint(roundTrip(value))).toBe(fingerprint(value))), { numRuns: 1000 });
  });

  it('keeps shared and circular references, whatever they run through', () => {
    fc.assert(fc.property(graphs, (value) => expect(fingerprint(roundTrip(value))).toBe(fingerprint(value))), { numRuns: 500 });
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
    const body = Buffer.concat([Buffer.from([0xca, 0xc4, 1, 0, header.length, 0, 0, 0]), Buffer.from(header), Buffer.from([2]), Buffer.from('true')]);
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
    expect(decodeEntry(encodeEntry({ ...entry, namespace: '' }), { key: 'user:1', namespace: undefined })).toBeUndefined();
  });

  it('is a miss with any one byte changed', () => {
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(index) ^ 0x10, index);
      expect(decodeEntry(changed)).toBeUndefined();
    }
  });

  it('is a miss cut off anywhere, and with bytes added', () => {
    for (let length = 0; length < bytes.length; length++) expect(decodeEntry(bytes.subarray(0, length))).toBeUndefined();
    expect(decodeEntry(Buffer.concat([bytes, Buffer.alloc(1)]))).toBeUndefined();
  });

  it.each([
    ['another marker', 0, 0x7b],
    ['a later version', 2, 2],
    ['a flag of a later version', 3, 1],
    ['an unknown codec', bytes.readUInt32LE(4) + 8, 99],
  ])('is a miss with %s, although the checksum is right', (_name, index, byte) => {
    const other = Buffer.from(bytes);
    other.writeUInt8(byte, index);

    expect(decodeEntry(signed(other.subarray(0, -4)))).toBeUndefined();
  });

  it.each(['{}', '[]', 'null', '[1,null,[],0,0,0,0]', '["k",1,[],0,0,0,0]', '["k",null,[1],0,0,0,0]', '["k",null,[],"0",0,0,0]', '["k",null,[],0,0,0]'])(
    'is a miss with the header %s',
    (header) => {
      expect(decodeEntry(forged(header, Buffer.from('\x02true')))).toBeUndefined();
    },
  );

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

    fc.assert(fc.property(anything, (input) => expect(() => [decodeEntry(input), decodeValue(input)]).not.toThrow()), { numRuns: 5000 });
  });

  it('gives a value of its own for every reading, but for the bytes of buffers', () => {
    const one = decodeEntry(bytes)?.value as { at: Date };
    one.at.setTime(99);

    expect((decodeEntry(bytes)?.value as { at: Date }).at.getTime()).toBe(1);
  });

  it('gives buffers without copying them', () => {
    const stored = encodeEntry({ ...entry, value: Buffer.from('abc') });

    expect((decodeEntry(stored)?.value as Buffer).buffer).toBe(stored.buffer);
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

function forged(header: string, value: Buffer): Buffer {
  const prelude = Buffer.from([0xca, 0xc4, 1, 0, 0, 0, 0, 0]);
  prelude.writeUInt32LE(header.length, 4);
  return signed(Buffer.concat([prelude, Buffer.from(header), value]));
}

function signed(body: Buffer): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(body));
  return Buffer.concat([body, checksum]);
}

function extended(text: string): Buffer {
  const start = Buffer.from([3, 0, 0, 0, 0]);
  start.writeUInt32LE(Buffer.byteLength(text), 1);
  return Buffer.concat([start, Buffer.from(text)]);
}

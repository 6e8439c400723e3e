import { crc32 } from 'node:zlib';
import type { Envelope } from './codec.js';

export const entry: Envelope = {
  key: 'user:1',
  namespace: 'shop',
  tags: ['users', 'team:7'],
  createdAtMs: 1_700_000_000_123,
  ttlMs: 60_000,
  staleMs: 0,
  loadMs: 1.25,
  value: { name: 'Ann' },
};

/** Makes the bytes of an entry with this header and value, and a correct checksum. */
export function forged(header: string, value: Buffer, flags = 0): Buffer {
  const prelude = Buffer.from([0xca, 0xc4, 1, flags, 0, 0, 0, 0]);
  prelude.writeUInt32LE(Buffer.byteLength(header), 4);
  return signed(Buffer.concat([prelude, Buffer.from(header), value]));
}

/** Appends the checksum. */
export function signed(body: Buffer): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(body));
  return Buffer.concat([body, checksum]);
}

/** The bytes of a value in extended JSON without binary content. */
export function extended(text: string): Buffer {
  const start = Buffer.from([3, 0, 0, 0, 0]);
  start.writeUInt32LE(Buffer.byteLength(text), 1);
  return Buffer.concat([start, Buffer.from(text)]);
}

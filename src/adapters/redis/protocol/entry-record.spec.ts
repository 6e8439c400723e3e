import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createEntryCodec, type Envelope, headerEnd } from '../../../core/values/codec.js';
import { entry as envelope } from '../../../core/values/codec.fixture.js';
import {
  entryRecord,
  envelopeStart,
  headBytesOf,
  isEntry,
  isOfGroupsOf,
  markPlace,
  marksOf,
  readHead,
  revisionOf,
  timesOf,
} from './entry-record.js';

const REVISION = 'revision-012';
const MARKS = ['all-parts-000001', 'namespace-001234', 'tag-users-010000'];
const TIMES = { freshUntilMs: 1_700_000_060_000, staleMs: 5_000 };
const MARKS_START = 82;
const bytesOf = (of: Envelope = envelope): Buffer => createEntryCodec({}).encode(of) as Buffer;

interface Parts {
  readonly times?: { readonly freshUntilMs: number; readonly staleMs: number };
  readonly marks?: readonly string[];
  readonly of?: Envelope;
}

function record({ times = TIMES, marks = MARKS, of = envelope }: Parts = {}): Buffer {
  return entryRecord(REVISION, times, marks, bytesOf(of));
}

/** The record with other text at a position, as a script leaves it. */
function changed(bytes: Buffer, position: number, text: string): Buffer {
  const copy = Buffer.from(bytes);
  copy.write(text, position, 'latin1');
  return copy;
}

describe('the record of an entry', () => {
  it('has each field at its place in the table of bytes', () => {
    const bytes = record();

    const text = bytes.toString('latin1');
    expect(text.slice(0, 28)).toBe(`V-0${'0'.repeat(25)}`);
    expect(text.slice(28, 40)).toBe(REVISION);
    expect(text.slice(40, 56)).toBe('0001700000060000');
    expect(text.slice(56, 72)).toBe('0000000000005000');
    expect(Number(text.slice(72, 79))).toBe(MARKS_START + 48 + headerEnd(bytesOf()));
    expect(text.slice(79, MARKS_START)).toBe('003');
    expect(text.slice(MARKS_START, MARKS_START + 48)).toBe(MARKS.join(''));
    expect(bytes.subarray(MARKS_START + 48).equals(bytesOf())).toBe(true);
  });

  it('is read as it was written', () => {
    const bytes = record();

    expect(isEntry(bytes)).toBe(true);
    expect(revisionOf(bytes)).toBe(REVISION);
    expect(marksOf(bytes)).toBe(MARKS.join(''));
    expect(timesOf(bytes)).toEqual({ ...TIMES, isSoftened: false });
    expect(bytes.subarray(envelopeStart(bytes)).equals(bytesOf())).toBe(true);
    expect(readHead(bytes)).toEqual({
      ...TIMES,
      isSoftened: false,
      revision: REVISION,
      marks: MARKS.join(''),
      key: envelope.key,
      namespace: envelope.namespace,
      tags: envelope.tags,
    });
  });

  it('has the mark of each group at its position', () => {
    const bytes = record();

    const marks = MARKS.map((mark, i) => bytes.toString('latin1', markPlace(i), markPlace(i) + mark.length));

    expect(marks).toEqual(MARKS);
  });

  it('says how many bytes its head has: with one byte less, it is not read', () => {
    const bytes = record();

    const end = headBytesOf(bytes);

    expect(readHead(bytes.subarray(0, end))).toEqual(readHead(bytes));
    expect(readHead(bytes.subarray(0, end - 1))).toBeUndefined();
  });

  it('has a head of any length, with any number of marks', () => {
    const tags = Array.from({ length: 997 }, (_, i) => `a rather long tag, number ${i}`);
    const bytes = record({ marks: Array.from({ length: 999 }, () => MARKS[0] as string), of: { ...envelope, tags } });

    const head = readHead(bytes.subarray(0, headBytesOf(bytes)));

    expect(head?.tags).toEqual(tags);
    expect(head?.marks).toHaveLength(999 * 16);
  });

  it('is softened when a script writes S', () => {
    const softened = changed(record(), 0, 'S');

    expect(isEntry(softened)).toBe(true);
    expect(timesOf(softened)).toEqual({ ...TIMES, isSoftened: true });
  });
});

describe('a time in a record', () => {
  const read = (freshUntilMs: number, staleMs: number) => timesOf(record({ times: { freshUntilMs, staleMs } }));

  it.each([
    [0, 0],
    [-5, 0],
    [1.25, 2],
    [1_700_000_000_000.5, 1_700_000_000_001],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [Infinity, Infinity],
  ])('of %d ms is read as %d ms', (written, expected) => {
    expect(read(written, written)).toEqual({ freshUntilMs: expected, staleMs: expected, isSoftened: false });
  });

  it('is exact up to 2 ** 53 ms, and to 3 ms beyond', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 9.9e15, noNaN: true }), (ms) => {
        const { freshUntilMs, staleMs } = read(ms, 0);
        expect(Math.abs(freshUntilMs - Math.ceil(ms))).toBeLessThanOrEqual(ms <= Number.MAX_SAFE_INTEGER ? 0 : 3);
        expect(staleMs).toBe(0);
      }),
    );
  });
});

describe('bytes that are no entry', () => {
  const whole = record();
  const placeholder = 'Lx01700000000000token-012345';

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['a placeholder', Buffer.from(placeholder, 'latin1')],
    ['a long placeholder', changed(whole, 0, 'L')],
    ['foreign text', Buffer.from('x'.repeat(500))],
    ['only the fixed part', record({ marks: [] }).subarray(0, MARKS_START)],
    ['a record that is cut in its fixed part', whole.subarray(0, MARKS_START - 2)],
    ['a record that is cut in its marks', whole.subarray(0, MARKS_START + 20)],
    ['a record that is cut before its envelope', whole.subarray(0, MARKS_START + 48)],
  ])('%s', (_, bytes) => {
    expect(isEntry(bytes)).toBe(false);
    expect(readHead(bytes)).toBeUndefined();
    expect(isOfGroupsOf(bytes, envelope)).toBe(false);
  });

  it('have no head when the header in the envelope is none', () => {
    expect(readHead(changed(whole, envelopeStart(whole), 'xx'))).toBeUndefined();
  });
});

describe('an entry and another one of its name', () => {
  it('are of the same groups when key, namespace and tags are the same', () => {
    const other = { ...envelope, createdAtMs: 1, value: 'another' };

    expect(isOfGroupsOf(record(), other)).toBe(true);
    expect(isOfGroupsOf(changed(record(), 0, 'S'), other)).toBe(true);
  });

  it.each<[string, Partial<Envelope>]>([
    ['key', { key: 'user:2' }],
    ['namespace', { namespace: undefined }],
    ['tags', { tags: ['users'] }],
    ['order of tags', { tags: ['team:7', 'users'] }],
    ['more tags', { tags: [...envelope.tags, 'x'] }],
  ])('are not of the same groups with another %s', (_, change) => {
    expect(isOfGroupsOf(record(), { ...envelope, ...change })).toBe(false);
  });
});

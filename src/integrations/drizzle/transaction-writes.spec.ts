import { describe, expect, it } from '@jest/globals';
import { isUndone } from './transaction-writes.js';

describe('an error of a statement', () => {
  const errorWith = (fields: object, cause?: unknown): Error =>
    Object.assign(new Error('Failed query', { cause }), fields);

  it.each<[string, unknown]>([
    ['a refusal of Postgres', errorWith({ code: '23505' })],
    ['a refusal inside the error of Drizzle', errorWith({}, errorWith({ code: '40001' }))],
    ['a refusal by a function of the user', errorWith({ code: 'P0001' })],
    ['a refusal of MySQL', errorWith({ code: 'ER_DUP_ENTRY', sqlState: '23000' })],
  ])('says that nothing was changed: %s', (_, error) => {
    expect(isUndone(error)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['a lost connection', errorWith({ code: 'ECONNRESET' })],
    ['a pipe that is broken', errorWith({ code: 'EPIPE' })],
    ['a lost connection, by its SQLSTATE', errorWith({ code: '08006' })],
    ['a server that is shut down', errorWith({}, errorWith({ code: '57P01' }))],
    ['an end that the server does not know', errorWith({ code: '40003' })],
    ['an error of another kind', errorWith({ code: 23505 })],
    ['anything that is thrown', 'no'],
  ])('does not say if something was changed: %s', (_, error) => {
    expect(isUndone(error)).toBe(false);
  });
});

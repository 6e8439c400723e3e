import { describe, expect, it } from '@jest/globals';
import { databaseNameOf } from './database-name.js';

const postgres = { type: 'postgres', host: 'db.example', database: 'shop', username: 'app' };
const url = 'postgres://app:secret@db.example/shop';

describe('the default name of a database', () => {
  it('has its type and name, and nothing secret', () => {
    const names = [
      { ...postgres, password: 'secret' },
      { type: 'postgres', url },
    ].map((options) => databaseNameOf(options));

    for (const name of names) expect(name).toMatch(/^postgres:shop:[\w-]{11}$/);
  });

  it.each<[string, object, object]>([
    ['password', { ...postgres, password: 'a' }, { ...postgres, password: 'b' }],
    ['password in a URL', { type: 'postgres', url }, { type: 'postgres', url: url.replace('secret', 'other') }],
    ['number of connections', postgres, { ...postgres, poolSize: 5 }],
    ['replicas', { type: 'postgres', replication: { master: postgres } }, postgres],
    ['password of a local one', local({ password: 'a' }), local({ password: 'b' })],
  ])('is the same for another %s', (_what, one, other) => {
    expect(databaseNameOf(one)).toBe(databaseNameOf(other));
  });

  it.each<[string, object, object]>([
    ['type', postgres, { ...postgres, type: 'cockroachdb' }],
    ['host', postgres, { ...postgres, host: 'other.example' }],
    ['host in a URL', { type: 'postgres', url }, { type: 'postgres', url: url.replace('db.', 'other.') }],
    ['port', postgres, { ...postgres, port: 5433 }],
    ['database', postgres, { ...postgres, database: 'other' }],
    ['schema', postgres, { ...postgres, schema: 'tenant' }],
    ['user, who may see other rows', postgres, { ...postgres, username: 'admin' }],
    ['search path', postgres, { ...postgres, extra: { options: '-c search_path=tenant' } }],
    ['search path in a URL', { type: 'postgres', url }, { type: 'postgres', url: `${url}?options=-csearch_path%3Dt` }],
    ['form of dates', { type: 'mysql', host: 'a' }, { type: 'mysql', host: 'a', dateStrings: true }],
    ['form of bigints', postgres, { ...postgres, parseInt8: true }],
    ['instance', { type: 'mssql', host: 'a' }, { type: 'mssql', host: 'a', options: { instanceName: 'b' } }],
    ['file', { type: 'better-sqlite3', database: 'a.db' }, { type: 'better-sqlite3', database: 'b.db' }],
    ['database in memory', { type: 'sqljs' }, { type: 'sqljs' }],
    [
      'file in memory',
      { type: 'better-sqlite3', database: ':memory:' },
      { type: 'better-sqlite3', database: ':memory:' },
    ],
    ['database in the process', { type: 'postgres', driver: {} }, { type: 'postgres', driver: {} }],
  ])('differs for another %s', (_what, one, other) => {
    expect(databaseNameOf(one)).not.toBe(databaseNameOf(other));
  });

  it.each<[string, object, boolean]>([
    ['with a host', postgres, true],
    ['with a local host', local({}), false],
    ['without an address', { type: 'postgres', database: 'shop' }, false],
    ['in a file', { type: 'better-sqlite3', database: 'a.db' }, false],
    ['behind a socket', { type: 'postgres', host: '/run/postgres', database: 'shop' }, false],
  ])('is shared by machines only where it is one database: %s', (_what, options, isSame) => {
    expect(databaseNameOf(options, 'one') === databaseNameOf(options, 'other')).toBe(isSame);
  });
});

function local(more: object): object {
  return { type: 'postgres', host: 'localhost', database: 'shop', ...more };
}

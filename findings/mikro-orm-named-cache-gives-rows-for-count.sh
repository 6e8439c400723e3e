#!/usr/bin/env bash
# @mikro-orm/core 7.2.5: `findAndCount` with a named result cache gives the rows where the count should be
#
# Expected: `findAndCount(Entity, where, { cache: ['name', ms] })` gives `[rows, count]` on a hit as on a miss.
# Seen: rows and count are stored under the one name. The second call gives the stored rows in the place of the count.
#
# Output seen (Node 20.20.2):
#   first call: 2 rows, count 2
#   second call: count is an array
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund @mikro-orm/core@7.2.1 @mikro-orm/pglite@7.2.1 @electric-sql/pglite@0.5.17 >/dev/null || exit 2

cat > probe.mjs <<'JS'
import { EntitySchema, MikroORM } from '@mikro-orm/pglite';

const Book = new EntitySchema({ name: 'Book', properties: { id: { type: 'number', primary: true }, title: { type: 'string' } } });
const orm = await MikroORM.init({ entities: [Book], dbName: 'books' });
await orm.em.getConnection().execute('create table book (id integer primary key, title text)');
await orm.em.getConnection().execute("insert into book values (1, 'a'), (2, 'b')");
const ask = () => orm.em.fork().findAndCount('Book', {}, { cache: ['books', 60_000] });
const [rows, count] = await ask();
console.log(`first call: ${rows.length} rows, count ${count}`);
const [, second] = await ask();
console.log(`second call: count is ${Array.isArray(second) ? 'an array' : second}`);
await orm.close(true);
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

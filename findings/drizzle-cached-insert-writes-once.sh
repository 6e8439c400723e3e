#!/usr/bin/env bash
# drizzle-orm 0.45.4: an INSERT inside a CTE is taken for a query, and its second run is answered from the cache
#
# Expected: with a cache of the strategy `all`, statements that write reach the database each time.
# Seen: `db.with(cte).select().from(cte)`, where the CTE inserts a row and returns it, is looked up and stored like a SELECT; the
# list of its tables is empty. The second run writes nothing and gives the first run's row.
#
# Output seen (Node 20.20.2):
#   first run gave id 1
#   second run gave id 1
#   rows in the table: 1
#   tables handed to the cache: []
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund drizzle-orm@0.45.4 @electric-sql/pglite@0.5.17 >/dev/null || exit 2

cat > probe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { Cache } from 'drizzle-orm/cache/core';
import { integer, pgTable, serial } from 'drizzle-orm/pg-core';
import { drizzle } from 'drizzle-orm/pglite';

class MapCache extends Cache {
  entries = new Map();
  tables = undefined;
  strategy() { return 'all'; }
  async get(key) { return this.entries.get(key); }
  async put(key, rows, tables) { this.tables = tables; this.entries.set(key, rows); }
  async onMutate() { this.entries.clear(); }
}

const client = new PGlite();
await client.exec('create table visits (id serial primary key, page integer)');
const visits = pgTable('visits', { id: serial('id').primaryKey(), page: integer('page') });
const cache = new MapCache();
const db = drizzle({ client, cache });
const record = async () => {
  const added = db.$with('added').as(db.insert(visits).values({ page: 7 }).returning());
  return (await db.with(added).select().from(added))[0].id;
};
console.log(`first run gave id ${await record()}`);
console.log(`second run gave id ${await record()}`);
console.log(`rows in the table: ${(await client.query('select * from visits')).rows.length}`);
console.log(`tables handed to the cache: ${JSON.stringify(cache.tables)}`);
await client.close();
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

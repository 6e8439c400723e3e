#!/usr/bin/env bash
# typeorm 1.1.1: with `cache.alwaysEnabled`, `save()` compares with a cached row and writes nothing
#
# Expected: the option caches what an application asks for. The read by which `save()` finds out what has changed is its own, and must see the table.
# Seen: that read is cached too. A `save()` that puts an older value back finds that value in the cache and sends no UPDATE.
#
# Output seen (Node 20.20.2):
#   after save("two"): two
#   after save("one"): two
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund typeorm@1.1.1 sql.js@1.13.0 reflect-metadata@0.2.2 >/dev/null || exit 2

cat > probe.mjs <<'JS'
import 'reflect-metadata';
import { DataSource, EntitySchema } from 'typeorm';

const Item = new EntitySchema({ name: 'item', columns: { id: { type: Number, primary: true }, name: { type: String } } });
const source = await new DataSource({ type: 'sqljs', entities: [Item], synchronize: true, cache: { alwaysEnabled: true, duration: 60_000 } }).initialize();
const items = source.getRepository('item');
const nameInTable = async () => (await source.query('select name from item where id = 1'))[0].name;

await source.query("insert into item values (1, 'one')");
await items.save({ id: 1, name: 'two' });
console.log(`after save("two"): ${await nameInTable()}`);
await items.save({ id: 1, name: 'one' });
console.log(`after save("one"): ${await nameInTable()}`);
await source.destroy();
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

#!/usr/bin/env bash
# lmdb 3.5.6: reads in a chain of promises do not see what another process has committed
#
# Expected: a `get` sees what was committed before it was called.
# Seen: the first read fixes a snapshot that only a timer of the library releases. A process that reads again and again
# between awaited promises goes on with the old value, however long that takes; `resetReadTxn()` before the read helps.
#
# Output seen (Node 20.20.2):
#   the other process has committed: new
#   read after 20,000 awaited promises: old
#   read after resetReadTxn(): new
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund lmdb@3.5.6 >/dev/null || exit 2

cat > writer.mjs <<'JS'
import { open } from 'lmdb';

const db = open({ path: 'data' });
await db.put('key', 'new');
console.log(`the other process has committed: ${db.get('key')}`);
await db.close();
JS

cat > probe.mjs <<'JS'
import { spawnSync } from 'node:child_process';
import { open } from 'lmdb';

const db = open({ path: 'data' });
await db.put('key', 'old');
db.get('key');
process.stdout.write(spawnSync(process.execPath, ['writer.mjs']).stdout);
for (let i = 0; i < 20_000; i++) await Promise.resolve();
console.log(`read after 20,000 awaited promises: ${db.get('key')}`);
db.resetReadTxn();
console.log(`read after resetReadTxn(): ${db.get('key')}`);
await db.close();
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

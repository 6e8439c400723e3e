#!/usr/bin/env bash
# lmdb 3.5.6: an asynchronous transaction whose callback throws is rejected, and committed all the same
#
# Expected: `transaction(callback)` takes back what the callback wrote when the callback throws, as `transactionSync` and
# `childTransaction` of the same store do.
# Seen: the promise is rejected with the callback's error, and what was written before the error is in the store.
# To roll back by throwing, use `childTransaction`.
#
# Output seen (Node 20.20.2):
#   transaction: rejected with "no", value written
#   childTransaction: rejected with "no", value undefined
#   transactionSync: rejected with "no", value undefined
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund lmdb@3.5.6 >/dev/null || exit 2

cat > probe.mjs <<'JS'
import { open } from 'lmdb';

const store = open({ path: './data' });
for (const method of ['transaction', 'childTransaction', 'transactionSync']) {
  let outcome = 'fulfilled';
  try {
    await store[method](() => {
      store.put(method, 'written');
      throw new Error('no');
    });
  } catch (error) {
    outcome = `rejected with "${error.message}"`;
  }
  await store.flushed;
  console.log(`${method}: ${outcome}, value ${store.get(method)}`);
}
await store.close();
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

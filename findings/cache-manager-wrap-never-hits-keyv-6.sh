#!/usr/bin/env bash
# cache-manager 7.2.9 with a Keyv 6 store: `wrap` never finds what it has stored
#
# Expected: `wrap` calls its function once and answers the second call from the store, as `get` does, since keyv 6 satisfies the
# declared peer range and nothing warns.
# Seen: with keyv 6 each `wrap` calls the function again and `ttl` gives undefined, while `get` finds the value. With keyv 5 all is well.
#
# Output seen (Node 20.20.2):
#   keyv 5: calls of the function 1, get found, ttl number
#   keyv 6: calls of the function 2, get found, ttl undefined
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund cache-manager@7.2.9 keyv-5@npm:keyv@5 keyv-6@npm:keyv@6 >/dev/null || exit 2

cat > probe.mjs <<'JS'
import { createCache } from 'cache-manager';

for (const major of [5, 6]) {
  const { Keyv } = await import(`keyv-${major}`);
  const cache = createCache({ stores: [new Keyv()], ttl: 60_000 });
  let calls = 0;
  const work = async () => (calls += 1) && 'value';
  await cache.wrap('wrapped', work);
  await cache.wrap('wrapped', work);
  const found = (await cache.get('wrapped')) === 'value' ? 'found' : 'missing';
  console.log(`keyv ${major}: calls of the function ${calls}, get ${found}, ttl ${typeof (await cache.ttl('wrapped'))}`);
}
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

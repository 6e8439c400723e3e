#!/usr/bin/env bash
# ioredis 5.11.1 and 6.0.0: with `stringNumbers` for its connections a `Cluster` leaves whole ranges of slots out of its map
#
# Expected: `redisOptions: { stringNumbers: true }` changes how numbers in replies look, and nothing about where commands go.
# Seen: the first and last slot of a range come as text and are compared as text, so that of 5461 to 10922 no slot is taken
# ('5461' sorts behind '10922'). Commands for these keys go to any server first and find theirs by a redirection.
#
# Output seen (Node 20.20.2, redis-server 7.0.15):
#   5.11.1 without: 16384 slots known
#   5.11.1 stringNumbers: 10922 slots known, the first that is not is 5461
#   6.0.0 without: 16384 slots known
#   6.0.0 stringNumbers: 10922 slots known, the first that is not is 5461
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund ioredis-5@npm:ioredis@5.11.1 ioredis-6@npm:ioredis@6.0.0 >/dev/null || exit 2

cat > probe.mjs <<'JS'
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const require = createRequire(import.meta.url);
const first = 20000 + (process.pid % 10000);
const ports = [first, first + 1, first + 2];
const servers = ports.map((port) => {
  mkdirSync(String(port));
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', String(port), '--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'];
  return spawn('redis-server', args, { stdio: 'ignore' });
});
const { Redis } = require('ioredis-6');
const clients = ports.map((port) => new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null }).on('error', () => undefined));
for (const [i, client] of clients.entries()) {
  await client.call('cluster', 'addslotsrange', Math.round((i * 16384) / 3), Math.round(((i + 1) * 16384) / 3) - 1);
  for (const port of ports) if (port !== ports[i]) await client.call('cluster', 'meet', '127.0.0.1', port);
}
const isComplete = async (client) => /cluster_state:ok/.test(await client.call('cluster', 'info'));
while (!(await Promise.all(clients.map(isComplete))).every(Boolean)) await sleep(50);

for (const [version, name] of [['5.11.1', 'ioredis-5'], ['6.0.0', 'ioredis-6']]) {
  for (const stringNumbers of [false, true]) {
    const cluster = new (require(name).Cluster)([{ host: '127.0.0.1', port: first }], { redisOptions: { stringNumbers } });
    await new Promise((resolve) => cluster.once('ready', resolve));
    const { slots } = cluster;
    const known = Object.keys(slots).length;
    const unknown = known === 16384 ? '' : `, the first that is not is ${Array.from({ length: 16384 }, (_, i) => i).find((i) => slots[i] === undefined)}`;
    console.log(`${version} ${stringNumbers ? 'stringNumbers' : 'without'}: ${known} slots known${unknown}`);
    cluster.disconnect();
  }
}
for (const client of clients) client.disconnect();
for (const server of servers) server.kill();
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

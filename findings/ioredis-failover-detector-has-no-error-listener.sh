#!/usr/bin/env bash
# ioredis 5.11.1 and 6.0.0: with `failoverDetector` a sentinel that is away is printed as an unhandled error
#
# Expected: who listens to the client's errors is told of all of them, and nothing is printed; without the detector it is so.
# Seen: the detector listens to each sentinel over a client of its own, which has no listener for errors and is reachable from
# nowhere. Where one sentinel of two is away, its error is printed to stderr as unhandled, for each client that connects. The
# client itself connects by the other sentinel and works.
#
# Output seen (Node 20.20.2, redis-server 7.0.15):
#   5.11.1 without: connected, told of 0 errors, printed "Unhandled error event": false
#   5.11.1 failoverDetector: connected, told of 0 errors, printed "Unhandled error event": true
#   6.0.0 without: connected, told of 0 errors, printed "Unhandled error event": false
#   6.0.0 failoverDetector: connected, told of 0 errors, printed "Unhandled error event": true
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund ioredis-5@npm:ioredis@5.11.1 ioredis-6@npm:ioredis@6.0.0 >/dev/null || exit 2

cat > probe.mjs <<'JS'
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const require = createRequire(import.meta.url);
const [master, sentinel, away] = [0, 1, 2].map((i) => 20000 + (process.pid % 10000) + i);
writeFileSync('sentinel.conf', `port ${sentinel}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 ${master} 1\n`);
const servers = [
  spawn('redis-server', ['--port', String(master), '--bind', '127.0.0.1', '--save', ''], { stdio: 'ignore' }),
  spawn('redis-server', ['sentinel.conf', '--sentinel'], { stdio: 'ignore' }),
];
for (const port of [master, sentinel]) {
  const { Redis } = require('ioredis-6');
  const client = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null }).on('error', () => undefined);
  await client.call('ping');
  client.disconnect();
}
for (const [version, name] of [['5.11.1', 'ioredis-5'], ['6.0.0', 'ioredis-6']]) {
  for (const failoverDetector of [false, true]) {
    const printed = [];
    console.error = (...words) => printed.push(words.join(' '));
    const errors = [];
    const sentinels = [sentinel, away].map((port) => ({ host: '127.0.0.1', port }));
    const client = new (require(name).Redis)({ name: 'main', sentinels, failoverDetector });
    client.on('error', (error) => errors.push(error));
    await client.call('ping');
    await sleep(500);
    const isPrinted = printed.some((line) => line.includes('Unhandled error event'));
    console.log(`${version} ${failoverDetector ? 'failoverDetector' : 'without'}: connected, told of ${errors.length} errors, printed "Unhandled error event": ${isPrinted}`);
    client.disconnect();
  }
}
for (const server of servers) server.kill();
process.exit();
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

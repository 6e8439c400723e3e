#!/usr/bin/env bash
# redis-server 7.0.15: `SWAPDB` sends no invalidation message to clients that track keys
#
# Expected: a client that tracks keys (CLIENT TRACKING, also with BCAST) hears of whatever changes what it has read. FLUSHDB is heard, and SWAPDB
# wakes blocked clients and breaks a WATCH on a key of either database.
# Seen: after SWAPDB the tracking client reads another value under the same key and has heard nothing.
#
# Output seen (Node 20.20.2, redis-server 7.0.15):
#   after SET: heard true
#   after FLUSHDB of the other database: heard true
#   after SWAPDB: heard false, value before "one", value now "two"
#   a WATCH across SWAPDB: EXEC gives null
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund ioredis@6.0.0 >/dev/null || exit 2

cat > probe.mjs <<'JS'
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

const port = 20000 + (process.pid % 20000);
const server = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', '.'], { stdio: 'ignore' });
const isUp = () => new Promise((resolve) => connect(port, '127.0.0.1').once('connect', function () { resolve(true), this.destroy(); }).once('error', () => resolve(false)));
while (!(await isUp())) await sleep(50);

const client = (db) => new Redis({ port, host: '127.0.0.1', db, protocol: 2 });
const [listener, reader, writer, other] = [client(0), client(0), client(0), client(1)];
let messages = 0;
listener.on('message', () => (messages += 1));
const id = await listener.client('ID');
await listener.subscribe('__redis__:invalidate');
await reader.call('client', 'tracking', 'on', 'redirect', String(id), 'bcast', 'noloop');
const heardAfter = async (work) => {
  messages = 0;
  await work();
  await sleep(200);
  return messages > 0;
};

console.log(`after SET: heard ${await heardAfter(() => writer.set('key', 'one'))}`);
console.log(`after FLUSHDB of the other database: heard ${await heardAfter(() => other.flushdb())}`);
await other.set('key', 'two');
const before = await reader.get('key');
const heard = await heardAfter(() => writer.call('swapdb', '0', '1'));
console.log(`after SWAPDB: heard ${heard}, value before "${before}", value now "${await reader.get('key')}"`);
await reader.watch('key');
await writer.call('swapdb', '0', '1');
console.log(`a WATCH across SWAPDB: EXEC gives ${JSON.stringify(await reader.multi().get('key').exec())}`);
for (const one of [listener, reader, writer, other]) one.disconnect();
server.kill();
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

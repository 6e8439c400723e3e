#!/usr/bin/env bash
# ioredis 5.11.1 and 6.0.0: with `enableAutoPipelining` the command name of `callBuffer` is lost
#
# Expected: `callBuffer('get', 'key')` gives the value as bytes, with auto pipelining as without; `call` does.
# Seen: with auto pipelining the first argument is dropped on the way, and the server answers that the key's name is no command.
#
# Output seen (Node 20.20.2, redis-server 7.0.15):
#   5.11.1 plain: call value, callBuffer value
#   5.11.1 auto pipelining: call value, callBuffer rejects with "ERR unknown command 'key'"
#   6.0.0 plain: call value, callBuffer value
#   6.0.0 auto pipelining: call value, callBuffer rejects with "ERR unknown command 'key'"
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund ioredis-5@npm:ioredis@5.11.1 ioredis-6@npm:ioredis@6.0.0 >/dev/null || exit 2

cat > probe.mjs <<'JS'
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const require = createRequire(import.meta.url);
const port = 20000 + (process.pid % 20000);
const server = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', '.'], { stdio: 'ignore' });
const isUp = () => new Promise((resolve) => connect(port, '127.0.0.1').once('connect', function () { resolve(true), this.destroy(); }).once('error', () => resolve(false)));
while (!(await isUp())) await sleep(50);

const shown = (promise) => promise.then(String, (error) => `rejects with "${error.message.split(',')[0]}"`);
for (const [version, name] of [['5.11.1', 'ioredis-5'], ['6.0.0', 'ioredis-6']]) {
  const { Redis } = require(name);
  for (const enableAutoPipelining of [false, true]) {
    const client = new Redis({ port, host: '127.0.0.1', enableAutoPipelining });
    await client.set('key', 'value');
    const answers = `call ${await shown(client.call('get', 'key'))}, callBuffer ${await shown(client.callBuffer('get', 'key'))}`;
    console.log(`${version} ${enableAutoPipelining ? 'auto pipelining' : 'plain'}: ${answers}`);
    client.disconnect();
  }
}
server.kill();
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

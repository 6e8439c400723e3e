#!/usr/bin/env bash
# ioredis 5.11.1 and 6.0.0: options in the query of an address stay words, so `=false` switches on and `protocol=3` gives RESP2
#
# Expected: `redis://host/?enableReadyCheck=false` switches the check off, and `?protocol=3` (6.0.0) speaks RESP3 as
# `{ protocol: 3 }` does.
# Seen: the value reaches the option as text. 'false' is a true value, and '3' is not 3.
#
# Output seen (Node 20.20.2, redis-server 7.0.15):
#   5.11.1: enableReadyCheck is string "false"
#   6.0.0: enableReadyCheck is string "false"
#   6.0.0 protocol=3: CLIENT INFO says resp=2
#   6.0.0 { protocol: 3 }: CLIENT INFO says resp=3
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

const respOf = async (client) => /resp=\d/.exec(await client.call('client', 'info'))[0];
for (const [version, name] of [['5.11.1', 'ioredis-5'], ['6.0.0', 'ioredis-6']]) {
  const { Redis } = require(name);
  const client = new Redis(`redis://127.0.0.1:${port}/?enableReadyCheck=false`);
  const { enableReadyCheck } = client.options;
  console.log(`${version}: enableReadyCheck is ${typeof enableReadyCheck} "${enableReadyCheck}"`);
  client.disconnect();
}
const { Redis } = require('ioredis-6');
const byAddress = new Redis(`redis://127.0.0.1:${port}/?protocol=3`);
console.log(`6.0.0 protocol=3: CLIENT INFO says ${await respOf(byAddress)}`);
byAddress.disconnect();
const byOption = new Redis({ port, host: '127.0.0.1', protocol: 3 });
console.log(`6.0.0 { protocol: 3 }: CLIENT INFO says ${await respOf(byOption)}`);
byOption.disconnect();
server.kill();
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

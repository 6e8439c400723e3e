#!/usr/bin/env bash
# ioredis 5.11.1 and 6.0.0: with a database number that the server lacks, commands go to database 0
#
# Expected: a client whose SELECT was refused is not ready, or its commands fail, as those of a client with a wrong password do.
# Seen: it emits one error and is ready all the same. It says that it uses the database that it was given, and reads and writes
# database 0, where another application may have its keys.
#
# Output seen (Node 20.20.2, redis-server 7.0.15 with 16 databases):
#   5.11.1: error "ERR DB index is out of range", status ready, options.db 99, database 0 has the key: yes
#   6.0.0: error "ERR DB index is out of range", status ready, options.db 99, database 0 has the key: yes
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund ioredis-5@npm:ioredis@5.11.1 ioredis-6@npm:ioredis@6.0.0 >/dev/null || exit 2

cat > probe.mjs <<'JS'
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const port = 20000 + (process.pid % 10000);
const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--databases', '16'], { stdio: 'ignore' });
for (const [version, name] of [['5.11.1', 'ioredis-5'], ['6.0.0', 'ioredis-6']]) {
  const { Redis } = require(name);
  const first = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null }).on('error', () => undefined);
  await first.call('ping');
  const errors = [];
  const client = new Redis({ port, host: '127.0.0.1', db: 99 }).on('error', ({ message }) => errors.push(message));
  await new Promise((resolve) => client.once('ready', resolve));
  await client.set(`written by ${version}`, '1');
  const has = (await first.exists(`written by ${version}`)) === 1 ? 'yes' : 'no';
  console.log(`${version}: error "${errors.join()}", status ${client.status}, options.db ${client.options.db}, database 0 has the key: ${has}`);
  for (const each of [first, client]) each.disconnect();
}
server.kill();
process.exit();
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

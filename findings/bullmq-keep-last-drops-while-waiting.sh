#!/usr/bin/env bash
# bullmq 6.7.0: `keepLastIfActive` keeps the last job that comes while one runs, and drops what comes while one waits
#
# Expected: deduplication with `keepLastIfActive` runs the newest data that was added under one id, whenever it was added.
# Seen: data added while the job of that id is still waiting is dropped, though `add` resolves with a job that shows it. Only what is
# added while the job runs is kept.
#
# Output seen (Node 20.20.2, redis-server 7.0.15):
#   returned by the second add: newer
#   processed: older
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund bullmq@6.7.0 ioredis@6.0.0 >/dev/null || exit 2

cat > probe.mjs <<'JS'
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';

const port = 20000 + (process.pid % 20000);
const server = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', '.'], { stdio: 'ignore' });
const isUp = () => new Promise((resolve) => connect(port, '127.0.0.1').once('connect', function () { resolve(true), this.destroy(); }).once('error', () => resolve(false)));
while (!(await isUp())) await sleep(50);

const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
const queue = new Queue('writes', { connection });
const add = (data) => queue.add('write', data, { deduplication: { id: 'row-1', keepLastIfActive: true } });
await add('older');
console.log(`returned by the second add: ${(await add('newer')).data}`);
const processed = [];
const worker = new Worker('writes', async (job) => void processed.push(job.data), { connection });
await sleep(1500);
console.log(`processed: ${processed.join(', ')}`);
await worker.close();
await queue.close();
server.kill();
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

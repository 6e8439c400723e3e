/*
 * Two processes race writes against cached queries on one Postgres, with one Redis between them: `npm run race`.
 *
 *   --seconds 20         length of each of the four runs: Drizzle and TypeORM, on `redis` and on `hybrid`
 *   --unannounced        writes go past the ORM, so nothing invalidates. Shows that the judge finds stale reads.
 *
 * DATABASE_URL names a server; without it one is started from the binaries of the Debian package `postgresql`. Each
 * read and each committed write is noted with the monotonic clock of the machine, and judged afterwards: a read must
 * not show an older number than that of a write that was done before the read began. On `hybrid`, writes of the other
 * process count after `maxStaleness`.
 */
import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';

const { values: options } = parseArgs({
  options: { seconds: { type: 'string', default: '20' }, unannounced: { type: 'boolean', default: false } },
});
const ROWS = 16;
/** `maxStaleness` of the caches, and the time that a busy machine may add to an answer that is under way. */
const BOUND_MS = 1_000;

const ends = [];

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function start(command, args, identity = {}) {
  const child = spawn(command, args, { stdio: 'ignore', ...identity });
  ends.push(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGINT');
    await once(child, 'exit');
  });
}

async function startRedis() {
  const port = await freePort();
  start('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']);
  return `redis://127.0.0.1:${port}`;
}

async function startPostgres() {
  const home = '/usr/lib/postgresql';
  const version = existsSync(home) ? readdirSync(home).sort().at(-1) : undefined;
  if (version === undefined)
    throw new Error('Set DATABASE_URL, or install Postgres: apt-get install --no-install-recommends postgresql');
  const bin = join(home, version, 'bin');
  const folder = mkdtempSync(join(tmpdir(), 'cache-kit-race-'));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  const identity = identityOf(folder);
  const made = spawnSync(join(bin, 'initdb'), ['-D', join(folder, 'data'), '-A', 'trust', '-U', 'race'], identity);
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const port = await freePort();
  start(
    join(bin, 'postgres'),
    ['-D', join(folder, 'data'), '-p', String(port), '-h', '127.0.0.1', '-k', folder],
    identity,
  );
  return `postgres://race@127.0.0.1:${port}/postgres`;
}

/** Postgres does not run as root. */
function identityOf(folder) {
  if (process.getuid() !== 0) return {};
  const [uid, gid] = ['-u', '-g'].map((flag) =>
    Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout),
  );
  chownSync(folder, uid, gid);
  return { uid, gid };
}

async function prepared(url) {
  for (let tries = 0; ; tries++) {
    const client = new pg.Client(url);
    try {
      await client.connect();
      await client.query(
        'DROP TABLE IF EXISTS counters; CREATE TABLE counters (id int PRIMARY KEY, value int NOT NULL)',
      );
      await client.query(`INSERT INTO counters SELECT id, 0 FROM generate_series(0, ${ROWS - 1}) AS id`);
      return;
    } catch (error) {
      if (tries === 50) throw error;
      await sleep(200);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

async function race(orm, backend, urls) {
  await prepared(urls.database);
  const settings = {
    orm,
    backend,
    ...urls,
    rows: ROWS,
    seconds: Number(options.seconds),
    unannounced: options.unannounced,
  };
  const notes = await Promise.all(
    ['one', 'two'].map(async (name) => {
      const worker = fork(join(import.meta.dirname, 'worker.mjs'), [JSON.stringify({ ...settings, name })]);
      let noted;
      worker.on('message', (message) => (noted = message));
      await once(worker, 'close');
      if (noted === undefined) throw new Error('A process has failed, see above.');
      return noted;
    }),
  );
  return judge(notes, backend);
}

/** Counts the reads that show less than a write that was done before. */
function judge(notes, backend) {
  const figures = { reads: 0, hits: 0, writes: 0, rolledBack: 0, own: 0, others: 0, oldestMs: 0 };
  notes.forEach(({ reads, hits, writes, rolledBack }, reader) => {
    figures.reads += reads.length;
    figures.hits += hits;
    figures.writes += writes.length;
    figures.rolledBack += rolledBack;
    notes.forEach((from, writer) => {
      const isOwn = writer === reader;
      const graceMs = isOwn || backend === 'redis' ? 0 : BOUND_MS;
      const doneBefore = latestBefore(from.writes);
      for (const [id, value, begunMs] of reads) {
        const newest = doneBefore(id, begunMs - graceMs);
        if (newest !== undefined && newest.value > value) figures[isOwn ? 'own' : 'others']++;
        const unseen = isOwn ? undefined : doneBefore(id, begunMs, value);
        if (unseen !== undefined) figures.oldestMs = Math.max(figures.oldestMs, begunMs - unseen.doneMs);
      }
    });
  });
  return figures;
}

/** Finds the last write of a row that was done before a time, or the first one above a value. */
function latestBefore(writes) {
  const byId = new Map();
  for (const [id, value, doneMs] of writes) byId.set(id, [...(byId.get(id) ?? []), { value, doneMs }]);
  return (id, beforeMs, above) => {
    const own = byId.get(id) ?? [];
    const isDone = ({ doneMs }) => doneMs < beforeMs;
    return above === undefined ? own.findLast(isDone) : own.find((write) => isDone(write) && write.value > above);
  };
}

let stale = 0;
try {
  const urls = { database: process.env.DATABASE_URL ?? (await startPostgres()), redis: await startRedis() };
  for (const orm of ['drizzle', 'typeorm']) {
    for (const backend of ['redis', 'hybrid']) {
      const figures = await race(orm, backend, urls);
      stale += figures.own + figures.others;
      console.log(
        `${orm}, ${backend}: ${figures.reads} reads (${figures.hits} hits), ${figures.writes} writes, ` +
          `${figures.rolledBack} rolled back; stale: ${figures.own} of the own process, ${figures.others} of the ` +
          `other one; the oldest was ${Math.round(figures.oldestMs)} ms behind`,
      );
    }
  }
} finally {
  for (const end of ends.reverse()) await end();
}
if (stale > 0 !== options.unannounced) process.exitCode = 1;

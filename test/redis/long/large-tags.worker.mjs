// Reads the CPU time of servers all the time, and reports the slowest answer: the time that other clients have to wait.
// The machine or this process can cause a wait, too, so it also reports the CPU time of the server during a wait.
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

const ports = JSON.parse(process.argv[2]);
// The parent can end first.
process.once('disconnect', () => process.exit());
const clients = ports.map((port) => new Redis({ host: '127.0.0.1', port }));
const worst = { waitedMs: 0, blockedMs: 0 };
let isOn = false;

/** Reads the CPU time of the server's command thread. A server that does not report it counts as always working. */
async function cpuTimeOf(client) {
  const times = [...(await client.info('cpu')).matchAll(/^used_cpu_(?:sys|user)_main_thread:([\d.]+)/gm)];
  return times.length === 2 ? times.reduce((sum, [, seconds]) => sum + Number(seconds) * 1_000, 0) : performance.now();
}

async function measure(client) {
  for (let beforeMs = await cpuTimeOf(client); ;) {
    const startedMs = performance.now();
    const workMs = await cpuTimeOf(client);
    const waitedMs = performance.now() - startedMs;
    if (isOn) {
      worst.waitedMs = Math.max(worst.waitedMs, waitedMs);
      worst.blockedMs = Math.max(worst.blockedMs, Math.min(waitedMs, workMs - beforeMs));
    }
    beforeMs = workMs;
    // Often enough to notice long commands, and seldom enough to leave the CPU to the servers.
    await sleep(1);
  }
}

await Promise.all(clients.map((client) => client.ping()));
process.on('message', (message) => {
  isOn = message === 'start';
  if (isOn) Object.assign(worst, { waitedMs: 0, blockedMs: 0 });
  else process.send({ ...worst });
});
process.send('ready');
await Promise.all(clients.map(measure));

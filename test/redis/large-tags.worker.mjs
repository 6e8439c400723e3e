// Asks servers how much they have worked, all the while, and tells for how long the slowest answer took: how long
// another client is kept waiting. The machine may be the cause, or the other work of this process, so it tells as well
// how much of a wait the server can have been at work for others in.
import { Redis } from 'ioredis';

const ports = JSON.parse(process.argv[2]);
// Whoever started it may be gone before it is done.
process.once('disconnect', () => process.exit());
const clients = ports.map((port) => new Redis({ host: '127.0.0.1', port }));
const worst = { waitedMs: 0, heldUpMs: 0 };
let isOn = false;

/**
 * The processor time that a server's only thread of commands has used. One that does not tell it has worked all the
 * time.
 */
async function workOf(client) {
  const times = [...(await client.info('cpu')).matchAll(/^used_cpu_(?:sys|user)_main_thread:([\d.]+)/gm)];
  return times.length === 2 ? times.reduce((sum, [, seconds]) => sum + Number(seconds) * 1_000, 0) : performance.now();
}

async function ask(client) {
  for (let beforeMs = await workOf(client); ;) {
    const startedMs = performance.now();
    const workMs = await workOf(client);
    const waitedMs = performance.now() - startedMs;
    if (isOn) {
      worst.waitedMs = Math.max(worst.waitedMs, waitedMs);
      worst.heldUpMs = Math.max(worst.heldUpMs, Math.min(waitedMs, workMs - beforeMs));
    }
    beforeMs = workMs;
    // Often enough to meet whatever takes long, and seldom enough to leave the machine to others.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

await Promise.all(clients.map((client) => client.ping()));
process.on('message', (message) => {
  isOn = message === 'start';
  if (isOn) Object.assign(worst, { waitedMs: 0, heldUpMs: 0 });
  else process.send({ ...worst });
});
process.send('ready');
await Promise.all(clients.map(ask));

// Asks two servers for a PONG all the while, and tells for how long the slowest of each took: how long another client is
// kept waiting by what happens on the one, and by the machine itself on the other.
import { Redis } from 'ioredis';

const { ports, idlePort } = JSON.parse(process.argv[2]);
// Whoever started it may be gone before it is done.
process.once('disconnect', () => process.exit());
const connect = (port) => new Redis({ host: '127.0.0.1', port });
const clients = ports.map(connect);
const idle = connect(idlePort);
const worst = { busyMs: 0, idleMs: 0, count: 0 };
let isOn = false;

async function ask(client, name) {
  for (;;) {
    const startedMs = performance.now();
    await client.ping();
    if (isOn) {
      worst[name] = Math.max(worst[name], performance.now() - startedMs);
      worst.count++;
    }
    // Often enough to meet whatever takes long, and seldom enough to leave the machine to others.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

await Promise.all([...clients, idle].map((client) => client.ping()));
process.on('message', (message) => {
  isOn = message === 'start';
  if (isOn) Object.assign(worst, { busyMs: 0, idleMs: 0, count: 0 });
  else process.send({ ...worst });
});
process.send('ready');
await Promise.all([...clients.map((client) => ask(client, 'busyMs')), ask(idle, 'idleMs')]);

import { writeSync } from 'node:fs';
import { it } from '@jest/globals';
import { startRedis } from '../../support/redis-servers.js';

it('starts a server and is killed', async () => {
  const { pid } = await startRedis();
  writeSync(1, `server ${pid}\n`);

  process.kill(process.pid, 'SIGKILL');
});

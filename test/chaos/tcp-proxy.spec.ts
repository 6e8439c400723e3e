import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '../support/redis/until.js';
import { TcpProxy } from './tcp-proxy.js';

const WITHIN_MS = 2_000;
/** Time in which bytes arrive when nothing holds them back. */
const A_WHILE_MS = 60;

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

/** A connection to an echo server. */
interface Connection {
  readonly socket: Socket;
  received: string;
  isClosed: boolean;
}

describe('a proxy', () => {
  let proxy: TcpProxy;
  let servers: Set<Socket>;
  let receivedByServer: string;

  beforeEach(async () => {
    servers = new Set();
    receivedByServer = '';
    const server = createServer({ noDelay: true }, (socket) => {
      servers.add(socket);
      socket.on('error', () => undefined).on('close', () => servers.delete(socket));
      socket.on('data', (bytes) => {
        receivedByServer += bytes.toString();
        socket.write(bytes);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await TcpProxy.start((server.address() as AddressInfo).port);
    cleanups.push(
      () => server.close(),
      () => servers.forEach((socket) => socket.destroy()),
      () => proxy.stop(),
    );
  });

  function open(): Connection {
    const socket = connect({ host: '127.0.0.1', port: proxy.port, noDelay: true });
    const line: Connection = { socket, received: '', isClosed: false };
    socket.on('data', (bytes) => (line.received += bytes.toString()));
    socket.on('error', () => undefined).on('close', () => (line.isClosed = true));
    cleanups.push(() => socket.destroy());
    return line;
  }

  const gets = (line: Connection, text: string): Promise<void> =>
    until(
      async () => line.received === text,
      WITHIN_MS,
      () => `Expected ${text}, got ${line.received}.`,
    );
  const closes = (line: Connection): Promise<void> =>
    until(
      async () => line.isClosed,
      WITHIN_MS,
      () => 'The connection was not closed.',
    );

  it('forwards bytes in both directions, and the end of a connection', async () => {
    const line = open();
    line.socket.write('abc');
    await gets(line, 'abc');

    line.socket.destroy();

    await until(
      async () => servers.size === 0 && proxy.connections === 0,
      WITHIN_MS,
      () => 'The server did not see the end of the connection.',
    );
  });

  it('resets connections, and accepts new ones', async () => {
    const line = open();
    line.socket.write('a');
    await gets(line, 'a');

    proxy.kill();

    await closes(line);
    const next = open();
    next.socket.write('b');
    await gets(next, 'b');
  });

  it('refuses new connections and keeps the existing ones until `pass`', async () => {
    const line = open();
    line.socket.write('a');
    await gets(line, 'a');

    proxy.refuse();
    const refused = open();

    await closes(refused);
    line.socket.write('b');
    await gets(line, 'ab');
    await proxy.pass();
    const next = open();
    next.socket.write('c');
    await gets(next, 'c');
  });

  it.each([
    ['both directions', undefined, ''],
    ['to the server', ['toServer'], ''],
    ['to the client', ['toClient'], 'a'],
  ] as const)('holds back what is sent into a black hole (%s)', async (_, directions, expected) => {
    const line = open();
    proxy.swallow(directions);

    line.socket.write('a');
    const late = open();
    await sleep(A_WHILE_MS);

    expect([receivedByServer, line.received, line.isClosed, late.isClosed]).toEqual([expected, '', false, false]);
    await proxy.pass();
    await gets(line, 'a');
  });

  it('hides the end of a client from the server while a black hole is open', async () => {
    const line = open();
    line.socket.write('a');
    await gets(line, 'a');
    proxy.swallow();

    line.socket.destroy();
    await sleep(A_WHILE_MS);

    expect(servers.size).toBe(1);
    await proxy.pass();
    await until(
      async () => servers.size === 0,
      WITHIN_MS,
      () => 'The server did not see the end of the connection.',
    );
  });

  it('delays bytes, and keeps their order when the latency is taken away', async () => {
    const line = open();
    line.socket.write('1');
    await gets(line, '1');
    proxy.delay({ leastMs: 400, mostMs: 400 });

    const startedMs = performance.now();
    line.socket.write('2');
    await sleep(20);
    await proxy.pass();
    line.socket.write('3');
    await gets(line, '123');

    expect(performance.now() - startedMs).toBeGreaterThan(150);
  });
});

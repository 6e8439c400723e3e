import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '../support/redis/until.js';
import { TcpProxy } from './tcp-proxy.js';

const WITHIN_MS = 2_000;
/** Long enough for bytes that are not held back to arrive. */
const A_WHILE_MS = 60;

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

/** A connection whose bytes come back. */
interface Line {
  readonly socket: Socket;
  received: string;
  isClosed: boolean;
}

describe('a proxy', () => {
  let proxy: TcpProxy;
  let servers: Set<Socket>;
  let heard: string;

  beforeEach(async () => {
    servers = new Set();
    heard = '';
    const server = createServer({ noDelay: true }, (socket) => {
      servers.add(socket);
      socket.on('error', () => undefined).on('close', () => servers.delete(socket));
      socket.on('data', (bytes) => {
        heard += bytes.toString();
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

  function open(): Line {
    const socket = connect({ host: '127.0.0.1', port: proxy.port, noDelay: true });
    const line: Line = { socket, received: '', isClosed: false };
    socket.on('data', (bytes) => (line.received += bytes.toString()));
    socket.on('error', () => undefined).on('close', () => (line.isClosed = true));
    cleanups.push(() => socket.destroy());
    return line;
  }

  const gets = (line: Line, text: string): Promise<void> =>
    until(
      async () => line.received === text,
      WITHIN_MS,
      () => `Got ${line.received}, not ${text}.`,
    );
  const closes = (line: Line): Promise<void> =>
    until(
      async () => line.isClosed,
      WITHIN_MS,
      () => 'The connection was not closed.',
    );

  it('lets bytes pass in both directions, and the end', async () => {
    const line = open();
    line.socket.write('abc');
    await gets(line, 'abc');

    line.socket.destroy();

    await until(
      async () => servers.size === 0 && proxy.connections === 0,
      WITHIN_MS,
      () => 'The server was not told of the end.',
    );
  });

  it('resets connections, and takes new ones', async () => {
    const line = open();
    line.socket.write('a');
    await gets(line, 'a');

    proxy.kill();

    await closes(line);
    const next = open();
    next.socket.write('b');
    await gets(next, 'b');
  });

  it('refuses new connections and keeps the others until it passes again', async () => {
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
    ['the way to the server', ['toServer'], ''],
    ['the way back', ['toClient'], 'a'],
  ] as const)('holds back what is sent into a black hole (%s)', async (_, directions, expected) => {
    const line = open();
    proxy.swallow(directions);

    line.socket.write('a');
    const late = open();
    await sleep(A_WHILE_MS);

    expect([heard, line.received, line.isClosed, late.isClosed]).toEqual([expected, '', false, false]);
    await proxy.pass();
    await gets(line, 'a');
  });

  it('leaves the server in the belief that a client is there which has gone into a black hole', async () => {
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
      () => 'The server was not told of the end.',
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

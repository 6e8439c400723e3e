import { mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask } from './ask.js';
import { freePort } from './free-port.js';
import { ServerProcess } from './server-process.js';
import { until } from './until.js';

const READY_WITHIN_MS = 15_000;
const ATTEMPTS = 10;
const PORT_TAKEN = /Address already in use|Failed listening on port/;

/** Builds the arguments of a server. `directory` is its working directory. */
export type ServerArgs = (port: number, directory: string) => string[];

/** A server on the loopback interface. It has the fields `host` and `port`, so clients accept it as an address. */
export class RedisServer {
  readonly host = '127.0.0.1';
  readonly url: string;
  readonly #args: ServerArgs;
  readonly #directory = mkdtempSync(join(tmpdir(), 'cache-kit-redis-'));
  #process: ServerProcess | undefined;

  constructor(
    readonly port: number,
    args: ServerArgs,
  ) {
    this.url = `redis://127.0.0.1:${port}`;
    this.#args = args;
  }

  /** Process id of the last started process. */
  get pid(): number {
    return this.#running.pid;
  }

  /** Output of the process since its start. */
  get output(): string {
    return this.#running.output;
  }

  kill(signal: NodeJS.Signals): void {
    this.#running.kill(signal);
  }

  /** Stops the process with SIGSTOP: the kernel keeps and accepts connections, and no command is answered. */
  pause(): void {
    this.kill('SIGSTOP');
  }

  resume(): void {
    this.kill('SIGCONT');
  }

  /** Ends the process, paused or not, and removes its files. */
  async stop(): Promise<void> {
    await this.#process?.end();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /**
   * Restarts the server on the same port, without its data. Files of a cluster node and of a sentinel are kept, unless
   * `stop` has removed them.
   */
  async restart(): Promise<void> {
    await this.#process?.end();
    await this.start();
  }

  /** @internal Rejects with the server's output when the process ends or does not answer in time. */
  async start(): Promise<void> {
    mkdirSync(this.#directory, { recursive: true });
    const started = new ServerProcess(this.#args(this.port, this.#directory), this.#directory);
    this.#process = started;
    const failure = (): string => `The server on port ${this.port} did not start:\n${started.output}`;
    const isReady = async (): Promise<boolean> => {
      const isServing = await this.#isServing(started);
      if (started.hasExited) throw new Error(failure());
      return isServing;
    };
    await until(isReady, READY_WITHIN_MS, failure);
  }

  /**
   * Compares process ids, because another server can have taken the port. A server with a password does not show its id
   * to this client.
   */
  async #isServing(started: ServerProcess): Promise<boolean> {
    const info = await ask(this.port, 'INFO server').catch(String);
    if (info.includes('NOAUTH')) return started.output.includes('Ready to accept connections');
    return info.includes(`process_id:${started.pid}\r\n`);
  }

  get #running(): ServerProcess {
    if (this.#process === undefined) throw new Error('Expected a started server: call start() first.');
    return this.#process;
  }
}

/** Starts a server on a free port, or on `fixedPort`. */
export async function startServer(args: ServerArgs, fixedPort?: number): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const server = new RedisServer(fixedPort ?? (await freePort()), args);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      const isWorthARetry =
        fixedPort === undefined && attempt < ATTEMPTS && error instanceof Error && PORT_TAKEN.test(error.message);
      if (!isWorthARetry) throw error;
    }
  }
}

/** Waits for all servers. When one fails, stops the others and rejects with the first error. */
export async function startServers(starts: readonly Promise<RedisServer>[]): Promise<RedisServer[]> {
  try {
    return await Promise.all(starts);
  } catch (error) {
    const outcomes = await Promise.allSettled(starts);
    await stopServers(outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])));
    throw error;
  }
}

export async function stopServers(servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}

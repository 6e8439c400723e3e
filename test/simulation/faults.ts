import type { Fault } from './profile.js';
import type { World } from './world.js';

/** Period in which faults begin. They can last longer. */
const FAULTS_BEGIN_WITHIN_MS = 400;

/** Starts faults at times and places that the seed decides, and repairs everything at the end. */
export class Faults {
  #left: number;
  readonly #owner = { frozenUntilMs: 0, isDead: false };

  constructor(private readonly world: World) {
    const { faults } = world.profile;
    this.#left = faults.length;
    for (const fault of faults) {
      world.time.at(world.time.nowMs + world.random() * FAULTS_BEGIN_WITHIN_MS, this.#owner, () => {
        this.#left--;
        this.#start(fault);
      });
    }
  }

  areOver(): boolean {
    return this.#left === 0;
  }

  heal(): void {
    this.world.trace(() => '--- all faults are repaired');
    this.#owner.isDead = true;
    this.world.network.isHealed = true;
    for (const server of this.world.servers) {
      server.store.isFull = false;
      server.frozenUntilMs = Math.min(server.frozenUntilMs, this.world.time.nowMs);
    }
    for (const process of this.world.processes)
      process.frozenUntilMs = Math.min(process.frozenUntilMs, this.world.time.nowMs);
  }

  #start(fault: Fault): void {
    const { world } = this;
    const { random, time } = world;
    const trace = (line: string): void => world.trace(() => `--- ${fault} ${line}`);
    const place = Math.floor(random() * world.servers.length);
    const server = world.servers[place] as World['servers'][number];
    const process = world.processes[Math.floor(random() * world.processes.length)] as World['processes'][number];
    const endMs = (longestMs: number): number => time.nowMs + random() ** 2 * longestMs;
    switch (fault) {
      case 'drop':
        trace(`${process.name} from ${server.name}`);
        return process.wire.drop(place);
      case 'swallow':
        trace(`${process.name} to ${server.name}`);
        return process.wire.swallow(place, endMs(5_000));
      case 'crash':
        trace(process.name);
        world.kill(process);
        return world.startActors(world.start());
      case 'evict': {
        const names = server.store.names();
        const name = names[Math.floor(random() * names.length)];
        trace(name ?? 'nothing');
        return name === undefined ? undefined : server.store.evict(name);
      }
      case 'server clock': {
        const jumpMs = Math.floor((random() - 0.5) * 8_000);
        server.skewMs += jumpMs;
        if (jumpMs < 0) world.history.hasClockGoneBack = true;
        return trace(`${server.name} ${server.skewMs}`);
      }
      case 'wall clock':
        process.clock.skewMs += Math.floor((random() - 0.5) * 20_000_000);
        return trace(process.name);
      case 'flush':
        trace(server.name);
        server.store.flush();
        for (const each of world.processes) each.wire.drop(place, true);
        return undefined;
      case 'freeze':
        server.frozenUntilMs = endMs(5_000);
        return trace(`${server.name} until ${server.frozenUntilMs}`);
      case 'pause':
        process.frozenUntilMs = endMs(5_000);
        return trace(`${process.name} until ${process.frozenUntilMs}`);
      case 'full':
        server.store.isFull = !server.store.isFull;
        return trace(String(server.store.isFull));
    }
  }
}

import type { Fault } from './profile.js';
import type { World } from './world.js';

/** How long the storm lasts; what it broke may stay broken for longer. */
const STORM_MS = 400;

/** Lets things go wrong, at times and in places that the seed says, and sets them right in the end. */
export class Faults {
  #left: number;
  readonly #owner = { frozenUntilMs: 0, isDead: false };

  constructor(private readonly world: World) {
    const { faults } = world.profile;
    this.#left = faults.length;
    for (const fault of faults) {
      world.time.at(world.time.nowMs + world.random() * STORM_MS, this.#owner, () => {
        this.#left--;
        this.#happen(fault);
      });
    }
  }

  areOver(): boolean {
    return this.#left === 0;
  }

  heal(): void {
    this.world.tell(() => '--- all is well again');
    this.#owner.isDead = true;
    this.world.network.isHealed = true;
    for (const server of this.world.servers) {
      server.store.isFull = false;
      server.frozenUntilMs = Math.min(server.frozenUntilMs, this.world.time.nowMs);
    }
    for (const process of this.world.processes)
      process.frozenUntilMs = Math.min(process.frozenUntilMs, this.world.time.nowMs);
  }

  #happen(fault: Fault): void {
    const { world } = this;
    const { random, time } = world;
    const tell = (line: string): void => world.tell(() => `--- ${fault} ${line}`);
    const place = Math.floor(random() * world.servers.length);
    const server = world.servers[place] as World['servers'][number];
    const process = world.processes[Math.floor(random() * world.processes.length)] as World['processes'][number];
    const while_ = (longestMs: number): number => time.nowMs + random() ** 2 * longestMs;
    switch (fault) {
      case 'drop':
        tell(`${process.name} from ${server.name}`);
        return process.wire.drop(place);
      case 'swallow':
        tell(`${process.name} to ${server.name}`);
        return process.wire.swallow(place, while_(5_000));
      case 'crash':
        tell(process.name);
        world.kill(process);
        return world.employ(world.start());
      case 'evict': {
        const names = server.store.names();
        const name = names[Math.floor(random() * names.length)];
        tell(name ?? 'nothing');
        return name === undefined ? undefined : server.store.evict(name);
      }
      case 'server clock': {
        const jumpMs = Math.floor((random() - 0.5) * 8_000);
        server.skewMs += jumpMs;
        if (jumpMs < 0) world.history.hasClockGoneBack = true;
        return tell(`${server.name} ${server.skewMs}`);
      }
      case 'wall clock':
        process.clock.skewMs += Math.floor((random() - 0.5) * 20_000_000);
        return tell(process.name);
      case 'flush':
        tell(server.name);
        server.store.flush();
        for (const each of world.processes) each.wire.drop(place, true);
        return undefined;
      case 'freeze':
        server.frozenUntilMs = while_(5_000);
        return tell(`${server.name} until ${server.frozenUntilMs}`);
      case 'pause':
        process.frozenUntilMs = while_(5_000);
        return tell(`${process.name} until ${process.frozenUntilMs}`);
      case 'full':
        server.store.isFull = !server.store.isFull;
        return tell(String(server.store.isFull));
    }
  }
}

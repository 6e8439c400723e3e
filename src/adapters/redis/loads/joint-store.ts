import type { Generations } from '../entries/entry-validity.js';
import type { EntryWriter, Prepared, StoreOutcome } from '../entries/entry-writer.js';
import type { Generation } from '../protocol/generation.js';
import type { Group } from '../protocol/redis-keys.js';
import { TurnBatch } from '../connection/turn-batch.js';

/** The results of one load. */
interface Delivery {
  readonly prepared: readonly Prepared[];
  /** The generations that the entries are marked with. */
  readonly marks: ReadonlyMap<Group, Generation>;
  readonly tokenOf: (each: Prepared) => string;
  resolve(stored: readonly StoreOutcome[]): void;
  reject(error: unknown): void;
}

/** Entries per round trip: a caller that waits for one of them waits for all. */
const ENTRIES_PER_TRIP = 200;

/**
 * Stores the results of all loads of one turn of the event loop together: each group then gets all its new members in
 * one command.
 */
export class JointStore {
  readonly #turn = new TurnBatch<Delivery>((deliveries) => this.#sendAll(deliveries));

  readonly #writer: EntryWriter;
  readonly #limitMs: number;

  constructor(writer: EntryWriter, limitMs: number) {
    this.#writer = writer;
    this.#limitMs = limitMs;
  }

  /**
   * Stores the entries of one load. Returns how that ended for each.
   * @param generations at least those of all groups that the entries are in
   * @param tokenOf the token that must still be under the name of an entry
   */
  store(
    prepared: readonly Prepared[],
    generations: Generations,
    tokenOf: (each: Prepared) => string,
  ): Promise<readonly StoreOutcome[]> {
    const marks = new Map(
      prepared.flatMap(({ groups }) => groups.map((group) => [group, generations.get(group) as Generation] as const)),
    );
    return new Promise((resolve, reject) => this.#turn.add({ prepared, marks, tokenOf, resolve, reject }));
  }

  #sendAll(deliveries: readonly Delivery[]): void {
    let together: Delivery[] = [];
    let marks = new Map<Group, Generation>();
    let entries = 0;
    for (const delivery of deliveries) {
      if (
        together.length > 0 &&
        (entries + delivery.prepared.length > ENTRIES_PER_TRIP || !agree(marks, delivery.marks))
      ) {
        this.#send(together, marks);
        together = [];
        marks = new Map();
        entries = 0;
      }
      together.push(delivery);
      for (const [group, generation] of delivery.marks) marks.set(group, generation);
      entries += delivery.prepared.length;
    }
    this.#send(together, marks);
  }

  #send(together: readonly Delivery[], marks: Map<Group, Generation>): void {
    const tokens = new Map(
      together.flatMap(({ prepared, tokenOf }) => prepared.map((each) => [each, tokenOf(each)] as const)),
    );
    const all = together.flatMap(({ prepared }) => prepared);
    this.#writer
      .store(all, { of: marks, unsent: new Set() }, this.#limitMs, (each) => tokens.get(each) as string)
      .then(
        (stored) => {
          let next = 0;
          for (const each of together) each.resolve(stored.slice(next, (next += each.prepared.length)));
        },
        (error: unknown) => {
          for (const each of together) each.reject(error);
        },
      );
  }
}

/** True when no group has different generations in both maps. */
function agree(marks: ReadonlyMap<Group, Generation>, others: ReadonlyMap<Group, Generation>): boolean {
  for (const [group, { text }] of others) {
    const mark = marks.get(group);
    if (mark !== undefined && mark.text !== text) return false;
  }
  return true;
}

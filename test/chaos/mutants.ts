import type { RunOptions } from './chaos-run.js';

/*
 * Designs that look right but are wrong. Each is the kit with one rule removed, by changes to the text of its build
 * while a process loads it (mutate.mjs). Each runs under the faults that reveal it, and the checker must find the stale
 * values that it serves. Otherwise the chaos would not find a mistake of ours either.
 */

export interface Edit {
  /** Path below dist. */
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  readonly name: string;
  readonly backend: RunOptions['backend'];
  readonly faults: readonly string[];
  readonly edits: readonly Edit[];
}

const HYBRID = 'adapters/hybrid/hybrid.adapter.js';
const COHERENCE = 'adapters/redis/redis-coherence.js';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'forgets invalidations that could not be sent',
    backend: 'redis',
    faults: ['paused', 'black hole'],
    edits: [
      {
        file: 'adapters/redis/invalidation/outbox.js',
        find: 'this.#keep({ target, isSoft });\n        this.#later();',
        replace: '',
      },
    ],
  },
  {
    name: 'trusts a proof of freshness forever',
    backend: 'hybrid',
    faults: ['black hole to the client'],
    edits: [
      {
        file: HYBRID,
        find: 'return nowMs < this.#coherence.provenUntilMs;',
        replace: 'return this.#coherence.provenUntilMs !== -Infinity;',
      },
    ],
  },
  {
    name: 'keeps its copies when a connection is lost and comes back',
    backend: 'hybrid',
    faults: ['refused'],
    edits: [
      {
        file: COHERENCE,
        find: "this.#placesProvenMs = -Infinity;\n        this.#listener?.onChange({ kind: 'all' });",
        replace: 'this.#placesProvenMs = -Infinity;',
      },
    ],
  },
  {
    name: 'copies an answer that a change has overtaken',
    backend: 'hybrid',
    faults: ['latency'],
    edits: [
      { file: HYBRID, find: 'return fence.commit(', replace: 'return this.#near.set(' },
      {
        file: HYBRID,
        find: '(entry) => copyOf(entry, nowMs, untilMs)));',
        replace: '(entry) => copyOf(entry, nowMs, untilMs)), entries[0]?.namespace) ?? [];',
      },
    ],
  },
  {
    name: 'waits for the server to announce its own invalidations',
    backend: 'hybrid',
    faults: ['latency'],
    edits: [
      {
        file: HYBRID,
        find: 'finally {\n            this.#near.invalidate(target);\n        }',
        replace: 'finally { }',
      },
    ],
  },
];

/** Finds a mutant. @throws when there is no mutant with this name */
export function mutantNamed(name: string): Mutant {
  const mutant = MUTANTS.find((each) => each.name === name);
  if (mutant === undefined)
    throw new Error(`Expected a mutant of ${MUTANTS.map((each) => each.name).join(', ')}, got ${name}.`);
  return mutant;
}

import type { RunOptions } from './chaos-run.js';

/*
 * Designs that look right and are not: each is the kit with one rule taken out, by changes to the text of its build
 * while a process loads it (mutate.mjs). Each is run under the faults that show it, and must be found out by the old
 * values that it serves, or the chaos would not find out us.
 */

export interface Edit {
  /** Below dist. */
  readonly file: string;
  /** Stands in the file once. */
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
    name: 'forgets what could not be sent',
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
    name: 'takes a proof for good',
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
    name: 'makes a copy of an answer that a change has overtaken',
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
    name: 'leaves it to the server to tell of its own invalidations',
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

/** @throws where there is none of that name */
export function mutantNamed(name: string): Mutant {
  const mutant = MUTANTS.find((each) => each.name === name);
  if (mutant === undefined)
    throw new Error(`There is no mutant ${name}; there are ${MUTANTS.map((each) => each.name).join(', ')}.`);
  return mutant;
}

/*
 * Runs seeds of the simulation:
 *
 *   node --import ./test/simulation/typescript.mjs test/simulation/run.ts --from 1 --count 1000
 *
 * A seed that breaks a promise is printed with what it broke. To see all that happened in it:
 *
 *   node --import ./test/simulation/typescript.mjs test/simulation/run.ts --from <seed> --trace
 *
 * `--mutant <name>` breaks the design on purpose (see mutants.ts), `--until-caught` ends with the first violation,
 * `--seconds` ends in time, `--slowest` tells how long calls took at most.
 */
import { parseArgs } from 'node:util';
import { randomFrom } from '../../src/testing/seeded-random.js';
import { MUTANTS } from './mutants.js';
import { type Outcome, World } from './world.js';

/** What one run prints, as the last line. */
export interface Summary {
  readonly seeds: number;
  readonly violating: readonly number[];
  readonly hits: number;
  readonly floors: number;
  readonly seconds: number;
}

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    mutant: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'until-caught': { type: 'boolean', default: false },
    slowest: { type: 'boolean', default: false },
    seconds: { type: 'string', default: 'Infinity' },
  },
});
const mutant = values.mutant === undefined ? undefined : MUTANTS.find(({ name }) => name === values.mutant);
if (values.mutant !== undefined && mutant === undefined)
  throw new Error(`There is no mutant ${values.mutant}; there are ${MUTANTS.map(({ name }) => name).join(', ')}.`);
mutant?.patch?.();

// Faults are made by the thousand, and nobody reads where.
if (!values.trace) Error.stackTraceLimit = 0;

let unhandled: unknown[] = [];
process.on('unhandledRejection', (error) => unhandled.push(error));

/** A mutant must be caught by what it answers, not by what it leaves behind. */
const IS_STALE = / is under the floor | was loaded before /;

const from = Number(values.from);
const count = Number(values.count);
const startedMs = Date.now();
const violating: number[] = [];
const slowest = new Map<string, { ms: number; seed: number }>();
let hits = 0;
let floors = 0;
let seeds = 0;
for (let seed = from; seed < from + count && Date.now() - startedMs < Number(values.seconds) * 1_000; seed++) {
  const outcome = await tried(seed);
  seeds++;
  hits += outcome.hits;
  floors += outcome.floors;
  for (const [what, ms] of outcome.slowestMs) if (ms > (slowest.get(what)?.ms ?? 0)) slowest.set(what, { ms, seed });
  const violations =
    mutant === undefined ? outcome.violations : outcome.violations.filter((each) => IS_STALE.test(each));
  if (violations.length === 0) continue;
  violating.push(seed);
  if (violating.length <= 5) console.log(`seed ${seed}:\n  ${violations.slice(0, 5).join('\n  ')}`);
  if (values['until-caught']) break;
}
if (values.slowest)
  console.log([...slowest].map(([what, { ms, seed }]) => `${what}: ${ms.toFixed(1)} ms (seed ${seed})`).join('\n'));
const summary: Summary = { seeds, violating, hits, floors, seconds: (Date.now() - startedMs) / 1_000 };
console.log(JSON.stringify(summary));

async function tried(seed: number): Promise<Outcome> {
  unhandled = [];
  // Jitter and early expiration draw lots: these, too, are the seed's.
  Math.random = randomFrom(~seed);
  const world = new World(
    seed,
    mutant?.tampering,
    values.trace ? (line) => console.log(line) : undefined,
    mutant?.bias,
  );
  const outcome = await world.run();
  return unhandled.length === 0
    ? outcome
    : {
        ...outcome,
        violations: [...outcome.violations, ...unhandled.map((error) => `unhandled rejection: ${String(error)}`)],
      };
}

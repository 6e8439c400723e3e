/*
 * Runs seeds of the simulation:
 *
 *   node --import ./test/simulation/typescript.mjs test/simulation/run.ts --from 1 --count 1000
 *
 * A seed that breaks a promise is printed with its violations. To see all events of a seed:
 *
 *   node --import ./test/simulation/typescript.mjs test/simulation/run.ts --from <seed> --trace
 *
 * `--mutant <name>` breaks the design on purpose (see mutants.ts), `--until-caught` ends at the first violation,
 * `--seconds` limits the duration, `--slowest` prints the slowest call of each kind.
 */
import { parseArgs } from 'node:util';
import { randomFrom } from '../../src/testing/seeded-random.js';
import { MUTANTS } from './mutants.js';
import { type Outcome, World } from './world.js';

/** Last line of the output of a run, as JSON. */
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
  throw new Error(`Expected a mutant of ${MUTANTS.map(({ name }) => name).join(', ')}, got ${values.mutant}.`);
mutant?.patch?.();

// Thousands of errors are created, and their stacks are expensive.
if (!values.trace) Error.stackTraceLimit = 0;

let unhandled: unknown[] = [];
process.on('unhandledRejection', (error) => unhandled.push(error));

/** Violations that count for a mutant: stale answers, not leftovers. */
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
  const outcome = await runSeed(seed);
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

async function runSeed(seed: number): Promise<Outcome> {
  unhandled = [];
  // Jitter and early expiration use Math.random: they must depend on the seed, too.
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

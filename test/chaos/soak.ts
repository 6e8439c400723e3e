/*
 * A long run, started by hand:
 *
 *   npm run chaos -- --minutes 30 --topology cluster --seed 7
 *
 * `--backend`, `--faults 'reset,black hole'`, `--rest <ms>` and `--mutant <name>` are the options of chaos-run.ts. The
 * exit code is 1 when a condition of gates.ts is broken.
 */
import { parseArgs } from 'node:util';
import { chaosRun, type RunOptions } from './chaos-run.js';
import { broken, figures, tally } from './gates.js';
import { mutantNamed } from './mutants.js';
import { BACKEND, BACKENDS } from './settings.js';
import { TOPOLOGIES, type TopologyName } from './topology.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    topology: { type: 'string', default: 'standalone' },
    backend: { type: 'string', default: BACKEND },
    processes: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    faults: { type: 'string' },
    rest: { type: 'string' },
    mutant: { type: 'string' },
    'behind-a-map': { type: 'boolean', default: false },
  },
});
const topology = values.topology as TopologyName;
const backend = values.backend as RunOptions['backend'];
if (!TOPOLOGIES.includes(topology))
  throw new Error(`Expected a topology of ${TOPOLOGIES.join(', ')}, got ${topology}.`);
if (!BACKENDS.includes(backend)) throw new Error(`Expected a backend of ${BACKENDS.join(', ')}, got ${backend}.`);

const report = await chaosRun({
  topology,
  backend,
  forMs: Number(values.minutes) * 60_000,
  seed: Number(values.seed),
  processes: Number(values.processes),
  isBehindAMap: values['behind-a-map'],
  onProgress: (line) => console.log(line),
  ...(values.mutant === undefined
    ? {}
    : { mutant: mutantNamed(values.mutant), faults: mutantNamed(values.mutant).faults }),
  ...(values.rest === undefined ? {} : { restMs: Number(values.rest) }),
  ...(values.faults === undefined ? {} : { faults: values.faults.split(',').filter(Boolean) }),
});
console.log(`${figures(report)}\n${tally(report)}`);
const failures = broken(report);
for (const failure of failures) console.log(`BROKEN: ${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;

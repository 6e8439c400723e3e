import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { formatTable, formatTarget } from './lib/report.js';
import { fileHits } from './suites/file-hits.js';
import { httpHits } from './suites/http-hits.js';
import { hybridHits } from './suites/hybrid-hits.js';
import { hybridInvalidation } from './suites/hybrid-invalidation.js';
import { memoryGrowth } from './suites/memory-growth.js';
import { memoryHits } from './suites/memory-hits.js';
import { memoryTurns } from './suites/memory-turns.js';
import { memoryZipf } from './suites/memory-zipf.js';
import { queryHits } from './suites/query-hits.js';
import { redisHits } from './suites/redis-hits.js';
import { typeormHits } from './suites/typeorm-hits.js';

const HELP = `Measures the kit side by side with its peers. See docs/performance.md.

  --suite NAME   only the suites whose name begins with NAME
  --check        only the suites with targets; ends with 1 when one is not met
  --quick        a run of seconds that shows that everything works; its figures mean nothing, and no target is checked
  --json FILE    writes all samples to FILE
  --kit FILE     measures another build: the path of its index.js`;

/** @type {import('./suites/suite.js').Suite[]} */
const SUITES = [
  httpHits,
  memoryHits,
  memoryTurns,
  memoryGrowth,
  memoryZipf,
  redisHits,
  fileHits,
  hybridHits,
  hybridInvalidation,
  queryHits,
  typeormHits,
];

const { values: options } = parseArgs({
  options: {
    suite: { type: 'string', default: '' },
    check: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    kit: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) console.log(HELP);
else await main();

async function main() {
  const suites = SUITES.filter(
    ({ name, hasTargets }) => name.startsWith(options.suite) && (hasTargets || !options.check),
  );
  if (suites.length === 0)
    throw new Error(
      `Expected \`--suite\` to begin one of ${SUITES.map(({ name }) => name).join(', ')}, got \`${options.suite}\`.`,
    );
  const kit = options.kit === undefined ? new URL('../dist/index.js', import.meta.url) : pathToFileURL(options.kit);
  /** @type {Record<string, unknown>} */
  const results = {};
  const targets = [];
  console.log(`Node ${process.versions.node}, ${availableParallelism()} cores\n`);
  for (const { name, measure } of suites) {
    const log = (/** @type {string} */ line) => console.error(`${name}: ${line}`);
    const section = await measure({ kit: kit.href, isQuick: options.quick, log });
    console.log(formatTable(section.table));
    targets.push(...section.targets);
    results[name] = section.results;
  }
  if (!options.quick) for (const target of targets) console.log(formatTarget(target));
  if (options.check && !options.quick && targets.some(({ isMet }) => !isMet)) process.exitCode = 1;
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify({ node: process.versions.node, results }));
}

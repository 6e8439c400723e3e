import { answerCommands } from './commands.js';

/*
 * The process of one case: opens a cache, prepares a workload on it, and measures an operation on command. Each case
 * has a process of its own, so that optimizations of the compiler for one cache do not slow down the next.
 */

/**
 * Operations by name. Two are not operations: `before` and `after` run around each sample, outside of the measurement.
 * @type {Record<string, (calls: number) => unknown>}
 */
let operations = {};
/** @type {import('../subjects/subject.js').Subject | undefined} */
let cache;

answerCommands({
  async open({ subject, workload, settings }) {
    const { open } = await import(`../subjects/${subject}.js`);
    const { prepare } = await import(`../workloads/${workload}.js`);
    cache = await open(settings);
    operations = await prepare(cache, settings);
  },
  async measure({ operation, calls }) {
    await operations.before?.(calls);
    const cpu = process.cpuUsage();
    const startedMs = performance.now();
    const figures = await operations[operation](calls);
    const wallMs = performance.now() - startedMs;
    const { user, system } = process.cpuUsage(cpu);
    await operations.after?.(calls);
    return { wallNs: (wallMs * 1e6) / calls, cpuNs: ((user + system) * 1e3) / calls, figures };
  },
  async close() {
    await cache?.close?.();
  },
});

/**
 * A part of the benchmark that can run alone.
 * @typedef {object} Suite
 * @property {string} name the name for `--suite`
 * @property {boolean} hasTargets true when `--check` runs it
 * @property {(run: Run) => Promise<Section>} measure
 */

/**
 * @typedef {{ kit: string, isQuick: boolean, log: (line: string) => void }} Run `kit` is the URL of the build that is
 * measured
 */
/**
 * @typedef {{ table: import('../lib/report.js').Table, targets: import('../lib/report.js').Target[], results: unknown
 * }} Section
 */

/** How much work goes into one suite. @param {Run} run @returns {import('../lib/measure.js').Effort} */
export function effort({ isQuick }) {
  return isQuick
    ? { generations: 1, rounds: 2, sampleMs: 2, warmUpMs: 5 }
    : { generations: 5, rounds: 5, sampleMs: 20, warmUpMs: 250 };
}

/**
 * @typedef {{ title: string, columns: readonly string[], rows: readonly (readonly string[])[] }} Table
 * @typedef {{ name: string, isMet: boolean, figure: string }} Target
 */

/** @param {readonly string[]} cells */
const rowOf = (cells) => `| ${cells.join(' | ')} |`;

/** Formats a Markdown table whose columns also line up as plain text. @param {Table} table */
export function formatTable({ title, columns, rows }) {
  const lines = [columns, ...rows];
  const widths = columns.map((_, column) => Math.max(...lines.map((cells) => cells[column].length)));
  /** @param {readonly string[]} cells */
  const line = (cells) =>
    rowOf(cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))));
  const rule = rowOf(widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)));
  return [`### ${title}`, '', line(columns), rule, ...rows.map(line), ''].join('\n');
}

/** @param {Target} target */
export function formatTarget({ name, isMet, figure }) {
  return `${isMet ? 'PASS' : 'FAIL'}  ${name}: ${figure}`;
}

/** @param {number} ns */
export function duration(ns) {
  return Math.abs(ns) < 1000 ? `${ns.toFixed(0)} ns` : `${(ns / 1000).toFixed(2)} µs`;
}

/** @param {number} ratio */
export function times(ratio) {
  return `${ratio.toFixed(ratio < 10 ? 2 : 0)}x`;
}

/** @param {number} share */
export function percent(share, digits = 0) {
  return `${(share * 100).toFixed(digits)}%`;
}

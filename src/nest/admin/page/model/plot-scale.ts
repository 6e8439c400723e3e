import type { Point } from './history.js';

export interface PlotScale {
  readonly fromMs: number;
  readonly toMs: number;
  /** Value at the top; the bottom is 0. */
  readonly top: number;
}

/** Width and height that paths are computed for; the page stretches them. */
export const PLOT = { width: 600, height: 120 } as const;
const LEAST_SPAN_MS = 60_000;

/** Rounds up to 1, 2 or 5 times a power of ten, so that the axis has a number that people can read. */
export function roundedUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((factor) => value <= factor * power * (1 + 1e-9)) ?? 10;
  return Number((step * power).toPrecision(1));
}

/** @param top the value at the top, where it does not follow from the points */
export function scaleOf(points: readonly Point[], windowMs: number, top?: number): PlotScale {
  const toMs = points.at(-1)?.atMs ?? 0;
  const spanMs = toMs - (points[0]?.atMs ?? toMs);
  return {
    fromMs: toMs - Math.min(windowMs, Math.max(LEAST_SPAN_MS, spanMs)),
    toMs,
    top: top ?? roundedUp(Math.max(0, ...points.map(({ value }) => value ?? 0))),
  };
}

/** Splits the points of the window where a value is missing: a line across the gap would be a claim. */
export function runsOf(points: readonly Point[], { fromMs }: PlotScale): { atMs: number; value: number }[][] {
  const runs: { atMs: number; value: number }[][] = [[]];
  for (const { atMs, value } of points) {
    if (value === null) runs.push([]);
    else if (atMs >= fromMs) runs.at(-1)?.push({ atMs, value });
  }
  return runs.filter((run) => run.length > 0);
}

/** The `d` of an SVG path through all points of the window. */
export function linePath(points: readonly Point[], scale: PlotScale): string {
  return runsOf(points, scale)
    .map((run) => run.map((point, at) => `${at === 0 ? 'M' : 'L'}${place(point, scale)}`).join('') + dot(run, scale))
    .join('');
}

/** The `d` of the area below that line. */
export function areaPath(points: readonly Point[], scale: PlotScale): string {
  return runsOf(points, scale)
    .map((run) => {
      const [first, last] = [run[0], run.at(-1)].map((point) => (point === undefined ? 0 : x(point.atMs, scale)));
      const line = run.map((point) => `L${place(point, scale)}`).join('');
      return `M${first ?? 0} ${PLOT.height}${line}L${last ?? 0} ${PLOT.height}Z`;
    })
    .join('');
}

/** A single point has no length: a line to itself makes its round end visible. */
function dot(run: readonly { atMs: number; value: number }[], scale: PlotScale): string {
  return run.length === 1 && run[0] !== undefined ? `L${place(run[0], scale)}` : '';
}

function place({ atMs, value }: { atMs: number; value: number }, scale: PlotScale): string {
  return `${x(atMs, scale)} ${rounded(PLOT.height * (1 - Math.min(1, Math.max(0, value / scale.top))))}`;
}

function x(atMs: number, { fromMs, toMs }: PlotScale): number {
  return rounded((PLOT.width * (atMs - fromMs)) / Math.max(1, toMs - fromMs));
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

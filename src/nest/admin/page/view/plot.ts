import { type Point, WINDOW_MS } from '../model/history.js';
import { duration } from '../model/format.js';
import { areaPath, linePath, PLOT, scaleOf } from '../model/plot-scale.js';
import { make, say } from './dom.js';

const SVG = 'http://www.w3.org/2000/svg';

export interface PlotOptions {
  readonly title: string;
  readonly format: (value: number) => string;
  /** Value at the top. @default a round number above all values */
  readonly top?: number;
}

/** A card with a number, and the line of its last minutes. */
export class Plot {
  readonly element: HTMLElement;
  readonly #options: PlotOptions;
  readonly #big = make('p', { class: 'big', text: '–' });
  readonly #note = make('p', { class: 'note' });
  readonly #topValue = make('span', { class: 'top-value' });
  readonly #waiting = make('span', { class: 'waiting', text: 'Collecting …' });
  readonly #from = make('span');
  readonly #svg = shape('svg', {
    viewBox: `0 0 ${PLOT.width} ${PLOT.height}`,
    preserveAspectRatio: 'none',
    role: 'img',
  });
  readonly #line = shape('path', { class: 'line', 'vector-effect': 'non-scaling-stroke' });
  readonly #area = shape('path', { class: 'area' });

  constructor(options: PlotOptions) {
    this.#options = options;
    const lines = [0, 0.5, 1].map((share) => {
      const y = String(share * PLOT.height);
      return shape('line', {
        class: 'grid',
        x1: '0',
        x2: String(PLOT.width),
        y1: y,
        y2: y,
        'vector-effect': 'non-scaling-stroke',
      });
    });
    this.#svg.append(...lines, this.#area, this.#line);
    this.element = make(
      'div',
      { class: 'card plot' },
      make('h3', { text: options.title }),
      this.#big,
      this.#note,
      make('div', { class: 'drawing' }, this.#svg, this.#topValue, this.#waiting),
      make('div', { class: 'times' }, this.#from, make('span', { text: 'now' })),
    );
  }

  show(text: { big: string; note: string }, points: readonly Point[]): void {
    const { title, format } = this.#options;
    say(this.#big, text.big);
    say(this.#note, text.note);
    const scale = scaleOf(points, WINDOW_MS, this.#options.top);
    const values = points.flatMap(({ value }) => (value === null ? [] : [value]));
    this.#waiting.hidden = values.length > 0;
    say(this.#waiting, points.length === 0 ? 'Collecting …' : 'Nothing to measure yet');
    this.#line.setAttribute('d', linePath(points, scale));
    this.#area.setAttribute('d', areaPath(points, scale));
    say(this.#topValue, values.length === 0 ? '' : format(scale.top));
    say(this.#from, `${duration(Math.round((scale.toMs - scale.fromMs) / 10_000) * 10_000)} ago`);
    this.#svg.setAttribute('aria-label', `${title} over the last minutes: ${spread(values, format)}`);
  }
}

function spread(values: readonly number[], format: (value: number) => string): string {
  if (values.length === 0) return 'nothing measured yet';
  return `lowest ${format(Math.min(...values))}, highest ${format(Math.max(...values))}`;
}

function shape(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

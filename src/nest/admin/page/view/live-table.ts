import { button, make, say, shareBar } from './dom.js';

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly isNumber?: boolean;
  /** Draws a bar below the text. @returns 0 to 1 */
  readonly share?: (row: Row) => number;
  /** Makes the text a button. */
  readonly onClick?: (row: Row) => void;
}

export interface TableOptions<Row> {
  readonly caption: string;
  readonly note: string;
  /** The sentence in place of an empty table. */
  readonly empty: string;
  readonly columns: readonly Column<Row>[];
}

type Cell<Row> = (row: Row) => void;
const SHOWN_FIRST = 8;

/** A table whose cells are rewritten in place, so that the focus and a selection survive every second. */
export class LiveTable<Row> {
  readonly element = make('div', { class: 'card' });
  readonly #options: TableOptions<Row>;
  readonly #body = make('tbody');
  readonly #table: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #more: HTMLButtonElement;
  readonly #cells: Cell<Row>[][] = [];
  #rows: readonly Row[] = [];
  #isWhole = false;

  constructor(options: TableOptions<Row>) {
    this.#options = options;
    const { caption, note, empty, columns } = options;
    const head = columns.map(({ title, isNumber }) =>
      make('th', { text: title, attributes: { scope: 'col' }, ...(isNumber === true ? { class: 'number' } : {}) }),
    );
    const table = make(
      'table',
      {},
      make('caption', { text: caption }, make('span', { text: note })),
      make('thead', {}, make('tr', {}, ...head)),
      this.#body,
    );
    this.#table = make(
      'div',
      { class: 'scroll', attributes: { tabindex: '0', role: 'region', 'aria-label': caption } },
      table,
    );
    this.#empty = make('p', { class: 'empty', text: empty });
    this.#more = button(
      '',
      () => {
        this.#isWhole = !this.#isWhole;
        this.show(this.#rows);
      },
      'link',
    );
    this.element.append(this.#table, this.#empty, this.#more);
  }

  show(rows: readonly Row[]): void {
    this.#rows = rows;
    const shown = this.#isWhole ? rows : rows.slice(0, SHOWN_FIRST);
    while (this.#cells.length < shown.length) this.#addRow();
    this.#cells.splice(shown.length);
    while (this.#body.rows.length > shown.length) this.#body.deleteRow(-1);
    shown.forEach((row, at) => this.#cells[at]?.forEach((write) => write(row)));
    this.#empty.hidden = rows.length > 0;
    this.#body.parentElement?.classList.toggle('is-empty', rows.length === 0);
    (this.#body.previousElementSibling as HTMLElement).hidden = rows.length === 0;
    this.#more.hidden = rows.length <= SHOWN_FIRST;
    say(this.#more, this.#isWhole ? 'Show fewer' : `Show all ${rows.length}`);
  }

  #addRow(): void {
    const row = this.#body.insertRow();
    this.#cells.push(this.#options.columns.map((column, at) => cell(row, column, at === 0)));
  }
}

function cell<Row>(row: HTMLTableRowElement, column: Column<Row>, isName: boolean): Cell<Row> {
  const element = row.insertCell();
  element.className = column.isNumber === true ? 'number' : isName ? 'name' : '';
  const { onClick, share, text } = column;
  let current: Row | undefined;
  const label =
    onClick === undefined ? make('span') : button('', () => current !== undefined && onClick(current), 'link');
  element.append(label);
  const bar = share === undefined ? undefined : shareBar();
  if (bar !== undefined) element.append(bar.element);
  return (now) => {
    current = now;
    say(label, text(now));
    if (share !== undefined) bar?.show(share(now));
  };
}

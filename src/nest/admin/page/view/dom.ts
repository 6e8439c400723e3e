/** Properties and attributes of a new element. Texts come from the server: they are never read as markup. */
export interface Parts {
  readonly class?: string;
  readonly text?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  parts: Parts = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  if (parts.class !== undefined) element.className = parts.class;
  if (parts.text !== undefined) element.textContent = parts.text;
  for (const [attribute, value] of Object.entries(parts.attributes ?? {})) element.setAttribute(attribute, value);
  element.append(...children);
  return element;
}

export function button(text: string, onClick: () => void, className?: string): HTMLButtonElement {
  const element = make('button', {
    text,
    attributes: { type: 'button' },
    ...(className === undefined ? {} : { class: className }),
  });
  element.addEventListener('click', onClick);
  return element;
}

/** Returns an element of index.html. */
export function part<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`The page has no element #${id}.`);
  return element as T;
}

/** Writes a text only where it differs: nothing else is drawn again, or read aloud again. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Returns the text of a field of a form; empty where the form has no such field. */
export function fieldOf(form: HTMLFormElement, name: string): string {
  const value = new FormData(form).get(name);
  return typeof value === 'string' ? value : '';
}

/** A thin bar that fills with a share of 0 to 1. */
export function shareBar(): { element: HTMLElement; show: (share: number) => void } {
  const fill = make('div', { class: 'bar-fill' });
  return {
    element: make('div', { class: 'track', attributes: { 'aria-hidden': 'true' } }, fill),
    show: (share) => fill.style.setProperty('width', `${Math.min(100, Math.max(0, share * 100)).toFixed(1)}%`),
  };
}

/** A list of names and texts. */
export function facts(rows: readonly (readonly [string, string | Node] | undefined)[]): HTMLElement {
  const list = make('dl', { class: 'facts' });
  for (const row of rows) {
    if (row === undefined) continue;
    list.append(make('div', {}, make('dt', { text: row[0] }), make('dd', {}, row[1])));
  }
  return list;
}

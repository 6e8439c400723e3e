import { bytes, count, duration, entries, expiry } from '../model/format.js';
import { question, result } from '../model/invalidation.js';
import type { Address, Entry, EntryPage, Explanation } from '../model/shapes.js';
import { addressesOf, globOf } from '../model/urls.js';
import { type AdminClient, messageOfError } from './admin-client.js';
import { confirmed } from './confirmation.js';
import { button, facts, fieldOf, make, part, say } from './dom.js';

interface Query {
  readonly namespace?: string;
  readonly pattern?: string;
}

/** The list of entries, and the explanation of one. */
export class EntryBrowser {
  readonly #client: AdminClient;
  readonly #form = part<HTMLFormElement>('search');
  readonly #note = part('search-note');
  #query: Query | undefined;
  /** Cursors of the pages before the one that is shown. */
  #cursors: (string | undefined)[] = [];
  #cursor: string | undefined;

  constructor(client: AdminClient) {
    this.#client = client;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const { key, namespace } = this.#fields();
      const pattern = globOf(key);
      this.#query = { ...(pattern === undefined ? {} : { pattern }), ...namespace };
      this.#cursors = [];
      void this.#open(undefined);
    });
    part('explain-key').addEventListener('click', () => {
      const { key, namespace } = this.#fields();
      if (key === '') this.#say('Write the key first.');
      else void this.explain([{ key, ...namespace }]);
    });
  }

  /** Reads the page that is shown again, where one is shown. */
  async refresh(): Promise<void> {
    if (this.#query !== undefined) await this.#open(this.#cursor);
  }

  /** Explains a key as the statistics show it, which is in one of these namespaces, or in none. */
  async explainShown(shownKey: string, namespaces: readonly string[]): Promise<void> {
    await this.explain(addressesOf(shownKey, namespaces));
    part('entries').scrollIntoView();
  }

  /** Explains the first of the addresses under which something is stored, or the last one. */
  async explain(addresses: readonly Address[]): Promise<void> {
    await this.#trying(async () => {
      for (const [at, address] of addresses.entries()) {
        const explanation = await this.#client.explain(address);
        if (explanation.state === 'absent' && at < addresses.length - 1) continue;
        this.#showExplanation(explanation, await this.#client.entry(address));
        return;
      }
    });
  }

  #fields(): { key: string; namespace: { namespace?: string } } {
    const namespace = fieldOf(this.#form, 'namespace');
    return { key: fieldOf(this.#form, 'pattern'), namespace: namespace === '' ? {} : { namespace } };
  }

  async #open(cursor: string | undefined): Promise<void> {
    await this.#trying(async () => {
      const page = await this.#client.list({ ...this.#query, ...(cursor === undefined ? {} : { cursor }) });
      this.#cursor = cursor;
      this.#showPage(page);
    });
  }

  #showPage({ entries: found, cursor }: EntryPage): void {
    const isOnlyPage = cursor === undefined && this.#cursors.length === 0;
    this.#say(
      isOnlyPage ? `${entries(found.length)} found.` : `${entries(found.length)} on page ${this.#cursors.length + 1}.`,
    );
    const turns = make('p', { class: 'buttons' });
    if (this.#cursors.length > 0) turns.append(button('Previous page', () => void this.#open(this.#cursors.pop())));
    if (cursor !== undefined)
      turns.append(
        button('Next page', () => {
          this.#cursors.push(this.#cursor);
          void this.#open(cursor);
        }),
      );
    part('found').replaceChildren(...(found.length === 0 ? [] : [this.#table(found)]), turns);
  }

  #table(found: readonly Entry[]): HTMLElement {
    const titles = ['Key', 'Namespace', 'Tags', 'State', 'Expires', 'Hits', 'Size'];
    const head = titles.map((text, at) =>
      make('th', { text, attributes: { scope: 'col' }, ...(at > 4 ? { class: 'number' } : {}) }),
    );
    const rows = found.map((entry) => this.#row(entry));
    const table = make(
      'table',
      {},
      make('caption', { class: 'hidden', text: 'Entries that were found' }),
      make('thead', {}, make('tr', {}, ...head)),
      make('tbody', {}, ...rows),
    );
    return make(
      'div',
      { class: 'scroll', attributes: { tabindex: '0', role: 'region', 'aria-label': 'Entries' } },
      table,
    );
  }

  #row(entry: Entry): HTMLElement {
    const { key, namespace, tags, state, expiresAt, hitCount, sizeBytes } = entry;
    const explain = button(key, () => void this.explain([addressOf(entry)]), 'link');
    return make(
      'tr',
      {},
      make('td', { class: 'name' }, explain),
      make('td', { text: namespace ?? '–' }),
      make('td', {}, ...tags.map((tag) => make('span', { class: 'tag', text: tag }))),
      make('td', { text: state }),
      make('td', { text: expiry(expiresAt, Date.now()) }),
      make('td', { class: 'number', text: count(hitCount) }),
      make('td', { class: 'number', text: sizeBytes === undefined ? '–' : bytes(sizeBytes) }),
    );
  }

  #showExplanation(explanation: Explanation, entry: Entry | undefined): void {
    const { nextRead, reason } = explanation;
    const close = button('Close', () => part('explained').replaceChildren());
    const buttons = make('p', { class: 'buttons' }, close);
    if (entry !== undefined) buttons.prepend(button('Remove …', () => void this.#remove(addressOf(entry)), 'danger'));
    const element = make(
      'div',
      { class: `explanation ${nextRead}`, attributes: { role: 'status', tabindex: '-1' } },
      make('p', { text: `The next read of '${explanation.key}' is a ${nextRead}.` }),
      make('p', { text: reason }),
      factsOf(explanation),
      ...(entry !== undefined && 'value' in entry ? [make('pre', { text: JSON.stringify(entry.value, null, 2) })] : []),
      buttons,
    );
    part('explained').replaceChildren(element);
    element.focus();
  }

  async #remove(address: Address): Promise<void> {
    const target = { by: 'key', ...address } as const;
    if (!(await confirmed(question(target, 1), 'Remove'))) return;
    await this.#trying(async () => {
      const amount = await this.#client.remove(target);
      part('explained').replaceChildren();
      await this.refresh();
      this.#say(result(target, amount));
    });
  }

  async #trying(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#say(messageOfError(error));
      this.#note.classList.add('bad');
    }
  }

  #say(text: string): void {
    this.#note.classList.remove('bad');
    say(this.#note, text);
  }
}

function addressOf({ key, namespace }: Address): Address {
  return { key, ...(namespace === undefined ? {} : { namespace }) };
}

function factsOf(explanation: Explanation): HTMLElement {
  const { namespace, storedKey, tiers, tags, ageMs, ttlMs, remainingMs, hitCount, sizeBytes } = explanation;
  const tagList = make('span', {}, ...tags.map((tag) => make('span', { class: 'tag', text: tag })));
  return facts([
    ['Namespace', namespace ?? 'none'],
    ['Stored as', storedKey],
    ['Tiers', tiers.map(({ name, state }) => `${name}: ${state}`).join(', ')],
    tags.length === 0 ? undefined : ['Tags', tagList],
    ageMs === undefined ? undefined : ['Age', duration(ageMs)],
    ttlMs === undefined ? undefined : ['TTL', ttlMs === null ? 'for ever' : duration(ttlMs)],
    remainingMs === undefined ? undefined : ['Fresh for', freshFor(remainingMs)],
    hitCount === undefined ? undefined : ['Hits', count(hitCount)],
    sizeBytes === undefined ? undefined : ['Size', bytes(sizeBytes)],
  ]);
}

function freshFor(remainingMs: number | null): string {
  if (remainingMs === null) return 'ever';
  return remainingMs > 0 ? duration(remainingMs) : `expired ${duration(-remainingMs)} ago`;
}

import { entries } from '../model/format.js';
import { counted, type Happening, nextStep, question, result, type Step, type Target } from '../model/invalidation.js';
import { type AdminClient, messageOfError } from './admin-client.js';
import { confirmed } from './confirmation.js';
import { button, fieldOf, make, part } from './dom.js';

/** The form that removes entries: it counts them, asks, and then removes them. */
export class InvalidationForm {
  readonly #client: AdminClient;
  readonly #onRemoved: () => void;
  readonly #form = part<HTMLFormElement>('invalidation');
  #step: Step = { at: 'idle' };

  /** @param onRemoved runs after each removal */
  constructor(client: AdminClient, onRemoved: () => void) {
    this.#client = client;
    this.#onRemoved = onRemoved;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#count();
    });
    this.#form.addEventListener('input', () => {
      this.#showFields();
      this.#moveOn({ kind: 'edited' });
    });
    this.#showFields();
  }

  async #count(): Promise<void> {
    this.#moveOn({ kind: 'asked' });
    try {
      const target = this.#target();
      this.#moveOn({ kind: 'counted', target, amount: await this.#client.count(target) });
    } catch (error) {
      this.#moveOn({ kind: 'failed', message: messageOfError(error) });
    }
  }

  async #remove(target: Target, amount: number): Promise<void> {
    if (!(await confirmed(question(target, amount), `${verbOf(target)} ${entries(amount)}`))) return;
    this.#moveOn({ kind: 'confirmed' });
    try {
      this.#moveOn({ kind: 'removed', amount: await this.#client.remove(target) });
      this.#onRemoved();
    } catch (error) {
      this.#moveOn({ kind: 'failed', message: messageOfError(error) });
    }
  }

  #moveOn(happening: Happening): void {
    this.#step = nextStep(this.#step, happening);
    part('outcome').replaceChildren(...this.#outcome(this.#step));
  }

  #outcome(step: Step): Node[] {
    switch (step.at) {
      case 'idle':
        return [];
      case 'counting':
        return [make('p', { text: 'Counting …' })];
      case 'removing':
        return [make('p', { text: 'Removing …' })];
      case 'done':
        return [make('p', { text: result(step.target, step.amount) })];
      case 'failed':
        return [make('p', { class: 'bad', text: step.message })];
      case 'counted': {
        const { target, amount } = step;
        const text = make('p', { text: counted(target, amount) });
        if (amount === 0) return [text];
        return [
          text,
          button(`${verbOf(target)} ${entries(amount)} …`, () => void this.#remove(target, amount), 'danger'),
        ];
      }
    }
  }

  #target(): Target {
    const text = (name: string): string => fieldOf(this.#form, name);
    const namespace = text('namespace');
    const inNamespace = namespace === '' ? {} : { namespace };
    const soft = text('soft') !== '';
    switch (text('by')) {
      case 'tags':
        return { by: 'tags', tags: lines(text('tags')), mode: text('mode') === 'all' ? 'all' : 'any', soft };
      case 'namespace':
        return { by: 'namespace', namespace: needed(namespace, 'a namespace'), soft };
      case 'pattern':
        return { by: 'pattern', pattern: needed(text('pattern'), 'a pattern'), ...inNamespace };
      case 'key':
        return { by: 'key', key: needed(text('key'), 'a key'), ...inNamespace };
      default:
        return { by: 'all' };
    }
  }

  #showFields(): void {
    const by = fieldOf(this.#form, 'by');
    for (const field of this.#form.querySelectorAll<HTMLElement>('[data-for]'))
      field.hidden = !(field.dataset['for'] ?? '').split(' ').includes(by);
  }
}

function verbOf(target: Target): string {
  return 'soft' in target && target.soft ? 'Expire' : 'Remove';
}

function lines(text: string): string[] {
  const tags = text.split('\n').filter((line) => line !== '');
  if (tags.length === 0) throw new Error('Write a tag first.');
  return tags;
}

function needed(text: string, name: string): string {
  if (text === '') throw new Error(`Write ${name} first.`);
  return text;
}

import Table from 'cli-table3';

/** The streams that a command writes to. */
export interface OutputStreams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Results of a command: tables and sentences on a terminal, JSON lines in a pipe. */
export class Output {
  readonly #streams: OutputStreams;

  constructor(streams: OutputStreams) {
    this.#streams = streams;
  }

  get isTerminal(): boolean {
    return this.#streams.stdout.isTTY;
  }

  /** Writes a result in one of its two forms. */
  result(json: unknown, text: () => string): void {
    this.#streams.stdout.write(`${this.isTerminal ? text() : JSON.stringify(json)}\n`);
  }

  /** Writes a sentence for a person beside the results. */
  note(text: string): void {
    this.#streams.stderr.write(`${text}\n`);
  }
}

type Cell = string | number | null | undefined;

/** Draws a table without colours. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const drawn = new Table({ head: head.map(printable), style: { head: [], border: [] } });
  drawn.push(...rows.map((row) => row.map((cell) => printable(String(cell ?? '-')))));
  return drawn.toString();
}

/** Shows control characters as their codes: a key must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

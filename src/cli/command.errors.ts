/** Exit codes of the command line. */
export const EXIT = { done: 0, nothing: 1, wrongUse: 2, unreachable: 3, interrupted: 130 } as const;

/** A failure that ends a command, with its exit code and a message that says what to do. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

export function wrongUse(message: string): CommandError {
  return new CommandError(message, EXIT.wrongUse);
}

export function unreachable(message: string): CommandError {
  return new CommandError(message, EXIT.unreachable);
}

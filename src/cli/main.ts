import { readFileSync } from 'node:fs';
import { CommandError, EXIT } from './command.errors.js';
import { buildProgram } from './program.js';
import { Secrets } from './secrets.js';

/** Runs a command, and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  // On Linux this overwrites the arguments that other users can see.
  process.title = 'nestjs-cache-kit';
  const secrets = new Secrets();
  const interruption = new AbortController();
  process.on('SIGINT', () => {
    // Somebody who interrupts twice does not wait for the end.
    if (interruption.signal.aborted) process.exit(EXIT.interrupted);
    interruption.abort();
  });
  for (const stream of [process.stdout, process.stderr])
    // The reader of the pipe, such as `head`, has enough.
    stream.on('error', () => process.exit(EXIT.done));
  const code = await codeOf(argv, secrets, interruption.signal);
  await Promise.all([process.stdout, process.stderr].map((stream) => written(stream)));
  // Modules that `warm` has loaded might keep the process.
  process.exit(interruption.signal.aborted ? EXIT.interrupted : code);
}

async function codeOf(argv: readonly string[], secrets: Secrets, signal: AbortSignal): Promise<number> {
  let code: number = EXIT.done;
  const program = buildProgram({ version: versionOfPackage(), secrets, signal, onEnd: (end) => (code = end) });
  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    return report(error, secrets, signal);
  }
}

function report(error: unknown, secrets: Secrets, signal: AbortSignal): number {
  if (signal.aborted) return EXIT.interrupted;
  const {
    code = '',
    exitCode = EXIT.wrongUse,
    message,
  } = error as { code?: string; exitCode?: number; message: string };
  // Commander has written its message, or the help, already.
  if (code.startsWith('commander.')) return exitCode === 0 ? EXIT.done : EXIT.wrongUse;
  process.stderr.write(`${secrets.hide(message)}\n`);
  return error instanceof CommandError ? error.exitCode : EXIT.wrongUse;
}

function versionOfPackage(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

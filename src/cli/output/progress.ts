import cliProgress from 'cli-progress';

/** Progress of long work, on the terminal alone. */
export interface Progress {
  update(done: number, failed: number): void;
  stop(): void;
}

const SILENT: Progress = { update: () => undefined, stop: () => undefined };

/** @param total number of all keys; `undefined` when it is not known */
export function startProgress(stream: NodeJS.WriteStream, total: number | undefined): Progress {
  if (!stream.isTTY) return SILENT;
  const format =
    total === undefined ? '{value} keys, {failed} failed' : '[{bar}] {value}/{total} keys, {failed} failed';
  const bar = new cliProgress.SingleBar({ format, stream, hideCursor: true }, cliProgress.Presets.legacy);
  bar.start(total ?? 0, 0, { failed: 0 });
  return { update: (done, failed) => bar.update(done, { failed }), stop: () => bar.stop() };
}

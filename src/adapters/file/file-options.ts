import { resolve } from 'node:path';
import { checkNames, expected, readBoolean } from '../../core/vocabulary/option-checks.js';

export interface FileOptions {
  /**
   * Where the files are: on a disk of this machine, not on a network share. It is made if it is missing, readable by
   * its owner alone. Caches of other names have folders of their own in it.
   * @default '.cache/cache-kit' below the working directory
   */
  directory?: string;
  /** Bytes of the entries; the files take two to four times as much, and do not shrink. @default 536870912 (512 MiB) */
  maxBytes?: number;
  /**
   * False: what was acknowledged survives the end of the process, however sudden, and not a power cut. True: each
   * acknowledged write is flushed to the disk before.
   * @default false
   */
  durable?: boolean;
}

/** `FileOptions`, read once. */
export interface ResolvedFileOptions {
  readonly directory: string;
  readonly maxBytes: number;
  readonly isDurable: boolean;
}

const DEFAULT_DIRECTORY = '.cache/cache-kit';
const DEFAULT_MAX_BYTES = 512 * 1024 * 1024;
/** Less would be evicted before it is of use. */
const SMALLEST_MAX_BYTES = 64 * 1024;

export function readFileOptions(options: FileOptions = {}): ResolvedFileOptions {
  checkNames(options, ['directory', 'maxBytes', 'durable'], 'file');
  return Object.freeze({
    directory: readDirectory(options.directory),
    maxBytes: readMaxBytes(options.maxBytes),
    isDurable: readBoolean(options.durable, 'file.durable', false),
  });
}

function readDirectory(directory: unknown = DEFAULT_DIRECTORY): string {
  if (typeof directory === 'string' && directory !== '') return resolve(directory);
  throw expected('file.directory', "a path such as '/var/cache/shop'", directory);
}

function readMaxBytes(maxBytes: unknown = DEFAULT_MAX_BYTES): number {
  if (Number.isSafeInteger(maxBytes) && (maxBytes as number) >= SMALLEST_MAX_BYTES) return maxBytes as number;
  throw expected('file.maxBytes', `a whole number of bytes, ${SMALLEST_MAX_BYTES} or more`, maxBytes);
}

import { resolve } from 'node:path';
import { checkNames, expected, type OtherNames, readBoolean } from '../../core/vocabulary/option-checks.js';

export interface FileOptions {
  /**
   * The directory of the files: on a disk of this machine, not on a network share. It is made if it is missing,
   * readable by its owner alone. Each cache has a folder of its own in it, with the name of the cache.
   * @default '.cache/cache-kit' below the working directory
   */
  directory?: string;
  /** Bytes of all entries. The files take two to four times as much, and do not shrink. @default 536870912 (512 MiB) */
  maxBytes?: number;
  /**
   * True to flush each write to the disk before it is acknowledged. False: acknowledged writes survive the end of the
   * process, also by `kill -9`, but not a power cut.
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
/** Bytes of the smallest limit: with less, entries would be evicted before they are of use. */
const LEAST_MAX_BYTES = 64 * 1024;

const OPTION_NAMES: readonly string[] = ['directory', 'maxBytes', 'durable'] satisfies (keyof FileOptions)[];

/** Names of these options in other libraries or at another level. */
const OTHER_NAMES: OtherNames = {
  path: '`file.directory`',
  dir: '`file.directory`',
  folder: '`file.directory`',
  filename: '`file.directory`',
  base: '`file.directory`',
  max: '`file.maxBytes`',
  maxSize: '`file.maxBytes`',
  mapSize: '`file.maxBytes`',
  maxEntries: '`file.maxBytes`',
  sync: '`file.durable`',
  noSync: '`file.durable`',
  ttl: '`defaultTtl` beside `file`',
  defaultTtl: '`defaultTtl` beside `file`',
  compression: '`compression` beside `file`',
  encryption: '`encryption` beside `file`',
  encryptionKey: '`encryption` beside `file`',
};

/** @throws CacheConfigError that names the first wrong option */
export function readFileOptions(file: FileOptions = {}): ResolvedFileOptions {
  checkNames(file, OPTION_NAMES, 'file.', OTHER_NAMES);
  return Object.freeze({
    directory: readDirectory(file.directory),
    maxBytes: readMaxBytes(file.maxBytes),
    isDurable: readBoolean(file.durable, 'file.durable', false),
  });
}

function readDirectory(directory: unknown = DEFAULT_DIRECTORY): string {
  if (typeof directory === 'string' && directory !== '' && !directory.includes('\0')) return resolve(directory);
  throw expected('file.directory', "a path such as '/var/cache/shop'", directory);
}

function readMaxBytes(maxBytes: unknown = DEFAULT_MAX_BYTES): number {
  if (Number.isSafeInteger(maxBytes) && (maxBytes as number) >= LEAST_MAX_BYTES) return maxBytes as number;
  throw expected('file.maxBytes', `a whole number of bytes, ${LEAST_MAX_BYTES} or more`, maxBytes);
}

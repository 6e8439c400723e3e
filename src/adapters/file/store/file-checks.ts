import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/*
 * lmdb 3.5.6 does not report every file that it cannot use as an error. So the usual reasons are found here, before
 * lmdb is called, and pages that are missing at the end of the data file are added: lmdb then reports them as damaged.
 * Pages with other wrong contents are not found.
 *
 * The data file begins with two pages that describe it, from the two latest transactions:
 *
 *    0  page header   24
 *   24  magic          4  number that every file of lmdb has
 *   28  version        4
 *   32                16
 *   48  page size      4  the second description begins at this offset of the file
 *   52                92
 *  144  last page      8  number of the last page in use
 *  152  transaction    8  number of the transaction that wrote the description
 */
const DATA_FILE = 'data.mdb';
const LOCK_FILE = 'lock.mdb';
const MAGIC = 0xbeefc0de;
const MAGIC_OFFSET = 24;
const PAGE_SIZE_OFFSET = 48;
const LAST_PAGE_OFFSET = 144;
const TRANSACTION_OFFSET = 152;
const DESCRIPTION_BYTES = 160;
const LARGEST_PAGE_BYTES = 65_536;
/** Bytes that new files need at once. */
const NEW_FILES_BYTES = 32_768;

/**
 * Checks that lmdb can open the files in a directory, or make them.
 * @throws Error that says why it could not
 */
export function checkFiles(directory: string): void {
  accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  const [data, lock] = [join(directory, DATA_FILE), join(directory, LOCK_FILE)];
  for (const path of [data, lock]) if (existsSync(path)) checkAccess(path);
  if (!existsSync(data) || !existsSync(lock)) checkSpace(directory);
  if (existsSync(data)) checkDataFile(data);
}

/** True when the data file ends before its last page in use. */
export function isCutOff(directory: string): boolean {
  const path = join(directory, DATA_FILE);
  return statSync(path).size < lengthInUse(path);
}

/**
 * Adds empty pages to a data file that is cut off. Other processes must not write meanwhile: call it in a transaction.
 */
export function addMissingPages(directory: string): void {
  const path = join(directory, DATA_FILE);
  if (isCutOff(directory)) truncateSync(path, lengthInUse(path));
}

function checkAccess(path: string): void {
  if (!statSync(path).isFile()) throw new Error(`${path} is not a file`);
  accessSync(path, constants.R_OK | constants.W_OK);
}

function checkSpace(directory: string): void {
  const path = join(directory, `.probe-${process.pid}`);
  try {
    writeFileSync(path, Buffer.alloc(NEW_FILES_BYTES));
  } finally {
    rmSync(path, { force: true });
  }
}

function checkDataFile(path: string): void {
  // Another process may be about to write it.
  if (statSync(path).size === 0 || readDescriptions(path) !== undefined) return;
  throw new Error(`${path} is not a file of lmdb, or its beginning is damaged`);
}

/** Bytes up to the end of the last page in use. */
function lengthInUse(path: string): number {
  const descriptions = readDescriptions(path) ?? [];
  const [latest] = descriptions.sort((one, other) => other.transaction - one.transaction);
  return latest === undefined ? 0 : (latest.lastPage + 1) * latest.pageSize;
}

interface Description {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: number;
}

/** Both descriptions of a data file; `undefined` where one is damaged. */
function readDescriptions(path: string): Description[] | undefined {
  const file = openSync(path, 'r');
  try {
    const first = readDescription(file, 0);
    const second = first === undefined ? undefined : readDescription(file, first.pageSize);
    return first === undefined || second === undefined ? undefined : [first, second];
  } finally {
    closeSync(file);
  }
}

function readDescription(file: number, offset: number): Description | undefined {
  const bytes = Buffer.alloc(DESCRIPTION_BYTES);
  const length = readSync(file, bytes, 0, DESCRIPTION_BYTES, offset);
  const pageSize = bytes.readUInt32LE(PAGE_SIZE_OFFSET);
  const isWhole = length === DESCRIPTION_BYTES && bytes.readUInt32LE(MAGIC_OFFSET) === MAGIC;
  if (!isWhole || pageSize === 0 || pageSize > LARGEST_PAGE_BYTES) return undefined;
  return {
    pageSize,
    lastPage: Number(bytes.readBigUInt64LE(LAST_PAGE_OFFSET)),
    transaction: Number(bytes.readBigUInt64LE(TRANSACTION_OFFSET)),
  };
}

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/*
 * lmdb 3.5.6 ends the process with a segmentation fault when it cannot open its files: it closes what it has freed
 * (EnvWrap::open in its env.cpp). The usual reasons are found here before lmdb is called. Damage further inside is not
 * found. The data file begins with two pages that describe it:
 *
 *    0  page header  24
 *   24  magic         4  number that every file of lmdb has
 *   28  version       4
 *   32                16
 *   48  page size     4  the second description begins at this offset of the file
 */
const DATA_FILE = 'data.mdb';
const LOCK_FILE = 'lock.mdb';
const MAGIC = 0xbeefc0de;
const MAGIC_OFFSET = 24;
const PAGE_SIZE_OFFSET = 48;
/** Bytes that are read of a description. */
const DESCRIPTION_BYTES = 64;
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
  const file = openSync(path, 'r');
  try {
    const first = readDescription(file, 0);
    // Another process may be about to write it.
    if (first.length === 0) return;
    const pageSize = isDescription(first) ? first.readUInt32LE(PAGE_SIZE_OFFSET) : 0;
    const isWhole = 0 < pageSize && pageSize <= LARGEST_PAGE_BYTES && isDescription(readDescription(file, pageSize));
    if (!isWhole) throw new Error(`${path} is not a file of lmdb, or its beginning is damaged`);
  } finally {
    closeSync(file);
  }
}

function readDescription(file: number, offset: number): Buffer {
  const bytes = Buffer.alloc(DESCRIPTION_BYTES);
  return bytes.subarray(0, readSync(file, bytes, 0, DESCRIPTION_BYTES, offset));
}

function isDescription(bytes: Buffer): boolean {
  return bytes.length === DESCRIPTION_BYTES && bytes.readUInt32LE(MAGIC_OFFSET) === MAGIC;
}

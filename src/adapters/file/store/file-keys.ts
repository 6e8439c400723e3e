import { hash } from 'node:crypto';

/** Largest key, and largest namespace, in bytes, that an id contains unhashed. lmdb accepts ids of 1,978 bytes. */
const PLAIN_BYTES = 512;
const VERSION_BYTES = 8;
const DIGEST_BYTES = 16;
const NONE = Buffer.of(0);
const PLAIN = 1;
const HASHED = 2;
/** A byte that UTF-8 never has, so no unhashed key begins like a hashed one. */
const HASHED_KEY = Buffer.of(0xff);

/**
 * Makes the names in the store, for one version of a cache. An id is version, namespace and key, in this order, so that
 * the entries of a namespace are neighbours. The length of the namespace comes before it, so no key can pretend to be
 * part of a namespace.
 */
export class FileKeys {
  readonly #version: Buffer;
  #lastNamespace: string | undefined;
  #lastPrefix: Buffer;

  constructor(version: string | undefined) {
    this.#version = digest(version === undefined ? 'no version' : `version ${version}`).subarray(0, VERSION_BYTES);
    this.#lastPrefix = Buffer.concat([this.#version, NONE]);
  }

  /** Returns the id of an entry. Long keys are hashed; readers compare the key in the header of the record. */
  entry(key: string, namespace: string | undefined): Buffer {
    const prefix = this.namespace(namespace);
    const plain = Buffer.from(key);
    return Buffer.concat(plain.length <= PLAIN_BYTES ? [prefix, plain] : [prefix, HASHED_KEY, digest(key)]);
  }

  /** Returns the beginning of the ids of a namespace, and of no others. */
  namespace(namespace: string | undefined): Buffer {
    if (namespace !== this.#lastNamespace) {
      this.#lastNamespace = namespace;
      this.#lastPrefix = Buffer.concat([this.#version, namespace === undefined ? NONE : namespacePart(namespace)]);
    }
    return this.#lastPrefix;
  }

  /** The beginning of all ids of this version. */
  get all(): Buffer {
    return this.#version;
  }

  /** Returns the beginning of the rows of a tag in the table `tags`. */
  tag(tag: string): Buffer {
    return tagPart(this.#version, tag);
  }

  /** Returns the 16 bytes that name a mark. */
  mark(kind: 'tag' | 'namespace' | 'all' | 'tags' | 'pattern', name: string): Buffer {
    return digest(Buffer.concat([this.#version, Buffer.from(`${kind} `), Buffer.from(name)])).subarray(0, DIGEST_BYTES);
  }
}

/** Returns the 16 bytes that name the mark of an entry, of any version. */
export function entryMark(id: Buffer): Buffer {
  return digest(id).subarray(0, DIGEST_BYTES);
}

/** Returns the row for an entry, of any version, that carries a tag. */
export function tagRow(tag: string, id: Buffer): Buffer {
  return Buffer.concat([tagPart(id.subarray(0, VERSION_BYTES), tag), id]);
}

/** Returns the id in a row of the table `tags`. */
export function idInTagRow(row: Buffer): Buffer {
  return row.subarray(DIGEST_BYTES);
}

/** Returns the first key after all keys that begin with `prefix`. */
export function endOf(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  // No prefix consists of 0xff alone.
  let last = end.length - 1;
  while (end[last] === 0xff) last--;
  end[last] = (end[last] as number) + 1;
  return end.subarray(0, last + 1);
}

function tagPart(version: Buffer, tag: string): Buffer {
  return digest(Buffer.concat([version, Buffer.from(tag)])).subarray(0, DIGEST_BYTES);
}

function namespacePart(namespace: string): Buffer {
  const plain = Buffer.from(namespace);
  if (plain.length > PLAIN_BYTES) return Buffer.concat([Buffer.of(HASHED), digest(namespace)]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(plain.length);
  return Buffer.concat([Buffer.of(PLAIN), length, plain]);
}

function digest(text: string | Buffer): Buffer {
  return hash('sha256', text, 'buffer');
}

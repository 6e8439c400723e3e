import { hash } from 'node:crypto';

/** Longest key and namespace, in bytes together, that stand in an id as they are. lmdb takes 1,978 bytes. */
const PLAIN_BYTES = 512;
const VERSION_BYTES = 8;
const DIGEST_BYTES = 16;
const NONE = Buffer.of(0);
const PLAIN = 1;
const HASHED = 2;
/** UTF-8 never has this byte, so no key that stands as it is begins like a hashed one. */
const HASHED_KEY = Buffer.of(0xff);

/**
 * The names of things in the store: those of one cache and one version. An id is version, namespace and key, in this
 * order, so that the entries of a namespace are neighbours; no key can look like another one's namespace, because the
 * length of the namespace comes first.
 */
export class FileKeys {
  readonly #version: Buffer;
  #lastNamespace: string | undefined;
  #lastPrefix: Buffer;

  constructor(version: string | undefined) {
    this.#version = digest(version === undefined ? 'no version' : `version ${version}`).subarray(0, VERSION_BYTES);
    this.#lastPrefix = Buffer.concat([this.#version, NONE]);
  }

  /** The id of an entry. Long ones are hashed: whether it is the right entry is told by the header in its record. */
  entry(key: string, namespace: string | undefined): Buffer {
    const prefix = this.namespace(namespace);
    const plain = Buffer.from(key);
    return Buffer.concat(plain.length <= PLAIN_BYTES ? [prefix, plain] : [prefix, HASHED_KEY, digest(key)]);
  }

  /** Begins the id of every entry of a namespace, and of no other. */
  namespace(namespace: string | undefined): Buffer {
    if (namespace !== this.#lastNamespace) {
      this.#lastNamespace = namespace;
      this.#lastPrefix = Buffer.concat([this.#version, namespace === undefined ? NONE : namespacePart(namespace)]);
    }
    return this.#lastPrefix;
  }

  /** Begins the id of every entry of this cache and version. */
  get all(): Buffer {
    return this.#version;
  }

  /** Begins the rows of a tag in the table `tags`. */
  tag(tag: string): Buffer {
    return tagPart(this.#version, tag);
  }

  /** 16 bytes for something that can be invalidated. */
  mark(kind: 'tag' | 'namespace' | 'all' | 'tags' | 'pattern', name: string | Buffer): Buffer {
    return digest(Buffer.concat([this.#version, Buffer.from(`${kind} `), Buffer.from(name)])).subarray(0, DIGEST_BYTES);
  }
}

/** 16 bytes for an entry, of whatever version. */
export function entryMark(id: Buffer): Buffer {
  return digest(id).subarray(0, DIGEST_BYTES);
}

/** The row that says that the entry carries the tag; of whatever version the entry is. */
export function tagRow(tag: string, id: Buffer): Buffer {
  return Buffer.concat([tagPart(id.subarray(0, VERSION_BYTES), tag), id]);
}

/** The id in a row of the table `tags`. */
export function idInTagRow(row: Buffer): Buffer {
  return row.subarray(DIGEST_BYTES);
}

/** The first bytes that come after all that begin with `prefix`. */
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

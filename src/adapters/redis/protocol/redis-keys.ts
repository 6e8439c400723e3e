import type { InvalidationTarget } from '../../../core/ports/cache-adapter.port.js';
import { BoundedMap } from '../../../core/vocabulary/bounded-map.js';
import { fnv1a } from '../../../core/vocabulary/hash.js';
import type { Generation } from './generation.js';

/**
 * Entries that become invalid together when one key is removed: those with a tag, those of a namespace, or those of one
 * part of everything. The keys of a group share a hash slot.
 */
export interface Group {
  /** STRING: the generation (generation.ts). */
  readonly key: string;
  /**
   * ZSET: the members of the group, by the time (of the server) until which they are kept. It serves to count entries
   * and to free them; it never decides if an entry is valid.
   */
  readonly index: string;
  /** ZSET: the members by the time of their creation; only for a part of everything. */
  readonly created: string | undefined;
  /** The generation at the last answer of the server: a guess that saves a round trip, never a proof. */
  known: Generation | undefined;
  /** The last command of the reader that asks for the generation, by number. */
  askedIn: number;
  /** The answer to it, while the reader judges entries by it. */
  answer: Generation | undefined;
  /** The name of the index after an invalidation of the group, until its members are freed. */
  trash(id: string): string;
}

/** A namespace, or none, as a part of names. */
export interface Scope {
  /** Prefix of the names of its entries. */
  readonly prefix: string;
  /** The groups of every entry without tags; `undefined` when they differ from entry to entry. */
  readonly groups: readonly Group[] | undefined;
}

export interface KeySpace {
  readonly keyPrefix: string;
  readonly name: string;
  readonly version: string | undefined;
  /** Parts of everything: with one part, every read would ask for the same key, on one node of a cluster. */
  readonly parts: number;
}

/** The parts of keys that follow the prefix and the name of the cache, between colons. */
export const RESERVED_PARTS: ReadonlySet<string> = new Set([
  'e',
  'g',
  'i',
  'c',
  'x',
  'trash',
  'sweep',
  'epochs',
  'wake',
  'bus',
  'beat',
]);

/** Groups of each kind that are remembered. */
const REMEMBERED_GROUPS = 20_000;

/**
 * Makes and reads the names of all keys. `<root>` is `<keyPrefix>:<name>`, followed by `@<version>` if there is a
 * version. For operators with redis-cli:
 *
 *   <root>:e:<namespace>:<key>       an entry, or the placeholder of one that is being loaded
 *   <root>:g:{tag:<tag>}             the generation of a group; also {ns:<namespace>} and {all:<part>}
 *   <root>:i:{tag:<tag>}             its members by expiry
 *   <root>:c:{all:<part>}            all members by creation
 *   <root>:x:<id>:{tag:<tag>}        members of an invalidated group that are not freed yet
 *   <root>:trash, <root>:sweep, <root>:sweep:lost, <root>:epochs, <root>:wake
 *   <root>:beat:{roll}:mark          id of the database, while near copies are kept; also :bus and :mute (roll-call.ts)
 *   <root>:beat:{reports}            reports of the processes, while somebody asks for them (redis-process-board.ts)
 *   <root>:bus                       channel of changes, if the server does not announce them by itself; in a cluster
 *                                    <root>:bus:{<n>}
 *
 * Names of namespaces, tags, caches and versions are escaped as in a URL where they contain a character with a meaning
 * here, so that no two names make the same key. The prefix is not escaped. Two caches with different prefixes must not
 * share a key either: so the name of a cache is also escaped when it equals a part that follows a root, and a prefix
 * must not contain such a part behind a root (RESERVED_PARTS).
 */
export class RedisKeys {
  readonly root: string;
  /** Prefix of the names of all entries. */
  readonly entryPrefix: string;
  /** Prefix of the names of all generations. */
  readonly generationPrefix: string;
  /** Prefix of the names of all indexes. */
  readonly indexPrefix: string;
  /** SET: the names of the trash that is not freed yet. */
  readonly trash: string;
  /** STRING: held by the process that walks through the indexes, and for a while after the walk. */
  readonly sweep: string;
  /** STRING: the same for the walk that strikes evicted entries. */
  readonly lostSweep: string;
  /** HASH: the epochs, by part of all tags. */
  readonly epochs: string;
  /** Channel on which the ends of loads are announced. */
  readonly wake: string;
  /** Channel on which changes are announced, if the server does not do so by itself. */
  readonly bus: string;
  /** Prefix of keys that are never stored: the right server is the one that answers a question for them. */
  readonly beat: string;
  /** The KEYS of the script BEAT, by which the processes with near copies learn about each other. */
  readonly roll: readonly string[];
  /** HASH: the reports of the processes, and the time of the last call for them. */
  readonly reports: string;
  readonly everything: readonly Group[];
  readonly #tags = new BoundedMap<string, Group>(REMEMBERED_GROUPS);
  readonly #namespaces = new BoundedMap<string, Group>(REMEMBERED_GROUPS);
  readonly #scopes = new BoundedMap<string, Scope>(REMEMBERED_GROUPS);
  readonly #noScope: Scope;

  constructor({ keyPrefix, name, version, parts }: KeySpace) {
    const cacheName = RESERVED_PARTS.has(name) ? escaped(name.charAt(0)) + name.slice(1) : escapeName(name);
    this.root = `${keyPrefix}:${cacheName}${version === undefined ? '' : `@${escapeName(version)}`}`;
    this.entryPrefix = `${this.root}:e:`;
    this.generationPrefix = `${this.root}:g:`;
    this.indexPrefix = `${this.root}:i:`;
    this.trash = `${this.root}:trash`;
    this.sweep = `${this.root}:sweep`;
    this.lostSweep = `${this.sweep}:lost`;
    this.epochs = `${this.root}:epochs`;
    this.wake = `${this.root}:wake`;
    this.bus = `${this.root}:bus`;
    this.beat = `${this.root}:beat`;
    this.reports = `${this.beat}:{reports}`;
    this.roll = ['mark', 'bus', 'mute', 'none'].map((name) => `${this.beat}:{roll}:${name}`);
    this.everything = Array.from({ length: parts }, (_, part) =>
      this.#group(`{all:${part}}`, `${this.root}:c:{all:${part}}`),
    );
    this.#noScope = { prefix: `${this.entryPrefix}:`, groups: parts === 1 ? this.everything : undefined };
  }

  /** The name of an entry. */
  entry(key: string, namespace: string | undefined): string {
    return this.scope(namespace).prefix + key;
  }

  /** The member of an index for an entry: the name of the entry without `entryPrefix`. */
  member(key: string, namespace: string | undefined): string {
    return this.entry(key, namespace).slice(this.entryPrefix.length);
  }

  scope(namespace: string | undefined): Scope {
    if (namespace === undefined) return this.#noScope;
    return this.#scopes.get(namespace) ?? this.#scopes.put(namespace, this.#scopeOf(namespace));
  }

  /** Reads key and namespace from the name of an entry. */
  parse(name: string): { readonly key: string; readonly namespace: string | undefined } {
    const member = name.slice(this.entryPrefix.length);
    const colon = member.indexOf(':');
    const scope = member.slice(0, colon);
    return {
      key: member.slice(colon + 1),
      namespace: scope === '' ? undefined : scope === '%' ? '' : unescapeName(scope),
    };
  }

  /** The entries that may have changed when the key with this name was changed; `undefined` for none. */
  targetOf(name: string): InvalidationTarget | undefined {
    if (name.startsWith(this.entryPrefix)) {
      const { key, namespace } = this.parse(name);
      return { kind: 'keys', keys: [key], namespace };
    }
    if (!name.startsWith(this.generationPrefix)) return undefined;
    const [, kind, group = ''] = /^\{(tag|ns|all):(.*)\}$/s.exec(name.slice(this.generationPrefix.length)) ?? [];
    if (kind === 'tag') return { kind: 'tags', tags: [unescapeName(group)], mode: 'any' };
    if (kind === 'ns') return { kind: 'namespace', namespace: unescapeName(group) };
    return { kind: 'all' };
  }

  /** The part of everything that a member belongs to. */
  partOf(member: string): Group {
    return this.everything[(fnv1a(member) >>> 0) % this.everything.length] as Group;
  }

  tag(tag: string): Group {
    return this.#tags.get(tag) ?? this.#tags.put(tag, this.#group(`{tag:${escapeName(tag)}}`));
  }

  namespace(namespace: string): Group {
    return (
      this.#namespaces.get(namespace) ?? this.#namespaces.put(namespace, this.#group(`{ns:${escapeName(namespace)}}`))
    );
  }

  /** The groups of an entry, in the order of its marks. */
  groupsOf(key: string, namespace: string | undefined, tags: readonly string[]): Group[] {
    const groups = [
      this.everything.length === 1 ? (this.everything[0] as Group) : this.partOf(this.member(key, namespace)),
    ];
    if (namespace !== undefined) groups.push(this.namespace(namespace));
    for (const tag of tags) groups.push(this.tag(tag));
    return groups;
  }

  /** True when a name in the trash is the index of a group itself, because the server could not rename it. */
  isIndex(trash: string): boolean {
    return trash.startsWith(this.indexPrefix);
  }

  /** The group whose index, renamed or not, has this name in the trash. */
  groupOfTrash(trash: string): Group {
    return this.isIndex(trash)
      ? this.groupOfIndex(trash)
      : this.#groupIn(trash.slice(trash.indexOf(':', `${this.root}:x:`.length) + 1));
  }

  /** The group of an index. */
  groupOfIndex(index: string): Group {
    return this.#groupIn(index.slice(this.indexPrefix.length));
  }

  #groupIn(slot: string): Group {
    return this.#group(slot, slot.startsWith('{all:') ? `${this.root}:c:${slot}` : undefined);
  }

  #scopeOf(namespace: string): Scope {
    const [first] = this.everything;
    return {
      prefix: `${this.entryPrefix}${namespace === '' ? '%' : escapeName(namespace)}:`,
      groups: this.everything.length === 1 ? [first as Group, this.namespace(namespace)] : undefined,
    };
  }

  #group(slot: string, created?: string): Group {
    const { root } = this;
    return {
      key: `${root}:g:${slot}`,
      index: `${root}:i:${slot}`,
      created,
      known: undefined,
      askedIn: 0,
      answer: undefined,
      trash: (id) => `${root}:x:${id}:${slot}`,
    };
  }
}

/** Escapes `%`, too: otherwise an escaped name and a name that looks like it would be the same. */
function escapeName(name: string): string {
  return name.replace(/[%:{}@]/g, escaped);
}

function escaped(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function unescapeName(name: string): string {
  return name.replace(/%([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

import type { InvalidationTarget } from '../../../core/ports/cache-adapter.port.js';
import { BoundedMap } from '../../../core/vocabulary/bounded-map.js';
import { fnv1a } from '../../../core/vocabulary/hash.js';
import type { Generation } from './generation.js';

/**
 * A group of entries that can be made invalid at once by removing one key: all entries (in some number of parts), those
 * of a namespace, or those that carry a tag. The keys of one group share a hash slot.
 */
export interface Group {
  /** Holds the generation, see generation.ts. */
  readonly key: string;
  /**
   * ZSET: members of the group by the time (of the server) until which they are kept. For counts and for freeing, never
   * for truth.
   */
  readonly index: string;
  /** ZSET: members by the time of their creation; only where the group is a part of everything. */
  readonly created: string | undefined;
  /** The generation that was last seen: a guess that saves a round trip, and never proof. */
  known: Generation | undefined;
  /** For a reader: which of its requests asked for the generation last, and the answer that it is looking at. */
  askedIn: number;
  answer: Generation | undefined;
  /** The name that the index gets when the group was made invalid, until its members are freed. */
  trash(id: string): string;
}

/** A namespace, or none, as part of names. */
export interface Scope {
  /** What the names of its entries begin with. */
  readonly prefix: string;
  /** The groups that all of its entries are in; `undefined` where they differ from one to the other. */
  readonly groups: readonly Group[] | undefined;
}

export interface KeySpace {
  readonly keyPrefix: string;
  readonly name: string;
  readonly version: string | undefined;
  /**
   * Into how many parts everything is divided: one key that every read asks for would make one node of a cluster hot.
   */
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

/** How many groups are kept at hand. */
const REMEMBERED_GROUPS = 20_000;

/**
 * The names of all keys, and nothing else knows how they are made. `<root>` is `<keyPrefix>:<name>`, and `@<version>`
 * where there is one. An operator reads them with redis-cli:
 *
 *   <root>:e:<namespace>:<key>       an entry, or the placeholder of one that is being loaded
 *   <root>:g:{tag:<tag>}             the generation of a group; also {ns:<namespace>} and {all:<part>}
 *   <root>:i:{tag:<tag>}             its members by expiry
 *   <root>:c:{all:<part>}            all members by creation
 *   <root>:x:<id>:{tag:<tag>}        members of an invalidated group that are still to be freed
 *   <root>:trash, <root>:sweep, <root>:sweep:lost, <root>:epochs, <root>:wake
 *   <root>:beat:{roll}:mark          id of the database, while copies are kept; also :bus and :mute, see roll-call.ts
 *   <root>:bus                       channel of changes, where the server does not tell of them by itself; <root>:bus:{<n>} in a cluster
 *
 * Names inside are escaped as in a URL where they hold a character that has a meaning here, so that no two of them
 * meet. The prefix is not: it stands as it was given. So that the keys of two caches with different prefixes cannot
 * meet, a name that could be taken for what follows a root is escaped as well, and a prefix must not hold such a part
 * behind a root (see RESERVED_PARTS).
 */
export class RedisKeys {
  readonly root: string;
  /** What the names of all entries begin with. */
  readonly entryPrefix: string;
  /** What the names of all generations begin with. */
  readonly generationPrefix: string;
  /** What the names of all indexes begin with. */
  readonly indexPrefix: string;
  /** SET of the trash keys that wait to be freed. */
  readonly trash: string;
  /** Held by the process that walks through the indexes, and for a while after it. */
  readonly sweep: string;
  /** The same for a walk that strikes what was evicted. */
  readonly lostSweep: string;
  /** HASH of ids that tell whether any tag of a part of all tags was invalidated. */
  readonly epochs: string;
  /** Channel on which ended loads are told of. */
  readonly wake: string;
  /** Channel on which changes are told of, where the server does not do so by itself. */
  readonly bus: string;
  /** Never stored: what a server is asked for that has to prove that it is the right one. */
  readonly beat: string;
  /** What the processes that keep copies tell each other, in the order in which the script BEAT takes them. */
  readonly roll: readonly string[];
  readonly everything: readonly Group[];
  readonly #tags = new BoundedMap<string, Group>(REMEMBERED_GROUPS);
  readonly #namespaces = new BoundedMap<string, Group>(REMEMBERED_GROUPS);
  readonly #scopes = new BoundedMap<string, Scope>(REMEMBERED_GROUPS);
  readonly #noScope: Scope;

  constructor({ keyPrefix, name, version, parts }: KeySpace) {
    this.root = `${keyPrefix}:${RESERVED_PARTS.has(name) ? escaped(name.charAt(0)) + name.slice(1) : escapeName(name)}${version === undefined ? '' : `@${escapeName(version)}`}`;
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

  /** What an index calls an entry; behind `entryPrefix` it is the entry's name. */
  member(key: string, namespace: string | undefined): string {
    return this.entry(key, namespace).slice(this.entryPrefix.length);
  }

  scope(namespace: string | undefined): Scope {
    if (namespace === undefined) return this.#noScope;
    return this.#scopes.get(namespace) ?? this.#scopes.put(namespace, this.#scopeOf(namespace));
  }

  /** What an entry's name says. */
  parse(name: string): { readonly key: string; readonly namespace: string | undefined } {
    const member = name.slice(this.entryPrefix.length);
    const colon = member.indexOf(':');
    const scope = member.slice(0, colon);
    return {
      key: member.slice(colon + 1),
      namespace: scope === '' ? undefined : scope === '%' ? '' : unescapeName(scope),
    };
  }

  /** Which entries may be others than before when the key of that name was changed; `undefined` where none can. */
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

  /** The groups of an entry, in the order in which it names their generations. */
  groupsOf(key: string, namespace: string | undefined, tags: readonly string[]): Group[] {
    const groups = [
      this.everything.length === 1 ? (this.everything[0] as Group) : this.partOf(this.member(key, namespace)),
    ];
    if (namespace !== undefined) groups.push(this.namespace(namespace));
    for (const tag of tags) groups.push(this.tag(tag));
    return groups;
  }

  /** Whether what is among the trash is the index of a group itself, which could not be set aside. */
  isIndex(trash: string): boolean {
    return trash.startsWith(this.indexPrefix);
  }

  /** The group whose index, set aside or not, has this name among the trash. */
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

/** `%` too, or an escaped name and one that looks like it would meet. */
function escapeName(name: string): string {
  return name.replace(/[%:{}@]/g, escaped);
}

function escaped(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function unescapeName(name: string): string {
  return name.replace(/%([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

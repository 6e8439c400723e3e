import { LASTING_SCORE } from '../../src/adapters/redis/protocol/member-time.js';
import { RedisError, type SimulatedStore } from './simulated-store.js';

/*
 * What the scripts of src/adapters/redis/protocol/*-scripts.ts do, line by line, in JavaScript. Positions are those of
 * JavaScript: `h.slice(16, 28)` is Lua's `string.sub(h, 17, 28)`.
 */

/** As a script answers it: strings are bytes. */
export type Answer = string | number | readonly Answer[];

export interface Call {
  readonly store: SimulatedStore;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  publish(channel: string, message: string): void;
}

const NO_LEASE = `-0${'0'.repeat(25)}`;

export const TWINS: Readonly<Record<string, (call: Call) => Answer>> = {
  acquire({ store, keys: [key = ''], args: [ownToken = '', leaseText, purpose, exclusiveText, seen, latest] }) {
    const lease = Number(leaseText);
    const isExclusive = exclusiveText === '1';
    const now = store.now();
    if (now > Number(latest)) return ['late'];
    const h = leaseAt(store, key);
    const isStored = isEntry(h);
    if (isStored && purpose === 'load' && revisionAt(store, key) !== seen) return ['value', store.get(key) ?? ''];
    let token = ownToken;
    let flag = h === '' ? '-' : h.slice(1, 2);
    if (flag !== '-' && number(h.slice(3, 16)) <= now) {
      if (purpose !== 'write') token = h.slice(16, 28);
      flag = '-';
    }
    const entry = isStored ? (store.get(key) ?? '') : '';
    if (flag === 'x' && purpose !== 'write' && isExclusive) {
      store.setRange(key, 2, '1');
      return ['held', number(h.slice(3, 16)) - now];
    }
    if ((flag !== '-' && purpose !== 'write' && !isExclusive) || (flag === 'w' && purpose !== 'write'))
      return ['shared', h.slice(16, 28), entry];
    const letter = purpose === 'write' ? 'w' : isExclusive ? 'x' : 's';
    const waiting = flag === '-' ? '0' : h.slice(2, 3);
    const field = letter + waiting + digits(now + lease, 13) + token;
    if (isStored) {
      store.setRange(key, 1, field);
      outlive(store, key, 3 * lease);
    } else {
      store.set(key, `L${field}`, 3 * lease);
    }
    return ['granted', token, entry];
  },

  store({ store, keys: [key = ''], args: [token, entry = '', keep = '', latest, channel = ''], publish }) {
    const h = leaseAt(store, key);
    if (token === '') {
      if (store.now() > Number(latest)) return ['late', ''];
    } else if (h === '' || h.slice(16, 28) !== token) {
      return ['refused', ''];
    }
    const head = headAt(store, key, h);
    const failed = protectedly(() => {
      if (entry === '') store.unlink(key);
      else store.set(key, entry, keep === '' ? undefined : Number(keep));
    });
    if (failed !== undefined) store.unlink(key);
    wake(h, () => publish(channel, key));
    return failed === undefined ? ['stored', head] : ['failed', head, failed.message];
  },

  release({ store, keys: [key = ''], args: [token, channel = ''], publish }) {
    const h = leaseAt(store, key);
    if (h === '' || h.slice(16, 28) !== token || h[1] === 's') return 0;
    if (h.startsWith('L')) store.unlink(key);
    else store.setRange(key, 1, NO_LEASE);
    wake(h, () => publish(channel, key));
    return 1;
  },

  renew({ store, keys: [key = ''], args: [token, leaseText] }) {
    const h = leaseAt(store, key);
    if (h === '' || h.slice(16, 28) !== token) return 0;
    const lease = Number(leaseText);
    store.setRange(key, 3, digits(store.now() + lease, 13));
    outlive(store, key, 3 * lease);
    return 1;
  },

  remove({ store, keys: [key = ''], args: [revision, channel = ''], publish }) {
    const h = leaseAt(store, key);
    if (h === '') {
      if (revision === '') store.unlink(key);
      return '';
    }
    if (revision !== '' && (!isEntry(h) || revisionAt(store, key) !== revision)) return '';
    const head = headAt(store, key, h);
    const left = revision === '' || h[1] === '-' ? 0 : number(h.slice(3, 16)) - store.now();
    if (left > 0 && protectedly(() => store.set(key, `L${h.slice(1, 28)}`, 3 * left)) === undefined) return head;
    store.unlink(key);
    wake(h, () => publish(channel, key));
    return head;
  },

  soften({ store, keys: [key = ''], args: [channel = ''], publish }) {
    const h = leaseAt(store, key);
    if (h === '') {
      store.unlink(key);
      return [0, ''];
    }
    if (h.startsWith('L')) {
      store.unlink(key);
      wake(h, () => publish(channel, key));
      return [0, ''];
    }
    const head = headAt(store, key, h);
    const now = store.now();
    const stale = store.getRange(key, 56, 71);
    const isFresh = h.startsWith('V') && number(store.getRange(key, 40, 55)) > now;
    if (isFresh && Number(stale) === 0) {
      store.unlink(key);
    } else if (protectedly(() => store.setRange(key, 0, `S${NO_LEASE}`)) !== undefined) {
      store.unlink(key);
    } else if (isFresh) {
      store.setRange(key, 40, digits(now, 16));
      if (number(stale) < Number('9'.repeat(16))) store.pexpire(key, Number(stale));
    }
    wake(h, () => publish(channel, key));
    return [isFresh ? 1 : 0, head];
  },

  enter({ store, keys, args: [expected, fallback = '', keep = '', ...members] }) {
    const [group = '', index = '', created] = keys;
    const indexes = keys.slice(1);
    let g = textOrWrong(store, group);
    if (g === undefined || (g !== null && g.length < 16)) {
      store.unlink(group);
      g = null;
    }
    if (g === null) {
      if (expected !== '') return [0, ''];
      g = fallback;
      store.set(group, g);
    } else if (expected !== '' && g !== expected) {
      return [0, g];
    }
    let isAlone = false;
    for (const key of indexes) {
      const kind = store.type(key);
      if (kind !== 'none' && (kind !== 'zset' || isAlone)) store.unlink(key);
      isAlone = kind !== 'zset';
    }
    for (let i = 0; i < members.length; i += 3) {
      store.zadd(index, score(members[i + 1]), members[i] as string);
      if (created !== undefined) store.zadd(created, score(members[i + 2]), members[i] as string);
    }
    strikeExpired(store, keys, 8 + (2 * members.length) / 3);
    for (const key of keys) keepAtLeast(store, key, index, keep);
    return [1, g];
  },

  leave({ store, keys, args: [after, ...members] }) {
    strike(store, keys, members);
    if (store.type(keys[1] ?? '') === 'zset') strikeExpired(store, keys, 8 + 2 * (members.length + 1));
    settle(store, keys, Number(after));
    return 1;
  },

  strike({ store, keys, args: [after, most] }) {
    if (store.type(keys[1] ?? '') !== 'zset') return 0;
    const struck = strikeExpired(store, keys, Number(most));
    if (struck > 0) settle(store, keys, Number(after));
    return struck;
  },

  'strike-lost'({ store, keys, args: [after, ...members] }) {
    if (store.type(keys[1] ?? '') !== 'zset') return 0;
    const untilMs = new Map(store.zmembers(keys[1] ?? ''));
    const lost = members.filter((member, i) => i % 2 === 0 && untilMs.get(member) === Number(members[i + 1]));
    strike(store, keys, lost);
    if (lost.length > 0) settle(store, keys, Number(after));
    return lost.length;
  },

  present: ({ store, keys }) => keys.map((key) => (store.exists(key) ? '1' : '0')).join(''),

  end({ store, keys: [group = '', index = '', trash = '', created], args: [isDry] }) {
    const text = textOrWrong(store, group);
    const g = typeof text === 'string' ? text : '';
    const isIndex = store.type(index) === 'zset';
    const live = isIndex ? store.zmembers(index).filter(([, until]) => until > store.now()).length : 0;
    if (isDry === '1') return [live, 0, g];
    store.unlink(group);
    if (created !== undefined) store.unlink(created);
    if (!isIndex) {
      store.unlink(index);
      return [live, 0, g];
    }
    store.rename(index, trash);
    return [live, 1, g];
  },

  'soften-all'({ store, keys: [group = ''] }) {
    const g = textOrWrong(store, group);
    if (typeof g !== 'string') return 0;
    let base = number(g.slice(12, 16));
    let times = g.slice(16);
    if (times.length >= 16 * 13) {
      times = times.slice(13);
      base++;
    }
    const left = store.pttl(group);
    const failed = protectedly(() => {
      if (base > 9900) throw new RedisError('full');
      store.set(
        group,
        g.slice(0, 12) + digits(base, 4) + times + digits(store.now(), 13),
        left >= 0 ? Math.max(left, 1) : undefined,
      );
    });
    if (failed !== undefined) store.unlink(group);
    return 1;
  },

  replace({ store, keys: [group = ''], args: [id = ''] }) {
    const g = textOrWrong(store, group);
    if (typeof g !== 'string') return '';
    if (protectedly(() => store.setRange(group, 0, id)) !== undefined) store.unlink(group);
    return g;
  },

  remark({ store, keys: [key = ''], args: [revision, placeText, from, to = ''] }) {
    const h = leaseAt(store, key);
    if (!isEntry(h) || revisionAt(store, key) !== revision) return 0;
    const place = Number(placeText);
    if (store.getRange(key, place, place + 11) !== from) return 0;
    return protectedly(() => store.setRange(key, place, to)) === undefined ? 1 : 0;
  },

  epochs({ store, keys: [key = ''], args: [keep, start = '', parts] }) {
    if (store.type(key) !== 'hash') store.unlink(key);
    const ids: string[] = [];
    for (let part = 0; part < Number(parts); part++) {
      const id = store.hget(key, String(part)) ?? `${start}${part}`;
      if (store.hget(key, String(part)) === null) store.hset(key, String(part), id);
      ids.push(id);
    }
    if (store.pttl(key) < Number(keep)) store.pexpire(key, Number(keep));
    return ids;
  },

  outlive({ store, keys: [key = ''], args: [ms] }) {
    if (store.pttl(key) < Number(ms) / 2) outlive(store, key, Number(ms));
    return 1;
  },

  beat({ store, keys: [mark = '', bus = '', mute = '', absent = ''], args: [id = '', keep, isOnBus, isMute] }) {
    store.unlink(absent);
    const marked = valueAt(store, mark, true, id, Number(keep));
    const muted = valueAt(store, mute, isMute === '1', id, Number(keep));
    if (muted.isNew) store.unlink(bus);
    return [marked.id, valueAt(store, bus, isOnBus === '1', id, Number(keep)).id, muted.id];
  },

  time: ({ store }) => store.now(),

  survey({ store, keys, args: [after, most] }) {
    const [, index = '', created = ''] = keys;
    const struck = strikeExpired(store, keys, Number(most));
    if (struck > 0) settle(store, keys, Number(after));
    const live = store.zmembers(index).filter(([, until]) => until > store.now()).length;
    const byCreation = store.zmembers(created);
    const times = [byCreation.at(0), byCreation.at(-1)].map((each) => (each === undefined ? '' : scoreText(each[1])));
    return [struck, live, ...times];
  },
};

/** A score as Redis writes it. */
export function scoreText(value: number): string {
  return value === Infinity ? 'inf' : String(value);
}

function valueAt(
  store: SimulatedStore,
  key: string,
  isWanted: boolean,
  newId: string,
  keepMs: number,
): { id: string; isNew: boolean } {
  if (store.type(key) !== 'string') store.unlink(key);
  const known = store.get(key) ?? '';
  if (!isWanted) return { id: known, isNew: false };
  if (known === '') {
    store.set(key, newId, keepMs);
    return { id: newId, isNew: true };
  }
  if (store.pttl(key) < keepMs / 2) store.pexpire(key, keepMs);
  return { id: known, isNew: false };
}

function leaseAt(store: SimulatedStore, key: string): string {
  let h = '';
  if (protectedly(() => (h = store.getRange(key, 0, 39))) !== undefined) {
    store.unlink(key);
    return '';
  }
  const isLong = h.length >= (h.startsWith('L') ? 28 : 40);
  return isLong && /^[VSL][-xsw][01]\d{13}[\w-]+$/.test(h) ? h : '';
}

function isEntry(h: string): boolean {
  return h !== '' && !h.startsWith('L');
}

function revisionAt(store: SimulatedStore, key: string): string {
  return store.getRange(key, 28, 39);
}

function headAt(store: SimulatedStore, key: string, h: string): string {
  if (!isEntry(h)) return '';
  const length = store.getRange(key, 72, 78);
  return store.getRange(key, 0, (/^\s*\d+\s*$/.test(length) ? Number(length) : 82) - 1);
}

function wake(h: string, publish: () => void): void {
  if (h[2] === '1') publish();
}

function outlive(store: SimulatedStore, key: string, ms: number): void {
  const left = store.pttl(key);
  if (left >= 0 && left < ms) store.pexpire(key, ms);
}

function keepAtLeast(store: SimulatedStore, key: string, index: string, keep: string): void {
  const left = store.pttl(key);
  if (keep === '') {
    if (left >= 0) store.persist(key);
    return;
  }
  const wanted = Math.ceil(Number(keep) * 1.25) + 5_000;
  if (left >= 0 && left < Number(keep)) {
    store.pexpire(key, wanted);
  } else if (left === -1) {
    const needed = neededMs(store, index);
    if (needed !== undefined) store.pexpire(key, Math.max(needed, wanted));
  }
}

function strike(store: SimulatedStore, keys: readonly string[], members: readonly string[]): void {
  if (members.length > 0) for (const key of keys.slice(1)) protectedly(() => store.zrem(key, members));
}

function strikeExpired(store: SimulatedStore, keys: readonly string[], most: number): number {
  const gone = store
    .zmembers(keys[1] ?? '')
    .filter(([, until]) => until <= store.now())
    .slice(0, most);
  strike(
    store,
    keys,
    gone.map(([member]) => member),
  );
  return gone.length;
}

/** `undefined` for ever, and where the index is none. */
function neededMs(store: SimulatedStore, index: string): number | undefined {
  if (!['zset', 'none'].includes(store.type(index))) return undefined;
  const last = store.zmembers(index).at(-1);
  if (last === undefined) return 0;
  return last[1] >= LASTING_SCORE ? undefined : Math.ceil(Math.max(last[1] - store.now(), 0) * 1.25) + 5_000;
}

function settle(store: SimulatedStore, keys: readonly string[], emptyMs: number): void {
  const needed = neededMs(store, keys[1] ?? '');
  if (needed === undefined) return;
  for (const key of keys) {
    const left = store.pttl(key);
    if (needed === 0 && (left === -1 || left > emptyMs)) store.pexpire(key, emptyMs);
    else if (needed > 0 && left === -1) store.pexpire(key, needed);
  }
}

/** `undefined` where the key holds something else than a string. */
function textOrWrong(store: SimulatedStore, key: string): string | null | undefined {
  let text: string | null | undefined;
  protectedly(() => (text = store.get(key)));
  return text;
}

/** As `redis.pcall`. */
function protectedly(work: () => unknown): RedisError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof RedisError) return error;
    throw error;
  }
}

/** As `tonumber`, where a comparison with what is none is an error. */
function number(text: string): number {
  if (!/^\s*\d+\s*$/.test(text)) throw new RedisError('ERR attempt to compare nil with number');
  return Number(text);
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

function score(text: string | undefined): number {
  return text === '+inf' ? Infinity : Number(text);
}

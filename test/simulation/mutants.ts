import { GroupEnding } from '../../src/adapters/redis/invalidation/group-ending.js';
import { LoadCommitter } from '../../src/adapters/redis/loads/load-committer.js';
import { Outbox } from '../../src/adapters/redis/invalidation/outbox.js';
import { RedisContext } from '../../src/adapters/redis/entries/redis-context.js';
import type { Command } from '../../src/adapters/redis/connection/command.js';
import { FlightTable } from '../../src/core/load/flight.js';
import type { Profile } from './profile.js';
import { TWINS } from './script-twins.js';
import type { SimulatedStore } from './simulated-store.js';
import type { Tampering } from './simulated-wire.js';

/*
 * Designs that look right but are wrong. Each is the real code with one rule removed, permanently, so a run with a
 * mutant needs its own process. The simulation must find every one of them. Otherwise it would not find a mistake of
 * ours either.
 */

export interface Mutant {
  readonly name: string;
  readonly tampering?: Tampering;
  /** Changes to the profile that reveal a rare failure sooner. */
  readonly bias?: Partial<Profile>;
  /** Replaces methods of classes in src, or script twins. */
  patch?(): void;
}

/** Positions of arguments after the keys. */
const STORE = { token: 0, latest: 3 };
const ENTER = { expected: 0, fallback: 1 };
/** Text of the first generation. */
const FIRST = `${'0'.repeat(11)}10000`;

export const MUTANTS: readonly Mutant[] = [
  { name: 'joins a flight that was sent', patch: joinRunningFlights },
  {
    name: 'counts generations instead of drawing ids',
    patch: countGenerations,
    tampering: { rewrite: (command) => (command.name === 'SET' ? withArgs(command, { 0: FIRST }) : command) },
  },
  { name: 'reads the generations after the factory', patch: readGenerationsLate },
  {
    name: 'stores without a lease',
    tampering: {
      rewrite: (command) =>
        isLoad(command) ? withArgs(command, { [STORE.token]: '', [STORE.latest]: Number.MAX_SAFE_INTEGER }) : command,
    },
  },
  { name: 'puts a generation back that was ended during a load', tampering: { rewrite: putBack } },
  {
    name: 'stores however late',
    bias: { isClean: false, isCluster: false, spikes: 0.1, faults: ['drop', 'drop', 'drop', 'drop', 'drop', 'drop'] },
    tampering: {
      rewrite: (command) =>
        command.name === 'store' ? withArgs(command, { [STORE.latest]: Number.MAX_SAFE_INTEGER }) : command,
    },
  },
  {
    name: 'ends the epoch after the generation',
    bias: { isCluster: false, spreadMs: 40, pauseMs: 10 },
    patch: endEpochsLast,
  },
  {
    name: 'never ends an epoch',
    tampering: { rewrite: (command) => (command.name === 'HDEL' ? { ...command, args: ['none'] } : command) },
  },
  { name: 'does not count soft invalidations', patch: softenNothing },
  { name: 'shows what is queued to be invalidated', patch: () => (Outbox.prototype.filter = () => () => false) },
  { name: 'forgets what could not be sent', patch: () => (Outbox.prototype.add = () => true) },
  { name: 'leaves placeholders where an entry is removed', patch: keepPlaceholders },
];

function isLoad({ name, args }: Command): boolean {
  return name === 'store' && args[STORE.token] !== '';
}

function putBack(command: Command): Command {
  const expected = command.args[ENTER.expected];
  return command.name === 'enter' && typeof expected === 'string' && expected !== ''
    ? withArgs(command, { [ENTER.expected]: '', [ENTER.fallback]: expected })
    : command;
}

function withArgs(command: Command, changes: Readonly<Record<number, string | number>>): Command {
  return { ...command, args: command.args.map((arg, i) => changes[i] ?? arg) };
}

function endEpochsLast(): void {
  const { end } = GroupEnding.prototype;
  GroupEnding.prototype.end = async function (groups, isDryRun, first) {
    const ending = await end.call(this, groups, isDryRun);
    // A dry run of no groups only sends what comes first.
    await end.call(this, [], true, first);
    return ending;
  };
}

function joinRunningFlights(): void {
  const { join, remove } = FlightTable.prototype;
  const running = new WeakMap<FlightTable, Map<string, ReturnType<typeof join>['flight']>>();
  FlightTable.prototype.join = function (key, namespace, tags) {
    const flights = running.get(this) ?? new Map<string, ReturnType<typeof join>['flight']>();
    running.set(this, flights);
    const id = `${namespace ?? ''}/${key}`;
    const known = flights.get(id);
    if (known !== undefined) return { flight: known, isNew: false };
    const joined = join.call(this, key, namespace, tags);
    flights.set(id, joined.flight);
    // A caller without a value in its batch asks again. An ended flight must be forgotten, or it would ask forever.
    const forget = (): boolean => flights.delete(id);
    joined.flight.result.then(forget, forget);
    return joined;
  };
  FlightTable.prototype.remove = function (flight) {
    const flights = running.get(this);
    const id = `${flight.namespace ?? ''}/${flight.key}`;
    if (flights?.get(id) === flight) flights.delete(id);
    remove.call(this, flight);
  };
}

/** Counts generations from one with each invalidation. A lost generation begins at one again. */
function countGenerations(): void {
  const twins = TWINS as Record<string, (typeof TWINS)[string]>;
  const { end, enter, replace } = TWINS as Required<typeof TWINS>;
  const next = (store: SimulatedStore, key: string): string => {
    const text = store.type(key) === 'string' ? store.get(key) : null;
    return String(Number(text?.slice(0, 12) ?? 0) + 1).padStart(12, '0');
  };
  twins['end'] = (call) => {
    const [key = ''] = call.keys;
    const id = next(call.store, key);
    const answer = end!(call);
    if (call.args[0] !== '1') call.store.set(key, `${id}0000`, 60_000);
    return answer;
  };
  twins['enter'] = (call) => enter!({ ...call, args: call.args.map((arg, i) => (i === ENTER.fallback ? FIRST : arg)) });
  twins['replace'] = (call) => replace!({ ...call, args: [next(call.store, call.keys[0] ?? '')] });
}

function readGenerationsLate(): void {
  const { commit, store } = LoadCommitter.prototype;
  const { hides } = RedisContext.prototype;
  const contexts = new WeakMap<LoadCommitter, RedisContext>();
  const asked: { context?: RedisContext } = {};
  RedisContext.prototype.hides = function () {
    asked.context = this;
    return hides.call(this);
  };
  LoadCommitter.prototype.commit = function (grant, drafts) {
    const committed = commit.call(this, grant, drafts);
    // It has asked its context in this turn, unless it is closed.
    if (asked.context !== undefined) contexts.set(this, asked.context);
    return committed;
  };
  LoadCommitter.prototype.store = async function (grant, prepared) {
    const { reader } = contexts.get(this) as RedisContext;
    const { generations } = grant.opening;
    const now = await reader.generationsOf(new Set(prepared.flatMap(({ groups }) => groups)), 250);
    for (const [group, generation] of now) generations.set(group, generation);
    return store.call(this, grant, prepared);
  };
}

function softenNothing(): void {
  (TWINS as Record<string, (typeof TWINS)[string]>)['soften-all'] = () => 1;
}

/** Keeps placeholders of loads, so that an invalidation by key does not reach loads under way. */
function keepPlaceholders(): void {
  const { remove } = TWINS as Required<typeof TWINS>;
  (TWINS as Record<string, (typeof TWINS)[string]>)['remove'] = (call) => {
    const {
      store,
      keys: [key = ''],
    } = call;
    const isPlaceholder = store.type(key) === 'string' && (store.get(key) ?? '').startsWith('L');
    return isPlaceholder ? '' : remove!(call);
  };
}

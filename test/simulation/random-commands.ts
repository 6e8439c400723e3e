import { LASTING_SCORE } from '../../src/adapters/redis/protocol/member-time.js';
import { call, type Command, plain } from '../../src/adapters/redis/connection/command.js';
import * as entryScripts from '../../src/adapters/redis/protocol/entry-scripts.js';
import * as groupScripts from '../../src/adapters/redis/protocol/group-scripts.js';
import * as serverScripts from '../../src/adapters/redis/protocol/server-scripts.js';
import type { SimulatedStore } from './simulated-store.js';

const scripts = { ...entryScripts, ...groupScripts, ...serverScripts };

const ENTRIES = ['k:e::a', 'k:e::b'];
const GROUP = { key: 'k:g:{x}', index: 'k:i:{x}', created: 'k:c:{x}', trash: 'k:x:1:{x}' };
const BEAT = ['k:b:{x}:mark', 'k:b:{x}:bus', 'k:b:{x}:mute', 'k:b:{x}:none'];
const TOKENS = ['tokenAAAAAAA', 'tokenBBBBBBB'];
const IDS = ['idAAAAAAAAAA', 'idBBBBBBBBBB'];
const WAKE = 'k:wake';

/** Random commands of the adapter, and foreign values under its names, so that every branch of a script runs. */
export class RandomCommands {
  constructor(
    private readonly random: () => number,
    private readonly nowMs: number,
    private readonly store: SimulatedStore,
  ) {}

  batch(): Command[] {
    return Array.from({ length: 1 + Math.floor(this.random() * 4) }, () => this.#one());
  }

  #one(): Command {
    const chance = this.random();
    if (chance < 0.08) return this.#foreign();
    if (chance < 0.16) return this.#prepared();
    if (chance < 0.58) return this.#ofEntry();
    if (chance < 0.9) return this.#ofGroup();
    return this.#plain();
  }

  /** Writes a value of another type, or unreadable text. */
  #foreign(): Command {
    const key = this.#pick([...ENTRIES, ...Object.values(GROUP), ...BEAT.slice(0, 3), 'k:epochs', 'k:trash']);
    return this.#pick([
      plain('SET', key, 'foreign'),
      plain('SET', key, ''),
      plain('SADD', key, 'foreign'),
      call(scripts.EPOCHS, [key], 60_000, 'foreign-', 2),
      call(
        scripts.ENTER,
        [this.#pick(Object.values(GROUP)), key],
        '',
        `${this.#pick(IDS)}0000`,
        60_000,
        'member',
        this.nowMs + 50_000,
        1,
      ),
    ]);
  }

  /** Writes a key in a state that many commands would be needed for. */
  #prepared(): Command {
    const key = this.#pick(ENTRIES);
    const untilMs = this.nowMs + this.#pick([-5_000, 20_000]);
    const lease =
      this.#pick(['-', 'x', 's', 'w']) +
      this.#pick(['0', '1']) +
      digits(this.#pick([untilMs, 0]), 13) +
      this.#pick(TOKENS);
    const text = this.#pick([
      `L${lease}`,
      this.#entry(lease),
      this.#entry(lease),
      this.#entry(lease).slice(0, 40),
      `V${lease.slice(0, 20)}`,
    ]);
    const softened =
      this.#pick(IDS) +
      this.#pick(['0000', '0003', '9901', 'nono']) +
      digits(this.nowMs - 70_000, 13).repeat(this.#pick([0, 1, 15, 16]));
    return this.#pick([
      plain('SET', key, text),
      plain('SET', key, text, 'PX', 50_000),
      plain('SET', GROUP.key, softened),
      plain('SET', GROUP.key, softened, 'PX', 50_000),
    ]);
  }

  #ofEntry(): Command {
    const key = this.#pick(ENTRIES);
    const token = this.#pick([...TOKENS, this.#tokenAt(key)]);
    const revision = this.#pick([
      '',
      'revAAAAAAAAA',
      this.store.type(key) === 'string' ? this.store.getRange(key, 28, 39) : '',
    ]);
    const latest = this.nowMs + this.#pick([5_000, 5_000, 5_000, -5_000]);
    return this.#pick([
      () =>
        call(
          scripts.ACQUIRE,
          [key],
          this.#pick(TOKENS),
          this.#pick([20_000, 100_000]),
          this.#pick(['load', 'load', 'refresh', 'write']),
          this.#pick([0, 1]),
          revision,
          latest,
        ),
      () => call(scripts.ACQUIRE, [key], this.#pick(TOKENS), 20_000, 'load', 1, revision, latest),
      () =>
        call(
          scripts.STORE,
          [key],
          this.#pick([token, token, '']),
          this.#pick([this.#entry(`-0${'0'.repeat(25)}`), this.#entry(`-0${'0'.repeat(25)}`), '']),
          this.#pick([30_000, '']),
          latest,
          WAKE,
        ),
      () => call(scripts.RELEASE, [key], token, WAKE),
      () => call(scripts.RENEW, [key], token, 40_000),
      () => call(scripts.REMOVE, [key], revision, WAKE),
      () => call(scripts.SOFTEN, [key], WAKE),
      () => call(scripts.REMARK, [key], revision, this.#pick([82, 98]), this.#pick(IDS), this.#pick(IDS)),
      () => call(scripts.OUTLIVE, [key], 90_000),
      () => call(scripts.PRESENT, [...ENTRIES, 'k:e::none']),
    ])();
  }

  #ofGroup(): Command {
    const { key, index, created, trash } = GROUP;
    const keys = this.#pick([
      [key, index],
      [key, index, created],
    ]);
    const current = this.#generationAt(key);
    const members = ['a', 'b', 'c'].filter(() => this.random() < 0.5);
    return this.#pick([
      () =>
        call(
          scripts.ENTER,
          keys,
          this.#pick(['', current, `${this.#pick(IDS)}0000`]),
          `${this.#pick(IDS)}0000`,
          this.#pick([20_000, 100_000, '']),
          ...members.flatMap((member) => [member, this.#until(), this.nowMs - 9_000]),
        ),
      () =>
        call(
          scripts.ENTER,
          keys,
          '',
          `${this.#pick(IDS)}0000`,
          20_000,
          ...members.flatMap((member) => [member, this.#until(), this.nowMs - 9_000]),
        ),
      // Expired members that no later write has removed.
      () =>
        plain(
          'ZADD',
          index,
          ...Array.from({ length: this.#pick([3, 40]) }, (_, i) => [this.nowMs - 5_000 - i, `old${i}`]).flat(),
        ),
      // An index without its counterpart.
      () => plain('UNLINK', this.#pick([index, created])),
      () => plain('ZADD', created, ...Array.from({ length: 40 }, (_, i) => [this.nowMs - 9_000 - i, `old${i}`]).flat()),
      () => call(scripts.LEAVE, keys, 5_000, ...this.#pick([members, ['a', 'b', 'c']])),
      () =>
        call(
          scripts.END,
          this.#pick([
            [key, index, trash],
            [key, index, trash, created],
          ]),
          this.#pick([0, 0, 1]),
        ),
      () => call(scripts.SOFTEN_ALL, [key]),
      () => call(scripts.REPLACE, [key], this.#pick(IDS)),
      () => call(scripts.EPOCHS, ['k:epochs'], 60_000, this.#pick(['startA-', 'startB-']), 4),
      () => call(scripts.STRIKE, keys, 5_000, this.#pick([1, 300])),
      () => call(scripts.STRIKE_LOST, keys, 5_000, ...members.flatMap((member) => [member, this.#untilOf(member)])),
      () => call(scripts.SURVEY, [key, index, created], 5_000, this.#pick([1, 300])),
      () => call(scripts.OUTLIVE, [key], 90_000),
      () =>
        call(
          scripts.BEAT,
          BEAT,
          this.#pick(IDS),
          this.#pick([20_000, 100_000]),
          this.#pick([0, 1]),
          this.#pick([0, 0, 1]),
        ),
      () => plain('UNLINK', this.#pick(BEAT)),
      () => call(scripts.TIME, [key]),
    ])();
  }

  #plain(): Command {
    const { key, index, trash } = GROUP;
    const zset = this.#pick([index, trash, GROUP.created]);
    return this.#pick([
      plain('GET', this.#pick([key, ...ENTRIES, index])),
      plain('GETRANGE', this.#pick(ENTRIES), 0, this.#pick([1_023, 30])),
      plain('SET', key, `${this.#pick(IDS)}0000`, 'PX', 60_000, 'NX'),
      plain('HMGET', 'k:epochs', '0', '3', '9'),
      plain('HDEL', 'k:epochs', this.#pick(['0', '1']), '2', '3'),
      plain('SADD', 'k:trash', 'one', this.#pick(['two', 'three'])),
      plain('SREM', 'k:trash', 'one', 'two', 'three'),
      plain('SMEMBERS', this.#pick(['k:trash', 'k:epochs'])),
      plain('ZREM', zset, 'a', 'b'),
      plain('ZCARD', zset),
      plain('ZRANGE', zset, 0, this.#pick([0, 199])),
      plain('ZCOUNT', zset, '-inf', String(this.nowMs)),
      plain('ZMSCORE', zset, 'a', 'x', 'c'),
      plain('ZSCAN', zset, '0', 'COUNT', 500),
    ]);
  }

  /** Expiry time, farther from now than the duration of a batch. */
  #until(): string | number {
    return this.#pick([LASTING_SCORE + this.nowMs, this.nowMs - 5_000, this.nowMs + 50_000]);
  }

  /** Expiry time of a member, or another time. */
  #untilOf(member: string): number {
    const isIndex = this.store.type(GROUP.index) === 'zset';
    const untilMs = isIndex ? new Map(this.store.zmembers(GROUP.index)).get(member) : undefined;
    return this.#pick([untilMs ?? 1, untilMs ?? 2, 3]);
  }

  #entry(lease: string): string {
    const fresh = digits(this.nowMs + this.#pick([-5_000, 40_000]), 16);
    const stale = this.#pick([digits(0, 16), digits(30_000, 16), digits(8.2e15, 16), '9'.repeat(16)]);
    const kind = this.#pick(['V', 'V', 'S']);
    const revision = this.#pick(['revAAAAAAAAA', 'revBBBBBBBBB']);
    const header = `${kind}${lease}${revision}${fresh}${stale}0000106001${this.#pick(IDS)}0000`;
    return `${header} header and value ${'é'.repeat(Math.floor(this.random() * 3))}`;
  }

  #tokenAt(key: string): string {
    return this.store.type(key) === 'string' ? this.store.getRange(key, 16, 27) : '';
  }

  /** Current generation; '' if it contains times of this run, which differ between the two servers. */
  #generationAt(key: string): string {
    const text = this.store.type(key) === 'string' ? (this.store.get(key) ?? '') : '';
    const times = text.slice(16).match(/.{13}/g) ?? [];
    return times.every((time) => Number(time) < this.nowMs - 60_000) ? text : '';
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.random() * choices.length)] as T;
  }
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

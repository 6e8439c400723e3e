import type { Network } from './simulated-wire.js';

/** Properties of a seed: the behaviour of the network, and the faults. */
export interface Profile {
  readonly isCluster: boolean;
  /** True without any fault; then stricter checks apply, such as one load at a time. */
  readonly isClean: boolean;
  readonly operations: number;
  readonly pauseMs: number;
  readonly baseMs: number;
  readonly spreadMs: number;
  readonly spikes: number;
  readonly gaps: number;
  readonly lost: number;
  readonly lostWakes: number;
  readonly faults: readonly Fault[];
}

export type Fault =
  'drop' | 'swallow' | 'crash' | 'evict' | 'server clock' | 'wall clock' | 'flush' | 'freeze' | 'pause' | 'full';

const FAULTS: readonly Fault[] = [
  'drop',
  'swallow',
  'crash',
  'evict',
  'server clock',
  'wall clock',
  'flush',
  'freeze',
  'pause',
  'full',
];

export function profileOf(random: () => number): Profile {
  const isClean = random() < 0.15;
  const one = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
  const count = isClean ? 0 : Math.floor(random() * 5);
  const kinds = FAULTS.filter(() => random() < 0.35);
  return {
    isCluster: random() < 0.3,
    isClean,
    operations: 3 + Math.floor(random() * 4),
    pauseMs: one([2, 10, 40]),
    baseMs: one([0.1, 0.5, 3]),
    spreadMs: one([0.2, 2, 15]),
    spikes: isClean ? 0 : one([0, 0, 0.01, 0.05]),
    gaps: one([0, 0.2, 0.5]),
    lost: isClean ? 0 : one([0, 0, 0.01, 0.04]),
    lostWakes: isClean ? 0 : one([0, 0.2, 1]),
    faults: kinds.length === 0 ? [] : Array.from({ length: count * 2 }, () => one(kinds)),
  };
}

/** Network with the faults of a profile, until it is healed. */
export class SeededNetwork implements Network {
  isHealed = false;

  constructor(
    private readonly profile: Profile,
    private readonly random: () => number,
  ) {}

  latencyMs(): number {
    const { baseMs, spreadMs, spikes } = this.profile;
    const usual = baseMs + this.random() * spreadMs;
    return !this.isHealed && this.random() < spikes ? usual + this.random() * 1_500 : usual;
  }

  gapMs(): number {
    return this.random() < this.profile.gaps ? this.random() * this.profile.spreadMs : 0;
  }

  fate(): 'delivered' | 'request lost' | 'reply lost' {
    if (this.isHealed || this.random() >= this.profile.lost) return 'delivered';
    return this.random() < 0.5 ? 'request lost' : 'reply lost';
  }

  isWakeLost(): boolean {
    return !this.isHealed && this.random() < this.profile.lostWakes;
  }

  awayMs(): number {
    return this.random() * (this.isHealed ? 50 : 400);
  }

  isLostByDrop(): boolean {
    return this.random() < 0.5;
  }
}

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

/** `1,234`, and from 100,000 `123.4K`. */
export function count(value: number): string {
  return value < 100_000 ? whole.format(value) : short.format(value);
}

/** `94.1 %`; `100 %` and `0 %` only where it is exactly that. @param share 0 to 1 */
export function percent(share: number): string {
  if (share === 0 || share === 1) return `${share * 100} %`;
  return `${Math.min(99.9, Math.max(0.1, share * 100)).toFixed(1)} %`;
}

/** `0.4`, `12`, `1,234` for each second. */
export function rate(perSecond: number): string {
  return perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : count(Math.round(perSecond));
}

/** Units with their milliseconds, the largest first. */
const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** `0.42 ms`, `12 ms`, `3.4 s`, `5 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 1_000) return ms === 0 ? '0 ms' : `${Number(ms.toPrecision(ms < 10 ? 2 : 3))} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  const at = UNITS.findIndex(([, size]) => ms >= size);
  const [unit, size] = UNITS[at] ?? ['s', 1_000];
  const amount = Math.floor(ms / size);
  const [nextUnit, nextSize] = UNITS[at + 1] ?? [unit, size];
  const rest = Math.floor((ms - amount * size) / nextSize);
  return nextUnit === unit || rest === 0 ? `${amount} ${unit}` : `${amount} ${unit} ${rest} ${nextUnit}`;
}

/** `512 B`, `1.5 kB`, `64 MB`, in steps of 1,024. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = value < 1 ? 0 : Math.min(Math.floor(Math.log2(value) / 10), units.length - 1);
  const amount = value / 1_024 ** step;
  return `${step === 0 || amount >= 100 ? Math.round(amount) : Number(amount.toFixed(1))} ${units[step] ?? 'B'}`;
}

/** `1 entry`, `12 entries`. */
export function entries(amount: number): string {
  return `${whole.format(amount)} ${amount === 1 ? 'entry' : 'entries'}`;
}

/** `in 5 min`, `2 s ago`, `never`. */
export function expiry(expiresAt: string | null, nowMs: number): string {
  if (expiresAt === null) return 'never';
  const leftMs = Date.parse(expiresAt) - nowMs;
  const coarse = duration(Math.max(1_000, Math.floor(Math.abs(leftMs) / 1_000) * 1_000)).replace('.0', '');
  return leftMs >= 0 ? `in ${coarse}` : `${coarse} ago`;
}

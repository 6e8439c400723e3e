import type { StoreView, StoreWriter } from './ordered-store.port.js';

/*
 * A lease gives one process of the machine the right to load a key. Its record is its end and the token of its holder.
 * It is short and gets renewed, so a process that dies blocks the others only for a short time.
 */
export const LEASE_MS = 900;
export const LEASE_TOKEN_BYTES = 12;
const TIME_BYTES = 8;

/** True while a process has the lease of an entry. */
export function isLeased(view: StoreView, id: Buffer, wallMs: number): boolean {
  const lease = view.get('leases', id);
  return lease !== undefined && lease.readDoubleBE(0) > wallMs;
}

/** Takes or renews a lease. @returns false if another process has it */
export function takeLease(writer: StoreWriter, id: Buffer, token: Buffer, wallMs: number): boolean {
  if (isLeased(writer, id, wallMs) && !isHolder(writer, id, token)) return false;
  const lease = Buffer.allocUnsafe(TIME_BYTES + LEASE_TOKEN_BYTES);
  lease.writeDoubleBE(wallMs + LEASE_MS, 0);
  lease.set(token, TIME_BYTES);
  writer.put('leases', id, lease);
  return true;
}

/** Renews a lease if `token` still holds it. */
export function renewLease(writer: StoreWriter, id: Buffer, token: Buffer, wallMs: number): void {
  if (isHolder(writer, id, token)) takeLease(writer, id, token, wallMs);
}

export function releaseLease(writer: StoreWriter, id: Buffer, token: Buffer): void {
  if (isHolder(writer, id, token)) writer.remove('leases', id);
}

/** Removes the leases of these entries that have ended without a release. */
export function removeLostLeases(writer: StoreWriter, ids: readonly Buffer[], wallMs: number): void {
  for (const id of ids) if (!isLeased(writer, id, wallMs)) writer.remove('leases', id);
}

function isHolder(view: StoreView, id: Buffer, token: Buffer): boolean {
  return view.get('leases', id)?.subarray(TIME_BYTES).equals(token) ?? false;
}

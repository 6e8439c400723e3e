import { compileGlob } from '../../core/vocabulary/glob.js';
import { type EntryTarget, hitBy } from '../../core/ports/invalidation-target.js';
import type { LoadRegistry } from './load-registry.js';
import type { MemoryStore } from './memory-store.js';

/**
 * The slots of the nodes that `target` hits, each once, expired or not. The caller may remove nodes during the walk.
 */
export function select(target: EntryTarget, store: MemoryStore): Iterable<number> {
  switch (target.kind) {
    case 'keys':
      return new Set(target.keys.flatMap((key) => store.find(key, target.namespace)?.slot ?? []));
    case 'tags':
      return store.tagged(target.tags, target.mode);
    case 'namespace':
      return store.scope(target.namespace).values();
    case 'pattern':
      return matching(compileGlob(target.pattern), store.scope(target.namespace));
    case 'all':
      return everything(store);
  }
}

/** Makes open loads void that could store again an entry that `target` hits. */
export function fence(target: EntryTarget, loads: LoadRegistry): void {
  if (loads.size === 0) return;
  if (target.kind === 'keys') for (const key of target.keys) loads.voidKey(key, target.namespace);
  else if (target.kind === 'tags') loads.voidTags(target.tags, target.mode);
  else loads.voidWhere(hitBy(target));
}

function* matching(isMatch: (key: string) => boolean, slots: ReadonlyMap<string, number>): Iterable<number> {
  for (const [key, slot] of slots) if (isMatch(key)) yield slot;
}

/** Walks from the end, because the table shrinks when its last nodes are removed. */
function* everything({ slots }: MemoryStore): Iterable<number> {
  for (let slot = slots.length - 1; slot >= 0; slot--) if (slots.at(slot) !== undefined) yield slot;
}

import { compileGlob } from '../../core/vocabulary/glob.js';
import type { InvalidationTarget } from '../../core/ports/cache-adapter.port.js';
import type { LoadRegistry, OpenLoad } from './load-registry.js';
import type { MemoryStore } from './memory-store.js';

/** What an invalidation is aimed at, except for what is merely expired. */
export type Target = Exclude<InvalidationTarget, { kind: 'expired' }>;

/** The slots of the nodes that `target` names, each once; live or not. Nodes may be removed while it is walked. */
export function select(target: Target, store: MemoryStore): Iterable<number> {
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

/** Makes the loads under way void that could bring back what `target` names. */
export function fence(target: Target, loads: LoadRegistry): void {
  if (loads.size === 0) return;
  if (target.kind === 'keys') for (const key of target.keys) loads.voidKey(key, target.namespace);
  else if (target.kind === 'tags') loads.voidTags(target.tags, target.mode);
  else loads.voidWhere(isHitBy(target));
}

function isHitBy(target: Exclude<Target, { kind: 'keys' | 'tags' }>): (load: OpenLoad) => boolean {
  if (target.kind === 'all') return () => true;
  const { namespace } = target;
  if (target.kind === 'namespace') return (load) => load.namespace === namespace;
  const isMatch = compileGlob(target.pattern);
  return (load) => load.namespace === namespace && isMatch(load.key);
}

function* matching(isMatch: (key: string) => boolean, slots: ReadonlyMap<string, number>): Iterable<number> {
  for (const [key, slot] of slots) if (isMatch(key)) yield slot;
}

/** From the end, because the table shrinks when its last nodes go. */
function* everything({ slots }: MemoryStore): Iterable<number> {
  for (let slot = slots.length - 1; slot >= 0; slot--) if (slots.at(slot) !== undefined) yield slot;
}

import { entries } from './format.js';

/** Entries to remove, as the form says it. */
export type Target =
  | { readonly by: 'tags'; readonly tags: readonly string[]; readonly mode: 'any' | 'all'; readonly soft: boolean }
  | { readonly by: 'namespace'; readonly namespace: string; readonly soft: boolean }
  | { readonly by: 'pattern'; readonly pattern: string; readonly namespace?: string }
  | { readonly by: 'key'; readonly key: string; readonly namespace?: string }
  | { readonly by: 'all' };

/** The way of an invalidation: counted first, then confirmed, then done. */
export type Step =
  | { readonly at: 'idle' }
  | { readonly at: 'counting' }
  | { readonly at: 'counted'; readonly target: Target; readonly amount: number }
  | { readonly at: 'removing'; readonly target: Target; readonly amount: number }
  | { readonly at: 'done'; readonly target: Target; readonly amount: number }
  | { readonly at: 'failed'; readonly message: string };

export type Happening =
  | { readonly kind: 'edited' }
  | { readonly kind: 'asked' }
  | { readonly kind: 'counted'; readonly target: Target; readonly amount: number }
  | { readonly kind: 'confirmed' }
  | { readonly kind: 'removed'; readonly amount: number }
  | { readonly kind: 'failed'; readonly message: string };

/** Nothing is removed that was not counted and confirmed: any other order leaves the step as it is. */
export function nextStep(step: Step, happening: Happening): Step {
  return afterwards(step, happening) ?? step;
}

function afterwards(step: Step, happening: Happening): Step | undefined {
  switch (step.at) {
    case 'removing':
      if (happening.kind === 'removed') return { at: 'done', target: step.target, amount: happening.amount };
      return happening.kind === 'failed' ? { at: 'failed', message: happening.message } : undefined;
    case 'counted':
      return happening.kind === 'confirmed' ? { ...step, at: 'removing' } : begun(happening);
    case 'counting':
      if (happening.kind === 'counted') return { at: 'counted', target: happening.target, amount: happening.amount };
      return happening.kind === 'failed' ? { at: 'failed', message: happening.message } : begun(happening);
    default:
      return begun(happening);
  }
}

/** Asking for a count, and any change of the form, begin again. */
function begun({ kind }: Happening): Step | undefined {
  if (kind === 'asked') return { at: 'counting' };
  return kind === 'edited' ? { at: 'idle' } : undefined;
}

/** `Remove 12 entries with tag 'product'?` */
export function question(target: Target, amount: number): string {
  const verb = 'soft' in target && target.soft ? 'Expire' : 'Remove';
  return `${verb} ${entries(amount)}${suffixOf(target)}?`;
}

/** `12 entries with tag 'product' are stored.` */
export function counted(target: Target, amount: number): string {
  if (amount === 0) return `Nothing is stored${suffixOf(target)}.`;
  return `${entries(amount)}${suffixOf(target)} ${amount === 1 ? 'is' : 'are'} stored.`;
}

/** `Removed 12 entries with tag 'product'.` */
export function result(target: Target, amount: number): string {
  const verb = 'soft' in target && target.soft ? 'Expired' : 'Removed';
  return `${verb} ${entries(amount)}${suffixOf(target)}.`;
}

function suffixOf(target: Target): string {
  switch (target.by) {
    case 'tags': {
      const tags = target.tags.map((tag) => `'${tag}'`);
      if (tags.length === 1) return ` with tag ${tags.join('')}`;
      return target.mode === 'all'
        ? ` with all of the tags ${tags.join(', ')}`
        : ` with any of the tags ${tags.join(', ')}`;
    }
    case 'namespace':
      return ` in namespace '${target.namespace}'`;
    case 'pattern':
      return ` with keys like '${target.pattern}'${inNamespace(target.namespace)}`;
    case 'key':
      return ` under key '${target.key}'${inNamespace(target.namespace)}`;
    case 'all':
      return ' of this cache';
  }
}

function inNamespace(namespace: string | undefined): string {
  return namespace === undefined ? ' without a namespace' : ` in namespace '${namespace}'`;
}

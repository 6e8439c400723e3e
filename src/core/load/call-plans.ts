import { checkKey } from '../vocabulary/cache-key.js';
import { checkNames } from '../vocabulary/option-checks.js';
import type { GetOrSetOptions, NamespaceOption } from './call-options.js';
import { isPlainPlan, type LoadPlan, readLoadPlan } from './load-policy.js';

/** Reads the options of calls, on top of the options of the cache. */
export class CallPlans {
  /** The plan of a call without options. */
  readonly base: LoadPlan;
  /** True when a fresh entry is a hit for a call without options, whatever its age. */
  readonly isPlain: boolean;
  /** The namespace that passed the check last: calls with one namespace come in a row. */
  #checkedNamespace: string | undefined;

  constructor(base: LoadPlan) {
    this.base = base;
    this.isPlain = isPlainPlan(base);
  }

  of<T>(options: GetOrSetOptions<T> | undefined): LoadPlan {
    return options === undefined ? this.base : readLoadPlan(options, this.base);
  }

  namespaceOf(options: NamespaceOption | undefined): string | undefined {
    const namespace = options?.namespace;
    if (namespace === undefined) return this.base.namespace;
    if (namespace !== this.#checkedNamespace) {
      checkKey(namespace, 'namespace');
      this.#checkedNamespace = namespace;
    }
    return namespace;
  }

  /** The namespace of a call that has no other option. */
  namespaceIn(options: NamespaceOption | undefined): string | undefined {
    if (options !== undefined && (options as NamespaceOption | null)?.namespace === undefined)
      checkNames(options, ['namespace']);
    return this.namespaceOf(options);
  }
}

/** Options of one invalidation. */
export interface InvalidationOptions {
  /** Makes the entries stale instead of removing them. */
  readonly soft: boolean;
  /** Only counts the entries. */
  readonly dryRun: boolean;
}

import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { installedVersion } from '../../core/vocabulary/installed-version.js';

const MISSING = 'The backend `file` needs the package `lmdb`, version 3. Install it with `npm install lmdb@3`.';

/**
 * Loads the file backend with lmdb, an optional peer that no other backend needs.
 * @throws CacheConfigError when lmdb is not installed, has another major version, or was installed for another
 * platform
 */
export async function loadFileBackend(): Promise<typeof import('./open-file.js')> {
  checkVersion();
  try {
    return await import('./open-file.js');
  } catch (cause) {
    throw new CacheConfigError(isMissing(cause) ? MISSING : unusableBecause(cause), { cause });
  }
}

/** @throws CacheConfigError for a version of lmdb with which the backend is not tested */
export function checkVersion(version: string | undefined = installedVersion('lmdb')): void {
  if (version === undefined || version.startsWith('3.')) return;
  throw new CacheConfigError(
    `The backend \`file\` needs the package \`lmdb\`, version 3, got ${version}. ` +
      'Install it with `npm install lmdb@3`.',
  );
}

/** Knows the codes of `import`, and of `require` in the CommonJS form of the kit. */
function isMissing(error: unknown): boolean {
  return ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** lmdb has a build for each platform: a `node_modules` that was copied from another one has the wrong build. */
function unusableBecause(error: unknown): string {
  return (
    `The package \`lmdb\` is installed and cannot be loaded: ${(error as Error).message} ` +
    'Install it on this machine, with its optional dependencies: `npm install lmdb --include=optional`.'
  );
}

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { THIS_COPY } from './copies.js';

/**
 * The version of the package that this copy of the kit loads under `name`; `undefined` where packages cannot be looked
 * up, as in a bundle, or the package is not installed.
 */
export function installedVersion(name: string): string | undefined {
  try {
    const entry = createRequire(join(THIS_COPY.place, 'index.js')).resolve(name);
    for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
      const manifest = manifestIn(folder);
      if (manifest?.name === name) return manifest.version;
    }
    return undefined;
  } catch {
    return undefined;
  }
}

function manifestIn(folder: string): { name?: string; version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string; version?: string };
  } catch {
    return undefined;
  }
}

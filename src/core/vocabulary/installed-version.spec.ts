import { describe, expect, it } from '@jest/globals';
import { installedVersion } from './installed-version.js';

describe('installedVersion', () => {
  it.each(['lmdb', 'typeorm', 'rxjs'])('is that of the package: %s', (name) => {
    expect(installedVersion(name)).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('is undefined for a package that is not installed', () => {
    expect(installedVersion('no-such-package-at-all')).toBeUndefined();
  });
});

import { describe, expect, it } from '@jest/globals';
import { checkVersion } from './tested-versions.js';

describe('the version of drizzle-orm', () => {
  it.each(['0.44.0', '0.44.7', '0.45.4', '0.45.12', '0.45.5-abc'])('may be %s', (version) => {
    expect(() => checkVersion(version)).not.toThrow();
  });

  it.each(['0.43.1', '0.46.0', '0.4', '1.0.0-beta.9', '1.0.0-rc.4', '1.0.0-rc.5', '1.0.0', '2.0.0', '10.45.0'])(
    'is refused when it is %s, with the versions that are known',
    (version) => {
      expect(() => checkVersion(version)).toThrow(
        `Expected drizzle-orm 0.44 or 0.45, got ${version}. Install \`drizzle-orm@^0.45\``,
      );
    },
  );
});

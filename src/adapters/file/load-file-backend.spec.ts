import { describe, expect, it } from '@jest/globals';
import { checkVersion } from './load-file-backend.js';

describe('the version of lmdb', () => {
  it.each(['3.0.0', '3.5.6', undefined])('may be %s', (version) => {
    expect(() => checkVersion(version)).not.toThrow();
  });

  it('is the one that is installed, unless it is given', () => {
    expect(() => checkVersion()).not.toThrow();
  });

  it.each(['2.9.4', '4.0.0', '30.0.0'])('is refused when it is %s, with the command that helps', (version) => {
    expect(() => checkVersion(version)).toThrow(`version 3, got ${version}. Install it with \`npm install lmdb@3\`.`);
  });
});

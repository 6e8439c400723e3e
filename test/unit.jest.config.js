import base, { matching } from '../jest.config.js';

/** `npm run test:unit`: what needs neither a server nor an application. Some of it reads `dist`: `npm run build`. */
export default {
  ...base,
  rootDir: '..',
  testMatch: matching(['src/', 'test/architecture/', 'test/docs/']),
};

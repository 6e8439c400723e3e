// `node --import` of this file makes every import of ioredis load version 5. Specs start processes with it.
import { register } from 'node:module';

const hooks = `export const resolve = (specifier, context, next) =>
  next(specifier === 'ioredis' ? 'ioredis-5' : specifier, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

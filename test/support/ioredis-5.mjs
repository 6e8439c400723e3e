// `node --import` this, and every import of ioredis gets version 5: for the processes that specs of Redis start.
import { register } from 'node:module';

const hooks = `export const resolve = (specifier, context, next) => next(specifier === 'ioredis' ? 'ioredis-5' : specifier, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

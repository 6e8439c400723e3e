/* `node --import` this: the lookup of lmdb's version finds the package of OTHER_LMDB, the entry file of another one. */
import Module from 'node:module';

const resolve = Module._resolveFilename;
Module._resolveFilename = (name, ...others) => (name === 'lmdb' ? process.env.OTHER_LMDB : resolve(name, ...others));

import type { CacheRequest } from './exchange.js';

/** This machine, by whatever port: a test has another one each time, a developer one for each terminal. */
const LOOPBACK = /^((?:[\w-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d*)?$/;

/** The host without the default port, without any on a loopback address, and without spaces. */
export function hostOf({ protocol = 'http', host = '' }: Pick<CacheRequest, 'protocol' | 'host'>): string {
  const name = host.toLowerCase().replaceAll(' ', '%20');
  const loopback = LOOPBACK.exec(name)?.[1];
  if (loopback !== undefined) return loopback;
  const port = protocol === 'https' ? ':443' : ':80';
  return name.endsWith(port) ? name.slice(0, -port.length) : name;
}

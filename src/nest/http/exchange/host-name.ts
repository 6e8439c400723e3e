import type { CacheRequest } from './exchange.js';

/** This machine with any port. A test gets another port each time. */
const LOOPBACK = /^((?:[\w-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d*)?$/;

/** The host in lower case, without the default port, without any port of a loopback address, and without spaces. */
export function hostOf({ protocol = 'http', host = '' }: Pick<CacheRequest, 'protocol' | 'host'>): string {
  const name = host.toLowerCase().replaceAll(' ', '%20');
  const loopback = LOOPBACK.exec(name)?.[1];
  if (loopback !== undefined) return loopback;
  const port = protocol === 'https' ? ':443' : ':80';
  return name.endsWith(port) ? name.slice(0, -port.length) : name;
}

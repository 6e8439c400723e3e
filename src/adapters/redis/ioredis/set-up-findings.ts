import type { Finding } from '../../../core/vocabulary/finding.js';
import type { ServerFacts } from './server-facts.js';

/** Finds settings of a server that do not suit a cache. @param subject `Redis at redis://localhost:6379/0` */
export function setUpFindings({ id, maxMemoryBytes = 0, evictionPolicy }: ServerFacts, subject: string): Finding[] {
  if (id === undefined) {
    return [
      {
        problem:
          `${subject} does not let its user ask INFO, so a restart cannot be told from a short break: ` +
          'every new connection counts as one.',
        fix: 'Give the user the right `+info`.',
      },
    ];
  }
  if (maxMemoryBytes === 0 || evictionPolicy !== 'noeviction') return [];
  return [
    {
      problem:
        `${subject} may hold ${Math.round(maxMemoryBytes / 2 ** 20)} MiB and evicts nothing ` +
        '(maxmemory-policy noeviction): when it is full, nothing new is stored.',
      fix: 'Set maxmemory-policy to allkeys-lfu, or to volatile-lfu where it also holds data that must stay.',
    },
  ];
}

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

/** Share of `maxmemory` from which a server that evicts nothing is about to refuse new entries. */
const NEARLY_FULL = 0.9;

/** Finds settings, and states that come and go, for the doctor. */
export function presentFindings(facts: ServerFacts, subject: string): Finding[] {
  const { maxMemoryBytes = 0, usedMemoryBytes = 0, evictionPolicy, isReplica } = facts;
  const ofState: Finding[] = [];
  if (isReplica === true)
    ofState.push({
      level: 'error',
      problem: `${subject} is a replica, which takes no writes: nothing is stored or invalidated.`,
      fix: 'Connect to its master, by the address of the master or by `redis: { sentinel }`.',
    });
  if (evictionPolicy === 'noeviction' && maxMemoryBytes > 0 && usedMemoryBytes >= maxMemoryBytes * NEARLY_FULL)
    ofState.push({
      level: 'error',
      problem: `${subject} is full to ${Math.round((usedMemoryBytes / maxMemoryBytes) * 100)} % and evicts nothing.`,
      fix: 'Set maxmemory-policy to allkeys-lfu, or give it more memory.',
    });
  return [...setUpFindings(facts, subject), ...ofState];
}

import type { ModulesContainer } from '@nestjs/core';
import { hasInternals, internalsOf } from '../../core/cache-internals.js';
import type { CacheService } from '../../core/cache.service.js';
import type { Finding, FindingLevel } from '../../core/vocabulary/finding.js';
import { adviceOf } from '../start-up-advisor.js';

/** The answer of `GET <admin>/doctor`: errors first, then warnings, then hints. */
export interface DoctorReport {
  findings: { problem: string; fix: string; level: FindingLevel }[];
}

const LEVELS: readonly FindingLevel[] = ['error', 'warning', 'hint'];

/** Joins what is wrong with a cache now with what the start of the application has found. */
export async function examine(cache: CacheService, modules: ModulesContainer): Promise<DoctorReport> {
  // An object that a test has put in the place of the cache knows nothing of itself.
  const { findings, isStoreAsked } = hasInternals(cache)
    ? await internalsOf(cache).diagnose()
    : { findings: [], isStoreAsked: false };
  const all = new Map<string, Finding>();
  for (const finding of [...findings, ...adviceOf(modules).list(isStoreAsked)])
    if (!all.has(finding.problem)) all.set(finding.problem, finding);
  const levelled = [...all.values()].map(({ problem, fix, level = 'warning' }) => ({ problem, fix, level }));
  return { findings: levelled.sort((one, other) => LEVELS.indexOf(one.level) - LEVELS.indexOf(other.level)) };
}

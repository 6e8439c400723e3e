import { Logger } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { CacheConfigError } from '../core/vocabulary/cache.errors.js';
import { type Finding } from '../core/vocabulary/finding.js';

/*
 * The findings of the kit about an application, in one list. Modules and explorers add to it while the application
 * starts; at the end of the start it is logged once. With `strict` the list is an error instead, and the application
 * does not start.
 */

/** The cache and the tags of a decorator or route. */
export interface TagOptions {
  readonly cache: string;
  readonly tags: unknown;
}

export interface WrittenTags extends TagOptions {
  /** Tags that begin with this text are written too. @default none */
  readonly prefix?: string;
}

/** The findings about one application. */
export class Advice {
  readonly #logger = new Logger('CacheKit');
  readonly #findings = new Map<string, Finding>();
  /** Findings that may be as they should be: the doctor alone shows them. */
  readonly #hints = new Map<string, Finding>();
  /** The problems that stores have told of themselves, which may be solved by now. */
  readonly #ofStores = new Set<string>();
  /** Decorators, routes and namespaces that store entries with tags. */
  readonly #writers: WrittenTags[] = [];
  readonly #invalidators: (TagOptions & { readonly label: string })[] = [];
  #isStrict = false;
  #isAnnounced = false;

  /** Adds the findings about the options of a cache. Where one cache is `strict`, all findings fail the start. */
  about({ findings, isStrict }: { readonly findings: readonly Finding[]; readonly isStrict: boolean }): void {
    for (const finding of findings) this.add(finding);
    this.#isStrict ||= isStrict;
  }

  /** Adds a finding; after the start it is logged at once. */
  add(finding: Finding): void {
    const isNew = !this.#findings.has(finding.problem);
    this.#findings.set(finding.problem, finding);
    if (isNew && this.#isAnnounced) this.#logger.warn(sentenceOf(finding));
  }

  /** Adds a finding of a store about itself. */
  addOfStore(finding: Finding): void {
    this.#ofStores.add(finding.problem);
    this.add(finding);
  }

  /** Adds a finding that may be as it should be. It is not logged, and does not fail a `strict` start. */
  hint(finding: Finding): void {
    this.#hints.set(finding.problem, { ...finding, level: 'hint' });
  }

  /** All findings and hints. @param isStoreAsked true to leave out what stores have said before */
  list(isStoreAsked: boolean): Finding[] {
    const findings = [...this.#findings.values()];
    return [
      ...findings.filter(({ problem }) => !isStoreAsked || !this.#ofStores.has(problem)),
      ...this.#hints.values(),
    ];
  }

  /**
   * Notes that a decorator, route or namespace stores entries with these tags, and with tags that begin with `prefix`.
   */
  writesTags(options: WrittenTags): void {
    this.#writers.push(options);
  }

  /** Notes that a decorator invalidates these tags. */
  invalidatesTags(options: TagOptions & { readonly label: string }): void {
    this.#invalidators.push(options);
  }

  /** Logs the list, once. @throws CacheConfigError instead, with `strict` */
  announce(): void {
    for (const finding of this.#unwrittenTags()) this.add(finding);
    const list = listOf([...this.#findings.values()]);
    if (list !== undefined && this.#isStrict)
      throw new CacheConfigError(`${list}\nThe application does not start, because of \`strict: true\`.`);
    if (list !== undefined && !this.#isAnnounced) this.#logger.warn(list);
    this.#isAnnounced = true;
  }

  /**
   * Finds tags that are invalidated and never written. Finds none where some tags are computed, or where no decorator
   * stores: then the written tags are not known.
   */
  #unwrittenTags(): Finding[] {
    return this.#invalidators.flatMap(({ cache, tags, label }) => {
      const writers = this.#writers.filter((writer) => writer.cache === cache);
      if (writers.length === 0 || writers.some((writer) => typeof writer.tags === 'function')) return [];
      const written = new Set(writers.flatMap((writer) => (writer.tags ?? []) as string[]));
      const isWritten = (tag: string): boolean =>
        written.has(tag) || writers.some(({ prefix }) => prefix !== undefined && tag.startsWith(prefix));
      return ((Array.isArray(tags) ? tags : []) as string[])
        .filter((tag) => !isWritten(tag))
        .map((tag) => unwritten(tag, label, [...written]));
    });
  }
}

const adviceFor = new WeakMap<ModulesContainer, Advice>();

export function adviceOf(modules: ModulesContainer): Advice {
  const advice = adviceFor.get(modules) ?? new Advice();
  adviceFor.set(modules, advice);
  return advice;
}

/** Returns the findings as one text; `undefined` where there are none. */
function listOf(findings: readonly Finding[]): string | undefined {
  if (findings.length === 0) return undefined;
  return [
    `${findings.length === 1 ? 'One thing' : `${findings.length} things`} about the cache to look at:`,
    ...findings.map((finding, i) => `  ${i + 1}. ${sentenceOf(finding)}`),
  ].join('\n');
}

function sentenceOf({ problem, fix }: Finding): string {
  return `${problem} ${fix}`;
}

function unwritten(tag: string, label: string, written: readonly string[]): Finding {
  const known =
    written.length === 0
      ? 'no decorator writes tags'
      : `those that decorators write are ${written.map((each) => `'${each}'`).join(', ')}`;
  return {
    problem: `${label} invalidates the tag '${tag}', and nothing is stored with it: ${known}.`,
    fix:
      `Add \`tags: ['${tag}']\` to what it should remove. Where code stores with it, write \`tags: () => ` +
      `['${tag}']\` here.`,
  };
}

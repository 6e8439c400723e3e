import { Logger } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { CacheConfigError } from '../core/vocabulary/cache.errors.js';
import { type Finding } from '../core/vocabulary/finding.js';

/*
 * What the kit finds out about an application while it starts, in one list: each module and explorer adds to it, and
 * when everything has been looked through it is logged once. With `strict` it is an error, and the application does not
 * start.
 */

/** The options of a decorator or route, as far as they are about tags. */
export interface TagOptions {
  readonly cache: string;
  readonly tags: unknown;
}

export interface WrittenTags extends TagOptions {
  /** @default none */
  readonly prefix?: string;
}

/** The findings about one application. */
export class Advice {
  readonly #logger = new Logger('CacheKit');
  readonly #findings = new Map<string, Finding>();
  /** By cache. */
  readonly #writers: WrittenTags[] = [];
  readonly #invalidators: (TagOptions & { readonly label: string })[] = [];
  #isStrict = false;
  #isAnnounced = false;

  /** Takes in what was found in the options of a cache. Where one cache is `strict`, all findings fail the start. */
  about({ findings, isStrict }: { readonly findings: readonly Finding[]; readonly isStrict: boolean }): void {
    for (const finding of findings) this.add(finding);
    this.#isStrict ||= isStrict;
  }

  /** What is found after the start is logged at once. */
  add(finding: Finding): void {
    const isNew = !this.#findings.has(finding.problem);
    this.#findings.set(finding.problem, finding);
    if (isNew && this.#isAnnounced) this.#logger.warn(sentenceOf(finding));
  }

  /** A decorator, route or namespace stores with these tags, and with all that begin with `prefix`. */
  writesTags(options: WrittenTags): void {
    this.#writers.push(options);
  }

  /** A decorator invalidates these tags. */
  invalidatesTags(options: TagOptions & { readonly label: string }): void {
    this.#invalidators.push(options);
  }

  /** Logs the list, once. @throws CacheConfigError in its place, with `strict` */
  announce(): void {
    for (const finding of this.#unwrittenTags()) this.add(finding);
    const list = listOf([...this.#findings.values()]);
    if (list !== undefined && this.#isStrict)
      throw new CacheConfigError(`${list}\nThe application does not start, because of \`strict: true\`.`);
    if (list !== undefined && !this.#isAnnounced) this.#logger.warn(list);
    this.#isAnnounced = true;
  }

  /** Where some tags are computed, or nothing is stored by decorators, what is written cannot be told. */
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

/** The findings as one text; `undefined` where there are none. */
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
    fix: `Add \`tags: ['${tag}']\` to what it should remove. Where code stores with it, write \`tags: () => ['${tag}']\` here.`,
  };
}

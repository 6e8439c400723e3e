import { withoutCredentials } from '../core/vocabulary/show.js';

/** The secrets of a run. No message shows them, wherever it comes from. */
export class Secrets {
  readonly #known = new Set<string>();

  /** Keeps user, password and query of a URL, as they are written and decoded. */
  addUrl(text: string): void {
    const [, credentials] = /^\w[\w+.-]*:\/\/(\S*)@/.exec(text) ?? [];
    if (credentials === undefined) return;
    const password = credentials.slice(credentials.indexOf(':') + 1);
    this.add(credentials);
    this.add(password);
    this.add(decoded(password));
  }

  /** Keeps the value of a header, and its parts: `Bearer abc` also hides `abc`. */
  addHeader(value: string): void {
    this.add(value);
    for (const part of value.split(/[\s,;]+/)) if (part.length > 3) this.add(part);
  }

  add(secret: string): void {
    if (secret !== '') this.#known.add(secret);
  }

  /** Replaces all secrets in a text, the longest first. */
  hide(text: string): string {
    const longestFirst = [...this.#known].sort((a, b) => b.length - a.length);
    return longestFirst.reduce((rest, secret) => rest.replaceAll(secret, '***'), withoutCredentials(text));
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

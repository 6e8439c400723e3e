/** A member of a `LinkedList`. It can be in one list at a time, because it holds the links. */
export interface Linked<T> {
  older: T | null;
  newer: T | null;
}

/**
 * A doubly linked list whose links are in its members: it allocates nothing, and each operation takes constant time.
 */
export class LinkedList<T extends Linked<T>> {
  newest: T | null = null;
  oldest: T | null = null;
  size = 0;

  add(member: T): void {
    member.older = this.newest;
    if (this.newest === null) this.oldest = member;
    else this.newest.newer = member;
    this.newest = member;
    this.size++;
  }

  remove(member: T): void {
    const { older, newer } = member;
    if (older === null) this.oldest = newer;
    else older.newer = newer;
    if (newer === null) this.newest = older;
    else newer.older = older;
    // A holder of the member must not keep its former neighbours alive.
    member.older = member.newer = null;
    this.size--;
  }

  /** Puts `successor` in the place of `member`. */
  replace(member: T, successor: T): void {
    const { older, newer } = member;
    successor.older = older;
    successor.newer = newer;
    if (older === null) this.oldest = successor;
    else older.newer = successor;
    if (newer === null) this.newest = successor;
    else newer.older = successor;
    member.older = member.newer = null;
  }
}

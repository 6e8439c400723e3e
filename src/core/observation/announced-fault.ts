const announced = new WeakSet<Error>();

/** Marks a fault as the result of a state that a notice has announced to operators. It need not be logged each time. */
export function asAnnounced(error: Error): Error {
  announced.add(error);
  return error;
}

export function isAnnounced(error: unknown): boolean {
  return error instanceof Error && (announced.has(error) || isAnnounced(error.cause));
}

const announced = new WeakSet<Error>();

/** Marks a fault as the consequence of a state that operators read of in a notice: there is no need to log each. */
export function asAnnounced(error: Error): Error {
  announced.add(error);
  return error;
}

export function isAnnounced(error: unknown): boolean {
  return error instanceof Error && (announced.has(error) || isAnnounced(error.cause));
}

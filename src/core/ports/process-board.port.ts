/**
 * The port through which the processes that share a store show each other reports about themselves. The board does not
 * look into a report, which is a text. A call for reports reaches every process at once, or, where the process cannot
 * hear it (`hearsCalls`), when that process looks for it.
 *
 * Every method rejects while the store cannot be reached, and takes no longer than one call of the store may.
 */
export interface ProcessBoard {
  /** True while this process hears every call for reports. */
  readonly hearsCalls: boolean;

  /** Registers the function that is run at each call, also at those of this process. Call it once. */
  listen(onCall: () => void): void;

  /**
   * Reads the board. Calls for reports if nobody has done so within the last 5 s, so that any number of readers make
   * one call.
   */
  read(): Promise<BoardView>;

  /** True when somebody has called for reports within the last minute. */
  isCalled(): Promise<boolean>;

  /** Puts the report of a process on the board, in the place of its last one. */
  put(processId: string, report: string): Promise<void>;

  remove(processId: string): Promise<void>;
}

export interface BoardView {
  /** The last report of each process, except of those that have put none for 15 s. */
  readonly reports: readonly BoardReport[];
  /** Time since the call before this reading, in milliseconds; `Infinity` where none is known. */
  readonly calledMsAgo: number;
}

export interface BoardReport {
  readonly processId: string;
  readonly text: string;
  /** Age by the clock of the store, in milliseconds. */
  readonly ageMs: number;
}

/** Time for which a call for reports is answered, in milliseconds. */
export const CALL_LASTS_MS = 60_000;
/** Time between two reports of one process, and least time between two calls, in milliseconds. */
export const REPORT_EVERY_MS = 5_000;
/** Age at which a report is no longer shown, because its process has probably died. */
export const REPORT_KEPT_MS = 15_000;

/** Where an answer came from. */
export type Source = 'cache' | 'database';

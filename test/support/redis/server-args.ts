/** What every server of the tests is started with: nothing written to disk, nobody else served, nothing forbidden. */
export function commonArgs(port: number): string[] {
  return Object.entries({
    port: String(port),
    bind: '127.0.0.1',
    'protected-mode': 'no',
    save: '',
    appendonly: 'no',
    daemonize: 'no',
    'enable-debug-command': 'yes',
    // A replica would be kept waiting for others that may come.
    'repl-diskless-sync-delay': '0',
  }).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Arguments of every test server: no persistence, loopback only, debug commands allowed. */
export function commonArgs(port: number): string[] {
  return Object.entries({
    port: String(port),
    bind: '127.0.0.1',
    'protected-mode': 'no',
    save: '',
    appendonly: 'no',
    daemonize: 'no',
    'enable-debug-command': 'yes',
    // By default a master delays the first sync to wait for more replicas.
    'repl-diskless-sync-delay': '0',
  }).flatMap(([name, value]) => [`--${name}`, value]);
}

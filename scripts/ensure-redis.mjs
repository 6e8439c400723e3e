// The tests run against real servers. Finds a server, installs one where that needs no password, or prints how to.
import { spawnSync } from 'node:child_process';

const BINARIES = ['redis-server', 'valkey-server'];
const OLDEST_MAJOR = 7;

const ADVICE = `The tests start Redis servers: they need redis-server or valkey-server on the PATH,
  version ${OLDEST_MAJOR} or later.
  Debian, Ubuntu: sudo apt-get install --no-install-recommends redis-server
  macOS:          brew install redis
  Fedora:         sudo dnf install valkey
  Others:         https://redis.io/docs/latest/operate/oss_and_stack/install/`;

// The package must not start a service, now or after a reboot: the tests start their own servers. The lock is for test
// runs that install at the same time: one would restore the policy of the other.
const INSTALL = `
  exec 9</usr/sbin
  flock 9
  policy=/usr/sbin/policy-rc.d
  restore() {
    rm -f "$policy"
    if [ -e "$policy.kept" ]; then mv "$policy.kept" "$policy"; fi
  }
  if [ -e "$policy" ]; then mv "$policy" "$policy.kept"; fi
  trap restore EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' >"$policy"
  chmod 755 "$policy"

  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q || echo 'Going on with the package lists that are there.' >&2
  apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 redis-server || exit 1
  systemctl disable redis-server >/dev/null 2>&1 || :
`;

function findServer() {
  for (const name of BINARIES) {
    const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    if (status === 0) return { name, version: /v=([\d.]+)/.exec(stdout)?.[1] ?? 'of unknown version' };
  }
  return undefined;
}

function succeeds(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** Returns the prefix that runs a command as root; `undefined` where that needs a password. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return succeeds('sudo', '-n', 'true') ? ['sudo', '-n'] : undefined;
}

function install() {
  const prefix = rootPrefix();
  if (prefix === undefined || !succeeds('apt-get', '--version')) return;
  console.log('Found no redis-server and no valkey-server: installing the package redis-server, without its service.');
  const [command, ...args] = [...prefix, 'sh', '-c', INSTALL];
  spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

function fail(problem) {
  console.error(`${problem}\n${ADVICE}`);
  process.exit(1);
}

let server = findServer();
if (server === undefined) {
  install();
  server = findServer() ?? fail('Found no Redis server.');
}
if (Number.parseInt(server.version) < OLDEST_MAJOR) fail(`Found ${server.name} ${server.version}, which is too old.`);
console.log(`Found ${server.name} ${server.version} for the tests.`);

// The tests of the dashboard run in a real browser. Finds a Chromium, installs one where that needs no password, or
// prints how to.
import { spawnSync } from 'node:child_process';

const BINARIES = [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'].filter(Boolean);

const ADVICE = `The tests of the dashboard need Chromium on the PATH, or its path in CHROMIUM.
  Debian:         sudo apt-get install --no-install-recommends chromium
  macOS:          CHROMIUM="/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
  Fedora:         sudo dnf install chromium`;

const INSTALL = `
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q || echo 'Going on with the package lists that are there.' >&2
  apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 chromium
`;

function findChromium() {
  for (const name of BINARIES) {
    const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    if (status === 0) return stdout.trim();
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
  console.log('Found no Chromium: installing the package chromium.');
  const [command, ...args] = [...prefix, 'sh', '-c', INSTALL];
  spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

let chromium = findChromium();
if (chromium === undefined) {
  install();
  chromium = findChromium();
}
if (chromium === undefined) {
  console.error(`Found no Chromium.\n${ADVICE}`);
  process.exit(1);
}
console.log(`Found ${chromium} for the tests.`);

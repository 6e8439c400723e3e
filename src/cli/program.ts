import { Command, InvalidArgumentError, Option } from 'commander';
import { EXIT, wrongUse } from './command.errors.js';
import type { InvalidateOptions } from './commands/changing.js';
import { connect, type ConnectionOptions, redisTarget, targetOf } from './connection.js';
import { Output } from './output/output.js';
import type { CacheRemote } from './remote/cache-remote.port.js';
import type { RedisRemote } from './remote/redis-remote.js';
import type { Secrets } from './secrets.js';

/** What a run of the command line shares. */
export interface Run {
  readonly version: string;
  readonly secrets: Secrets;
  readonly signal: AbortSignal;
  /** Called with the exit code of the command. */
  readonly onEnd: (code: number) => void;
}

type Work = (remote: CacheRemote, output: Output) => Promise<number>;

/** Defines all commands. Their code is loaded when one of them runs. */
export function buildProgram(run: Run): Command {
  const program = new Command('nestjs-cache-kit')
    .description('Looks into a cache of nestjs-cache-kit, and changes it.')
    .version(run.version)
    .option('--admin <url>', 'full path of the admin routes of a running application (or CACHE_ADMIN_URL)')
    .option('--header <header>', "header of the requests, 'name: value', repeatable (or CACHE_ADMIN_HEADER)", collect)
    .option('--redis <url>', 'the Redis of the cache (or CACHE_REDIS_URL)')
    .option('--prefix <prefix>', 'with --redis: beginning of the keys (or CACHE_KEY_PREFIX)')
    .option('--cache <name>', 'with --redis: name of the cache')
    .option('--cache-version <version>', 'with --redis: version of the keys')
    .exitOverride()
    .allowExcessArguments(false)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: (text, write) => {
        // A value behind `=` might be a secret.
        write(run.secrets.hide(text.replace(/=[^']*'/, "'")));
      },
    });
  const session = new Session(program, run);
  addLooking(program, session);
  addChanging(program, session);
  addWarm(program, session);
  return program;
}

/** Connects, works, and disconnects. */
class Session {
  readonly #program: Command;
  readonly run: Run;
  readonly output = new Output(process);

  constructor(program: Command, run: Run) {
    this.#program = program;
    this.run = run;
  }

  get options(): ConnectionOptions {
    return this.#program.opts();
  }

  get isAdmin(): boolean {
    return targetOf(this.options, process.env, this.run.secrets).kind === 'admin';
  }

  async on(work: Work, target = targetOf(this.options, process.env, this.run.secrets)): Promise<void> {
    const { signal, onEnd } = this.run;
    const remote = await connect(target, signal);
    try {
      onEnd(await untilAborted(work(remote, this.output), signal));
    } finally {
      await remote.close();
    }
  }
}

function addLooking(program: Command, session: Session): void {
  program
    .command('stats')
    .description('print the statistics')
    .option('--cluster', 'those of all processes, and their sums')
    .addHelpText('after', example('stats --admin http://localhost:3000/admin/cache'))
    .action(async ({ cluster }: { cluster?: true }) => {
      const { stats, clusterStats } = await import('./commands/looking.js');
      await session.on((remote, output) =>
        cluster === true ? clusterStats(remote, output) : stats(remote, output, session.isAdmin),
      );
    });
  program
    .command('list')
    .description('print the entries')
    .option('--namespace <name>', 'only those of this namespace')
    .option('--pattern <glob>', 'only keys that match')
    .option('--limit <count>', 'at most so many entries', readCount)
    .addHelpText('after', example("list --namespace users --pattern 'user:*' --limit 20"))
    .action(async (options: { namespace?: string; pattern?: string; limit?: number }) => {
      const { list } = await import('./commands/looking.js');
      await session.on((remote, output) => list(remote, output, options));
    });
  for (const name of ['get', 'explain'] as const)
    program
      .command(`${name} <key>`)
      .description(name === 'get' ? 'print an entry' : 'print why the next read of a key hits or misses')
      .option('--namespace <name>', 'namespace of the key')
      .addHelpText('after', example(`${name} user:1 --namespace users`))
      .action(async (key: string, { namespace }: { namespace?: string }) => {
        const looking = await import('./commands/looking.js');
        await session.on((remote, output) => looking[name](remote, output, { key, namespace }));
      });
  program
    .command('doctor')
    .description('print what is probably wrong with a running application (with --admin)')
    .addHelpText('after', example('doctor --admin http://localhost:3000/admin/cache'))
    .action(async () => {
      const { doctor } = await import('./commands/looking.js');
      await session.on(doctor);
    });
}

function addChanging(program: Command, session: Session): void {
  program
    .command('invalidate')
    .description('invalidate entries')
    .option('--tag <tag>', 'those with this tag, repeatable', collect)
    .addOption(new Option('--mode <mode>', 'with several tags: any of them, or all').choices(['any', 'all']))
    .option('--namespace <name>', 'those of this namespace')
    .option('--pattern <glob>', 'those whose key matches')
    .option('--key <key>', 'the one under this key')
    .option('--soft', 'keep them as stale values')
    .option('--dry-run', 'only count them')
    .addHelpText('after', example('invalidate --tag users --dry-run'))
    .action(async (options: InvalidateOptions) => {
      const { checkInvalidation, invalidate } = await import('./commands/changing.js');
      checkInvalidation(options);
      await session.on((remote, output) => invalidate(remote, output, options));
    });
  program
    .command('clear')
    .description('remove every entry of the cache')
    .option('--yes', 'do not ask')
    .addHelpText('after', example('clear --yes'))
    .action(async ({ yes }: { yes?: true }) => {
      const { clear, confirmClear } = await import('./commands/changing.js');
      const isAsked = session.output.isTerminal && process.stdin.isTTY;
      if (yes !== true && !(await confirmClear(isAsked, session.run.signal))) return session.run.onEnd(EXIT.nothing);
      await session.on(clear);
    });
}

function addWarm(program: Command, session: Session): void {
  program
    .command('warm <module> <export>')
    .description('load the keys that are not fresh (with --redis)')
    .addHelpText('after', example('warm ./warm-up.mjs users --redis redis://localhost:6379'))
    .action(async (module: string, name: string) => {
      const { options, run } = session;
      const url = options.redis ?? process.env['CACHE_REDIS_URL'];
      if (options.admin !== undefined || url === undefined || url === '')
        throw wrongUse('warm stores in Redis itself: give --redis or CACHE_REDIS_URL, and leave out --admin.');
      const target = redisTarget(url, options, process.env, run.secrets);
      const { readPlan, warm } = await import('./commands/warm.js');
      const plan = await readPlan(module, name);
      await session.on((remote, output) => warm(remote as RedisRemote, output, plan, run), target);
    });
}

/** Rejects as soon as the user interrupts. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(wrongUse('Interrupted.')), { once: true });
  });
  return Promise.race([work, aborted]);
}

function example(line: string): string {
  return `\nExample:\n  npx nestjs-cache-kit ${line}`;
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function readCount(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 1.');
}

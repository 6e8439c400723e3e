import { createHash, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { resolve } from 'node:path';

/*
 * The default name of a database for cached results. Two data sources get one name only if they are of one database,
 * and read it as one user and in one form. In doubt they get two names: that costs hits, and never gives one the rows
 * of the other. Invalidation does not depend on the name.
 */

/** Options that say where a database is, of all drivers. */
const PLACE = [
  'host',
  'port',
  'socketPath',
  'connectString',
  'sid',
  'serviceName',
  'domain',
  'projectId',
  'instanceId',
  'databaseId',
];

/** Options that decide which rows a query gives, and in which form. */
const VIEW = [
  'database',
  'schema',
  'username',
  'role',
  'timezone',
  'dateStrings',
  'supportBigNumbers',
  'bigNumberStrings',
  'parseInt8',
  'charset',
];

/** Options of the driver itself that do one or the other. */
const NESTED = ['host', 'socketPath', 'options', 'timezone', 'instanceName', 'useUTC'];

const LOCAL_HOST = /^(?:localhost|127\.[\d.]+|\[?::1\]?|\/.*)$/i;

type Facts = Record<string, unknown>;

/**
 * Returns a name such as `postgres:shop:Xb3kQ0aVtE4`. The end is a digest of what is not secret in the options.
 * @param machine the name of this machine
 */
export function databaseNameOf(options: object, machine: string = hostname()): string {
  const { replication, ...single } = options as Facts;
  const given: Facts = { ...single, ...(replication as { master?: object } | undefined)?.master };
  const { type, extra, options: driverOptions } = given;
  const facts: Facts = { type, ...urlOf(given['url']), ...picked(given, [...PLACE, ...VIEW]) };
  const inner = [extra, driverOptions].map((nested) => picked(Object(nested) as Facts, NESTED));
  const text = JSON.stringify([facts, inner, machineOf(facts, given, machine)]);
  const digest = createHash('sha256').update(text).digest('base64url').slice(0, 11);
  const { database } = facts;
  const label = typeof database === 'string' ? (database.split(/[/\\]/).at(-1) ?? '') : '';
  return [type, label, digest].filter((part) => part !== '').join(':');
}

/** Tells databases of one address apart: those of this machine from those of others, and each one in memory. */
function machineOf(facts: Facts, given: Facts, machine: string): string {
  const { type, host } = facts;
  if (type === 'sqljs') return randomUUID();
  if (type === 'sqlite' || type === 'better-sqlite3') return fileOf(given['database'], machine);
  const isPlaced = PLACE.some((name) => facts[name] !== undefined);
  // A driver of one's own may be a database in this process.
  if (!isPlaced) return given['driver'] === undefined ? environment(machine) : randomUUID();
  return host === undefined || (typeof host === 'string' && !LOCAL_HOST.test(host)) ? '' : machine;
}

function fileOf(database: unknown, machine: string): string {
  const isFile = typeof database === 'string' && database !== '' && database !== ':memory:';
  return isFile ? `${machine} ${resolve(database)}` : randomUUID();
}

/** The address that the driver of Postgres takes from the environment, or else this machine. */
function environment(machine: string): string {
  const { PGHOST = machine, PGPORT = '', PGDATABASE = '', PGUSER = '' } = process.env;
  return [PGHOST, PGPORT, PGDATABASE, PGUSER].join(' ');
}

/** The address in a URL, without the password. */
function urlOf(url: unknown): Facts {
  if (typeof url !== 'string' || !URL.canParse(url)) return {};
  const { hostname: host, port, pathname, username, searchParams } = new URL(url);
  const parameters = ['host', 'schema', 'options'].map((name) => searchParams.get(name));
  return { host, port, database: decodeURIComponent(pathname.slice(1)), username, parameters };
}

function picked(from: Facts, names: readonly string[]): Facts {
  return Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));
}

import { randomBytes } from 'node:crypto';

export const config = readConfig(process.env);

function readConfig(env: NodeJS.ProcessEnv) {
  return {
    host: env.HOST ?? '127.0.0.1',
    port: readPort(env.PORT ?? '3000'),
    httpAdapter: readHttpAdapter(env.HTTP_ADAPTER ?? 'express'),
    // The kit reads and checks it; here it is only shown.
    cacheBackend: env.CACHE_BACKEND ?? 'memory',
    databaseUrl: env.DATABASE_URL === '' ? undefined : env.DATABASE_URL,
    ...readAdminToken(env),
  };
}

function readPort(text: string): number {
  const port = Number(text);
  if (text.trim() !== '' && Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Error(`Expected PORT to be a port such as 3000, or 0 for any free one, got \`${text}\`.`);
}

function readHttpAdapter(text: string): 'express' | 'fastify' {
  if (text === 'express' || text === 'fastify') return text;
  throw new Error(`Expected HTTP_ADAPTER to be express or fastify, got \`${text}\`.`);
}

/** Without ADMIN_TOKEN a new token is made and printed at each start; for development only. */
function readAdminToken(env: NodeJS.ProcessEnv): { adminToken: string; adminTokenIsGenerated: boolean } {
  if (env.ADMIN_TOKEN) return { adminToken: env.ADMIN_TOKEN, adminTokenIsGenerated: false };
  if (env.NODE_ENV === 'production')
    throw new Error('Set ADMIN_TOKEN: in production it guards the cache administration and has no default.');
  return { adminToken: randomBytes(12).toString('hex'), adminTokenIsGenerated: true };
}

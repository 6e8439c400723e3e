import { config } from './config.js';

/** Returns the text that the shop prints at its start: its address, and requests to try. */
export function welcome(url: string): string {
  const database =
    config.databaseUrl === undefined ? 'Postgres inside this process (PGlite)' : 'the Postgres server of DATABASE_URL';
  const token = config.adminTokenIsGenerated ? config.adminToken : '$ADMIN_TOKEN';
  const parts = [
    config.httpAdapter,
    database,
    `cache: ${config.cacheBackend}`,
    `ready in ${process.uptime().toFixed(1)} s`,
  ];
  return `
The shop listens on ${url} (${parts.join(', ')}).

Call each of these twice and watch X-Cache, "source" and "generated_at":

  curl -i "${url}/api/catalog?page=1"
  curl "${url}/api/products/42"
  curl "${url}/api/products?ids=1,2,42"
  curl "${url}/api/store/products?category=Electronics&page=1"
  curl "${url}/api/browse/electronics"

Change something, then call them again:

  curl -X PUT ${url}/api/products/42/price -H "Content-Type: application/json" -d '{"price": 19.99}'
  curl -X POST ${url}/api/store/products -H "Content-Type: application/json" \\
    -d '{"name": "Smart Watch", "category": "Electronics", "price": 299.99}'

Count a view: visitors see it at once, the database gets it within a second:

  curl -X POST ${url}/api/products/42/views
  curl ${url}/api/products/42/views

How well the cache does:

  curl ${url}/api/warm-up
  curl ${url}/api/store/cache-stats
  curl -H "X-Admin-Token: ${token}" ${url}/admin/cache/stats
`;
}

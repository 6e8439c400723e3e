/** `nestjs-cache-kit/prometheus`: the counts of caches for Prometheus. Needs `prom-client` 15. */
export { cacheKitMetrics } from './integrations/prometheus/cache-kit-metrics.js';
export type { CacheKitMetrics, MetricsRegistry } from './integrations/prometheus/cache-kit-metrics.js';
export { CachePrometheusModule } from './integrations/prometheus/cache-prometheus.module.js';
export type { CachePrometheusOptions } from './integrations/prometheus/cache-prometheus.module.js';

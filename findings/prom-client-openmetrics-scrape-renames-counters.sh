#!/usr/bin/env bash
# prom-client 15.1.3: a scrape in OpenMetrics format renames the registered counter, and removing it by its name then does nothing
#
# Expected: a scrape reads the metrics; the name of a metric object stays, and `removeSingleMetric` takes that name, whatever the format.
# Seen: the scrape cuts `_total` off the `name` of the object that was registered, for good. The registry keeps the first name, so removing by
# `metric.name` removes nothing. After a scrape in text format both are as expected.
#
# Output seen (Node 20.20.2):
#   text: named loads_total, 0 left after removal
#   openmetrics: named loads, 1 left after removal
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund prom-client@15.1.3 >/dev/null || exit 2

cat > probe.mjs <<'JS'
import { Counter, Registry } from 'prom-client';

for (const [format, type] of [['text', Registry.PROMETHEUS_CONTENT_TYPE], ['openmetrics', Registry.OPENMETRICS_CONTENT_TYPE]]) {
  const registry = new Registry();
  registry.setContentType(type);
  const metric = new Counter({ name: 'loads_total', help: 'Loads.', registers: [registry] });
  await registry.metrics();
  const { name } = metric;
  registry.removeSingleMetric(name);
  console.log(`${format}: named ${name}, ${registry.getMetricsAsArray().length} left after removal`);
}
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

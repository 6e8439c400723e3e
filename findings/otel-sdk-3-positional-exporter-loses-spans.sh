#!/usr/bin/env bash
# @opentelemetry/sdk-trace 3.1.1: `new SimpleSpanProcessor(exporter)` is accepted and exports nothing
#
# Expected: the exporter as the only argument, the form of SDK 1 and 2 and of most written examples, exports each ended span, or raises.
# Seen: neither the constructor nor the end of a span raises, and no span arrives (`forceFlush` rejects). The options object `{ exporter }` exports.
#
# Output seen (Node 20.20.2):
#   positional: 0 spans
#   options object: 1 spans
set -euo pipefail
self=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null && npm install --silent --no-audit --no-fund @opentelemetry/api@1.10.0 @opentelemetry/sdk-trace@3.1.1 >/dev/null || exit 2

cat > probe.mjs <<'JS'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

for (const [form, make] of [['positional', (exporter) => new SimpleSpanProcessor(exporter)], ['options object', (exporter) => new SimpleSpanProcessor({ exporter })]]) {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [make(exporter)] });
  provider.getTracer('probe').startSpan('work').end();
  console.log(`${form}: ${exporter.getFinishedSpans().length} spans`);
}
JS

diff <(sed -n 's/^#   //p' "$self") <(node probe.mjs)

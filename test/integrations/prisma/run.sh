#!/bin/sh
# Runs the extension with the real Prisma 7 on a Postgres in the process. It installs 350 MB, so it is no part of CI:
#   npm run build && test/integrations/prisma/run.sh
set -eu
kit=$(cd "$(dirname "$0")/../../.." && pwd)
here="$kit/test/integrations/prisma/real"
folder=$(mktemp -d)
[ -n "${KEEP:-}" ] || trap 'rm -rf "$folder"' EXIT
cp "$here"/* "$folder/"
cd "$folder"
npm install --no-audit --no-fund --ignore-scripts --loglevel=error prisma@7.10.0 @prisma/client@7.10.0 \
  pglite-prisma-adapter@0.7.2 @electric-sql/pglite@0.5.8 @electric-sql/pglite-prepopulatedfs@0.5.8 typescript@6 \
  @types/node@20 rxjs@7 @nestjs/common@12 @nestjs/core@12 reflect-metadata@0.2
ln -s "$kit" node_modules/nestjs-cache-kit
# The command line fetches an engine for migrations before each command. `generate` needs none: any program will do.
PRISMA_SCHEMA_ENGINE_BINARY=$(command -v node) CHECKPOINT_DISABLE=1 npx prisma generate >/dev/null
npx tsc -p .
node run.mjs

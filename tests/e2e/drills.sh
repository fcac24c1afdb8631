#!/usr/bin/env bash
# Breaks running systems on purpose; each drill ends with a verdict.
# usage: tests/e2e/drills.sh list | run [NAME...] [--keep]   (make drills builds first)
set -euo pipefail
drills=$(dirname "$0")/../Rollup.Drills/bin/Release/net10.0/drills
[ -x "$drills" ] || { echo "drills: $drills is missing: run make build" >&2; exit 1; }
exec "$drills" "$@"

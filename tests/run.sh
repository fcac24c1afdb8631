#!/usr/bin/env bash
# Runs every test of the repository and ends with the line "N passed, N failed[, N skipped]".
# usage: tests/run.sh [--long]     --long runs the long tests instead: Category=Long, forge profile "long", *.long.mjs
# FORGE_PROFILE=ci: more runs of fuzzing and invariants (contracts/foundry.toml).
# .NET: all of Rollup.sln (already built). Solidity: contracts/test. Node: every tracked *.test.mjs (node:test).
set -uo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  "") filter='Category!=Long' profile=${FORGE_PROFILE:-default} pattern='*.test.mjs' ;;
  --long) filter='Category=Long' profile=long pattern='*.long.mjs' ;;
  *) sed -n '2,5s/^# //p' "$0" >&2; exit 2 ;;
esac
results="$PWD/TestResults"
rm -rf "$results"
mkdir -p "$results"

# A hung test host is ended and named instead of blocking the run. Directory.Build.props names one .trx per project.
dotnet test Rollup.sln -c Release --no-build -nologo -v q --filter "$filter" --results-directory "$results" \
  --blame-hang --blame-hang-timeout 20min --blame-hang-dump-type none
echo $? > "$results/dotnet.status"

if compgen -G 'contracts/test/**/*.t.sol' > /dev/null || compgen -G 'contracts/test/*.t.sol' > /dev/null; then
  (cd contracts && FOUNDRY_PROFILE=$profile ../node_modules/@foundry-rs/forge-*/bin/forge test --json > "$results/forge.json")
  echo $? > "$results/forge.status"
fi

mapfile -t node_tests < <(git ls-files -- "$pattern")
if [ ${#node_tests[@]} -gt 0 ]; then
  node --test --test-reporter=tap --test-reporter-destination="$results/node.tap" \
    --test-reporter=spec --test-reporter-destination=stdout "${node_tests[@]}"
  echo $? > "$results/node.status"
fi

exec node tests/summary.mjs "$results"

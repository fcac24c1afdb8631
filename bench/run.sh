#!/usr/bin/env bash
# Measures and writes bench/results.md, and bench/constraints.json by the way.
# usage: bench/run.sh [--standard] [--sections "NAME..."] [--no-circuits]
#   --standard      the profile standard besides dev and demo (slow)
#   --sections      only these sections of bench/Rollup.Bench; the others keep their rows
#   --no-circuits   neither compiles circuits nor makes keys; the committed constraint counts and times are shown
set -euo pipefail
cd "$(dirname "$0")/.."

profiles=(dev demo) sections=() circuits=1
while [ $# -gt 0 ]; do
  case "$1" in
    --standard) profiles+=(standard) ;;
    --sections) read -ra sections <<< "${2:?--sections needs names}"; shift ;;
    --no-circuits) circuits= ;;
    *) sed -n '2,6s/^# //p' "$0" >&2; exit 2 ;;
  esac
  shift
done

scratch=$(mktemp -d "${TMPDIR:-/tmp}/rollup-bench-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
TIMEFORMAT='%R %U %S'

# timed FILE COMMAND...: runs it and writes "elapsed processor" seconds to FILE; what the command prints goes to standard error.
timed() {
  local file=$1; shift
  { time "$@" >&3 2>&3; } 3>&2 2> "$scratch/time"
  awk '{ printf "%.1f %.1f\n", $1, $2 + $3 }' "$scratch/time" > "$file"
}

dotnet build bench/Rollup.Bench -c Release -nologo -v q >&2
if [ $circuits ]; then
  # A cache of its own: what is cached cannot be timed.
  export ROLLUP_CACHE="$scratch/cache"
  dotnet build prover-bridge/Rollup.ProverBridge -c Release -nologo -v q >&2
  for profile in "${profiles[@]}"; do
    timed "$scratch/compile.$profile" node circuits/compile.mjs "$profile"
    timed "$scratch/keys.$profile" prover-bridge/Rollup.ProverBridge/bin/Release/net10.0/prover-bridge keys dev --profile "$profile"
  done
  node bench/constraints.mjs "${profiles[@]}" >&2
fi
bench/Rollup.Bench/bin/Release/net10.0/bench ${sections[@]+"${sections[@]}"} > "$scratch/table"
node bench/report.mjs "$scratch" > "$scratch/results.md"
mv "$scratch/results.md" bench/results.md
cat bench/results.md

#!/usr/bin/env bash
# Replays a market crash: accounts are liquidated, the insurance fund pays, others are deleveraged, options expire; and proves it.
# usage: tests/e2e/demo-crash.sh [options of the simulation, e.g. --seed 7 --accounts 400 --prove all --most 100]   (make demo-crash builds first)
# ROLLUP_CHAIN: folder of recorded option chains; where there is none, a crash is generated.
set -euo pipefail
cd "$(dirname "$0")/../.."
simulation=tests/Rollup.Simulation/bin/Release/net10.0/simulation
bridge=prover-bridge/Rollup.ProverBridge/bin/Release/net10.0/prover-bridge
for program in "$simulation" "$bridge"; do
  [ -x "$program" ] || { echo "demo-crash: $program is missing: run make build" >&2; exit 1; }
done
data=${ROLLUP_CHAIN:-../shared/data/chain-deribit-crash-202602}
say() { printf '\n\033[1m[%3ds] %s\033[0m\n' $SECONDS "$*"; }

say "proving keys for the options circuit (development keys; cached)"
keys=$("$bridge" keys dev --profile options --repository "$PWD")

say "the crash, and the proofs of what it forced"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/crash.log
echo "$keys" > "$work/keys.json"
"$simulation" --data "$data" --keys "$work/keys.json" "$@" | tee "$log"

say "the same seed once more"
again=$("$simulation" --data "$data" "$@" --prove none | grep '^final root')
if [ "$again" != "$(grep '^final root' "$log")" ]; then echo "demo-crash: the same seed gave another state: $again" >&2; exit 1; fi
echo "$again, as before"
say "done"

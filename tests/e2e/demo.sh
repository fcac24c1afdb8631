#!/usr/bin/env bash
# Plays a market session end to end on a local chain: contracts, sequencer, prover, traders, withdrawal, verification, tampering.
# usage: tests/e2e/demo.sh       (make demo builds first)
# ROLLUP_TAPE: folder of recorded sessions (*usdt*.gz); where there is none, a generated session is played.
# ROLLUP_PROFILE: circuit profile (default demo). ROLLUP_KEEP=1 keeps the working folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
profile=${ROLLUP_PROFILE:-demo}
tape=${ROLLUP_TAPE:-../shared/data/l2-tape-binance-20240808}
speed=${ROLLUP_SPEED:-4}
work=$(mktemp -d "${TMPDIR:-/tmp}/rollup-demo-XXXXXX")
started=$SECONDS

bin() { echo "$root/$1/$2/bin/Release/net10.0/$3"; }
rollup=$(bin clients Rollup.Cli rollup)
sequencer=$(bin sequencer Rollup.Sequencer sequencer)
bridge=$(bin prover-bridge Rollup.ProverBridge prover-bridge)
verifier=$(bin clients Rollup.StateVerifier state-verifier)
for program in "$rollup" "$sequencer" "$bridge" "$verifier"; do
  [ -x "$program" ] || { echo "demo: $program is missing: run make build" >&2; exit 1; }
done

say() { printf '\n\033[1m[%3ds] %s\033[0m\n' $((SECONDS - started)) "$*"; }
pids=()
finish() {
  status=$?
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  wait 2> /dev/null || true
  if [ $status -ne 0 ]; then
    echo; echo "demo: failed (exit $status); the last lines of the logs:" >&2
    tail -n 8 "$work"/*.log >&2 2> /dev/null || true
    echo "demo: the working folder is $work" >&2
  elif [ -z "${ROLLUP_KEEP:-}" ]; then rm -rf "$work"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM

# wait_for SECONDS WHAT COMMAND...
wait_for() {
  local limit=$((SECONDS + $1)) what=$2; shift 2
  until "$@" > /dev/null 2>&1; do
    for pid in "${pids[@]}"; do kill -0 "$pid" 2> /dev/null || { echo "demo: a process ended while waiting for $what" >&2; return 1; }; done
    [ $SECONDS -lt $limit ] || { echo "demo: $what did not come in time" >&2; return 1; }
    sleep 0.3
  done
}
free_port() { node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'; }

say "proving keys for the $profile circuit (development keys; cached)"
keys=$("$bridge" keys dev --profile "$profile" --repository "$root")
key() { node -p "JSON.parse(process.argv[1])[process.argv[2]]" "$keys" "$1"; }

say "local chain and vault"
chain_port=$(free_port); api_port=$(free_port); monitor_port=$(free_port)
rpc=http://127.0.0.1:$chain_port; api=http://127.0.0.1:$api_port
node_modules/@foundry-rs/anvil-*/bin/anvil --silent --port "$chain_port" > "$work/anvil.log" 2>&1 & pids+=($!)
wait_for 20 "the local chain" curl -sf -o /dev/null -X POST -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}' "$rpc"
session=$work/session
"$rollup" local deploy --rpc "$rpc" --folder "$session" --profile "$profile" --verifier "$(key verifier)" --repository "$root"
deployed() { node -p 'JSON.parse(require("fs").readFileSync(process.argv[1]))[process.argv[2]]' "$session/deployment.json" "$1"; }
vault=$(deployed vault)
block=$(deployed block)

tapes=()
if compgen -G "$tape/usdm_*usdt*.gz" > /dev/null; then for file in "$tape"/usdm_*usdt*.gz; do tapes+=("$(realpath "$file")"); done; fi
if [ ${#tapes[@]} -gt 0 ]; then
  oracle="{ \"kind\": \"tape\", \"files\": $(node -p 'JSON.stringify(process.argv.slice(1))' "${tapes[@]}"), \"speed\": $speed }"
else
  oracle="{ \"kind\": \"generated\", \"speed\": $speed }"
fi
mkdir -m 700 "$work/spool"
cat > "$work/sequencer.json" <<JSON
{
  "data": "sequencer", "spool": "spool", "profile": "$profile", "listen": "$api",
  "chain": { "rpc": "$rpc", "chainId": 31337, "vault": "$vault", "confirmations": 0, "startBlock": $block, "pollMilliseconds": 200, "parameters": "$(deployed parameters)" },
  "instruments": [
    { "id": 1, "symbol": "ETH", "kind": "spot", "group": 2, "unit": "ETH", "lotsPerUnit": 10000, "tick": 1, "market": "ETHUSDT" },
    { "id": 2, "symbol": "BTC-PERP", "kind": "perpetual", "group": 1, "unit": "BTC", "lotsPerUnit": 1000, "tick": 100, "market": "BTCUSDT" },
    { "id": 3, "symbol": "ETH-PERP", "kind": "perpetual", "group": 2, "unit": "ETH", "lotsPerUnit": 1000, "tick": 10, "market": "ETHUSDT" }
  ],
  "groups": [ { "group": 1, "scanRangePpm": 150000 }, { "group": 2, "scanRangePpm": 180000 } ],
  "oracle": $oracle,
  "epoch": { "length": 10000, "refresh": 2000 }
}
JSON
cat > "$work/bridge.json" <<JSON
{
  "spool": "spool", "state": "bridge",
  "circuit": { "profile": "$profile", "wasm": "$(key wasm)", "zkey": "$(key zkey)", "verificationKey": "$(key verificationKey)" },
  "ethereum": { "rpc": "$rpc", "chainId": 31337, "vault": "$vault", "pollSeconds": 0.5,
    "operator": { "keystore": "session/operator.keystore.json", "passwordFile": "session/password" },
    "prover": { "keystore": "session/prover.keystore.json", "passwordFile": "session/password" } },
  "monitoring": { "port": $monitor_port }
}
JSON

say "sequencer and prover bridge"
"$sequencer" run --config "$work/sequencer.json" > "$work/sequencer.out" 2> "$work/sequencer.log" & pids+=($!)
wait_for 60 "the sequencer" grep -q ^ready "$work/sequencer.out"
"$bridge" run --config "$work/bridge.json" > "$work/bridge.log" 2>&1 & pids+=($!)
wait_for 120 "the prover bridge" curl -s -o /dev/null "http://127.0.0.1:$monitor_port/health"

say "2 makers and 4 takers register and deposit"
"$rollup" local traders --rpc "$rpc" --sequencer "$api" --folder "$session"

say "the session (${#tapes[@]} recorded tapes; 0 = generated)"
if [ ${#tapes[@]} -gt 0 ]; then
  "$rollup" replay "${tapes[@]}" --sequencer "$api" --folder "$session" --speed "$speed" --batches 2 | tee "$work/session.txt"
else
  "$rollup" generate --sequencer "$api" --folder "$session" --speed "$speed" --batches 2 | tee "$work/session.txt"
fi

say "taker-1 withdraws 1,000 USD"
"$rollup" withdraw --sequencer "$api" --key "$session/taker-1.key.json" --amount 1000000000 --slot 200 | tee "$work/withdrawal.txt"
batch=$(sed -nE 's/.*in batch ([0-9]+).*/\1/p' "$work/withdrawal.txt" | head -1)

say "every batch is proven and becomes final (the withdrawal is in batch $batch)"
is_final() { curl -sf "$api/v1/batches/$1" | node -e 'process.exit(JSON.parse(require("fs").readFileSync(0)).stage === "final" ? 0 : 1)'; }
wait_for 900 "batch $batch on the chain" is_final "$batch"
"$rollup" batches --sequencer "$api"
"$rollup" claim --rpc "$rpc" --vault "$vault" --keystore "$session/taker-1.keystore.json" --password-file "$session/password" --asset 0
echo "taker-1's wallet holds $(node tests/e2e/report.mjs balance "$rpc" "$session") atoms of the stablecoin"

say "every trader verifies its balance from the chain alone"
for trader in maker-1 maker-2 taker-1 taker-2 taker-3 taker-4; do
  "$verifier" verify --rpc "$rpc" --vault "$vault" --from-block "$block" --key "$session/$trader.key.json" > "$work/$trader.txt" 2> "$work/$trader.err" ||
    { cat "$work/$trader.err" >&2; exit 1; }
  echo "== $trader"; grep -v '^$' "$work/$trader.txt" | tail -n 12
done

say "one byte of data, one root and one proof are changed in copies; each is refused"
"$verifier" fetch --rpc "$rpc" --vault "$vault" --from-block "$block" --out "$work/copy" 2> /dev/null
"$verifier" verify --data "$work/copy" --key "$session/taker-1.key.json" > /dev/null 2>&1 || { echo "demo: the untouched copy does not verify" >&2; exit 1; }
echo "untouched: accepted"
for change in data root proof; do
  cp -r "$work/copy" "$work/copy-$change"
  node tests/e2e/report.mjs tamper "$change" "$work/copy-$change"
  if "$verifier" verify --data "$work/copy-$change" --key "$session/taker-1.key.json" > /dev/null 2> "$work/refusal.txt"; then
    echo "demo: a copy with a changed $change was accepted" >&2; exit 1
  fi
  echo "$change: $(grep FAILED "$work/refusal.txt")"
done

say "what it took"
node tests/e2e/report.mjs table "$rpc" "$session" "$work/session.txt" "$("$bridge" jobs list --config "$work/bridge.json" --json)" "$(key constraints)"
say "done"

.DEFAULT_GOAL := help
.PHONY: help setup build test test-long demo demo-crash drills bench fmt-check clean
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## check the tools and install what the build needs (repeatable)
	@.ci/setup

build: setup ## build the contracts and every .NET project
	@cd contracts && ../node_modules/@foundry-rs/forge-*/bin/forge build --skip 'test/**' --quiet
	@dotnet build Rollup.sln -c Release --no-restore -nologo -v q

test: build ## run all tests except the long ones; ends with "N passed, N failed"
	@tests/run.sh

test-long: build ## run the long tests (full proofs, long fuzzing)
	@tests/run.sh --long

demo: build ## play a market session, prove it, settle it on a local chain, verify it
	@tests/e2e/demo.sh

demo-crash: build ## replay a market crash: liquidations, insurance fund, auto-deleveraging, expiry; prove them
	@tests/e2e/demo-crash.sh

drills: build ## play what may go wrong against a running system; DRILL="NAME..." for some of them
	@tests/e2e/drills.sh run $(DRILL)

bench: build ## measure and write the results into bench/
	@bench/run.sh

fmt-check: setup ## check the formatting of C# and Solidity
	@dotnet format whitespace Rollup.sln --verify-no-changes --no-restore
	@cd contracts && ../node_modules/@foundry-rs/forge-*/bin/forge fmt --check

clean: ## remove everything built; keeps node_modules and the circuit cache
	@find clients prover-bridge sequencer tests bench -type d \( -name bin -o -name obj \) -not -path '*/node_modules/*' -prune -exec rm -rf {} + 2> /dev/null || true
	@rm -rf contracts/out contracts/cache TestResults

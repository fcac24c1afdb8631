// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RollupVault} from "../../src/RollupVault.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {ISettlementVerifier} from "../../src/interfaces/ISettlementVerifier.sol";
import {Groth16Verifier} from "../fixtures/FixtureVerifier.sol";
import {ForgedProof} from "../support/ForgedProof.sol";
import {GasSnapshots} from "../support/GasSnapshots.sol";
import {ExitsFixture} from "../support/ExitsFixture.sol";

/// @dev Gas of whole transactions, with their data, compared exactly with bench/gas.json.
/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
/// forge-config: long.isolate = true
contract GasTest is ExitsFixture, GasSnapshots {
    uint256[] private none;

    function test_gas_users() public {
        uint32 account = _registerFinal(alice, 0);
        uint256[5] memory words = registrationWords(3, bob, 0);
        vm.prank(bob);
        vault.register(words[2], words[3], words[4], 0);
        _snapshot("register");
        words = registrationWords(4, bob, 0);
        vm.prank(bob);
        vault.register(words[2], words[3], words[4], 5_000_000);
        _snapshot("registerWithDeposit");
        _deposit(bob, account, ETHER, 20); // the first of a token pays for slots that later ones find used
        _deposit(alice, account, ETHER, 25);
        _snapshot("deposit");
        vm.prank(alice);
        vault.requestWithdrawal(account, ETHER, 5);
        _snapshot("requestWithdrawal");
        vm.prank(alice);
        vault.requestClose(account);
        _snapshot("requestClose");
        _endow(CASH, 400);
        Draft memory draft = _draft();
        _withdraw(draft, 0, alice, CASH, 400);
        _settle(draft);
        _snapshot("finalizeWithWithdrawal");
        vault.claim(alice, CASH);
        _snapshot("claim");
    }

    /// @dev Cash and one spot asset, and of the first exit of each; the verifier is a stand-in: the check of a proof with nine inputs takes some 245,000 more.
    function test_gas_exit() public {
        uint32 account = _registerFinal(alice, 1000);
        _endow(ETHER, 50);
        _deposit(alice, account, CASH, 5);
        _freeze();
        vault.refund(1, depositWords(account, CASH, 5));
        _snapshot("refund");
        _registerExit(Holder(account, alice, 1000, 60_000, 30));
        _snapshot("registerExitWithoutProof");
        _endWindow();
        exits.payExit(_claim(Holder(account, alice, 1000, 60_000, 30)));
        _snapshot("payExit");
    }

    function test_gas_freeze() public {
        _register(alice, 0);
        vm.warp(block.timestamp + OPERATION_DEADLINE + 1);
        vault.freeze();
        _snapshot("freeze");
    }

    function test_gas_commitDev() public {
        _commitFull("dev", "commitDev");
    }

    function test_gas_commitDemo() public {
        _commitFull("demo", "commitDemo");
    }

    function test_gas_commitStandard() public {
        _commitFull("standard", "commitStandard");
    }

    /// @dev With the verifier as generated, so that this is what a real proof costs.
    function test_gas_prove() public {
        IRollupVault.Configuration memory config = configuration();
        config.verifier = ISettlementVerifier(address(new Groth16Verifier()));
        vault = new RollupVault(config);
        _commit(_draft());
        IRollupVault.Batch memory record = vault.batches(1);
        vault.proveBatch(1, ForgedProof.make([record.commitment, record.evaluation, record.challenge, record.riskRoot]));
        _snapshot("prove");
    }

    function test_gas_finalize() public {
        _commit(_draft());
        _prove(1);
        vm.warp(START + CHALLENGE_WINDOW);
        vault.finalizeBatch(1, none);
        _snapshot("finalize");
    }

    /// @dev Every block used, all operations consumed, a withdrawal in every second row, risk inputs of 1 kB.
    function _commitFull(string memory profile, string memory name) private {
        string memory spec = vm.readFile("../spec/protocol.json");
        string memory key = string.concat(".profiles.", profile);
        IRollupVault.Configuration memory config = configuration();
        config.blocks = uint16(vm.parseJsonUint(spec, string.concat(key, ".blocks")));
        config.rows = uint16(vm.parseJsonUint(spec, string.concat(key, ".rows")));
        config.operations = uint16(vm.parseJsonUint(spec, string.concat(key, ".operations")));
        vault = new RollupVault(config);
        _commit(_draft()); // the first batch pays for slots that later ones find used

        Draft memory draft;
        for (uint32 i = 0; i < config.operations; i++) {
            _register(alice, 0);
        }
        draft = _draft();
        for (uint32 i = 0; i < config.operations; i++) {
            _consume(draft, registrationWords(2 + i, alice, 0));
        }
        for (uint256 row = 0; row < config.rows; row += 2) {
            _withdraw(draft, row, alice, CASH, 1000 + row);
        }
        bytes memory riskInputs = new bytes(1024);
        for (uint256 i = 0; i < riskInputs.length; i++) {
            riskInputs[i] = bytes1(uint8(i % 255 + 1));
        }
        vm.prank(operator, operator);
        vault.commitBatch(_submission(draft, riskInputs));
        _snapshot(name);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Exits} from "../../src/Exits.sol";
import {IExitVerifier} from "../../src/interfaces/IExitVerifier.sol";
import {IRiskRows} from "../../src/interfaces/IRiskRows.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {RiskInputs} from "../../src/libraries/RiskInputs.sol";
import {MockExitVerifier} from "./MockExitVerifier.sol";
import {VaultFixture} from "./VaultFixture.sol";

/// @title Answers with one price for every id, unless it is told that the inputs are bad; not declared as IRiskRows, which is pure.
contract MockRiskRows {
    RiskInputs.Problem public problem;
    uint256 public base;

    function answer(RiskInputs.Problem nextProblem, uint256 nextBase) external {
        (problem, base) = (nextProblem, nextBase);
    }

    function rowOf(bytes calldata inputs, uint256 id)
        external
        view
        returns (RiskInputs.Problem, uint256 batch, uint256[18] memory row)
    {
        // Neighbours of the base in the market word are set as well: index, F, price bound.
        row[1] = 77 | base << 36 | (2 ** 35 + 9) << 72 | uint256(5) << 108;
        row[0] = id + inputs.length;
        return (problem, 1, row);
    }
}

/// @title A vault with exits, one final batch, and accounts of whom only what an exit shows is known.
abstract contract ExitsFixture is VaultFixture {
    uint64 internal constant EXIT_WINDOW = 14 days;
    int256 internal constant BIAS = 2 ** 83;
    uint256 internal constant BASE_BIAS = 2 ** 35;

    struct Holder {
        uint32 account;
        address owner;
        int256 equity; // without spot
        uint256 spotValue;
        uint256 etherLots;
    }

    MockExitVerifier internal exitVerifier;
    MockRiskRows internal riskRows;
    Exits internal exits;

    function setUp() public virtual override {
        super.setUp();
        exitVerifier = new MockExitVerifier(1);
        riskRows = new MockRiskRows();
        riskRows.answer(RiskInputs.Problem.None, BASE_BIAS + 2000);
        exits = _newExits();
        vault.setExits(exits);
    }

    function _newExits() internal returns (Exits) {
        return new Exits(vault, exitVerifier, IRiskRows(address(riskRows)), EXIT_WINDOW, VERIFIER_GAS);
    }

    /// @notice Brings holdings into a final root, and freezes the vault some time later.
    function _freezeWith(uint256 atoms, uint256 lots) internal {
        _endow(CASH, atoms);
        _endow(ETHER, lots);
        _settle(_draft());
        _freeze();
    }

    function _freeze() internal {
        vm.prank(bob);
        vault.deposit(1, CASH, 1);
        vm.warp(block.timestamp + OPERATION_DEADLINE + 1);
        vault.freeze();
    }

    function _inputs(Holder memory holder) internal view returns (uint256[9] memory inputs) {
        IRollupVault.Batch memory last = vault.batches(vault.lastFinal());
        inputs[0] = last.root;
        inputs[1] = last.riskRoot;
        inputs[2] = holder.account | uint256(uint160(holder.owner)) << 24;
        inputs[3] = uint256(holder.equity + BIAS);
        inputs[4] = holder.spotValue;
        // In the third slot of the second word: the slots of derivatives are zero.
        inputs[6] = holder.etherLots == 0 ? 0 : (uint256(ETHER) | holder.etherLots << 18) << 126;
    }

    function _claim(Holder memory holder) internal view returns (uint256[7] memory claim) {
        uint256[9] memory inputs = _inputs(holder);
        for (uint256 i = 0; i < 7; i++) {
            claim[i] = inputs[2 + i];
        }
    }

    function _registerExit(Holder memory holder) internal {
        uint256[9] memory inputs = _inputs(holder);
        exits.registerExit(0, exitVerifier.proofOf(inputs), inputs);
    }

    function _endWindow() internal {
        vm.warp(exits.windowEnd());
    }
}

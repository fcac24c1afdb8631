// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RollupVault} from "../../src/RollupVault.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {Test} from "../support/Test.sol";
import {VaultHandler} from "./VaultHandler.sol";

contract VaultInvariantTest is Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    VaultHandler private handler;
    RollupVault private vault;

    function setUp() public {
        handler = new VaultHandler();
        handler.setUp();
        vault = handler.theVault();
    }

    /// @dev Read by forge: what a run may call.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](15);
        selectors[0] = VaultHandler.register.selector;
        selectors[1] = VaultHandler.deposit.selector;
        selectors[2] = VaultHandler.claim.selector;
        selectors[3] = VaultHandler.donate.selector;
        selectors[4] = VaultHandler.commit.selector;
        selectors[5] = VaultHandler.prove.selector;
        selectors[6] = VaultHandler.finalize.selector;
        selectors[7] = VaultHandler.wait.selector;
        selectors[8] = VaultHandler.abandon.selector;
        selectors[9] = VaultHandler.request.selector;
        selectors[10] = VaultHandler.refund.selector;
        selectors[11] = VaultHandler.pause.selector;
        selectors[12] = VaultHandler.registerExit.selector;
        selectors[13] = VaultHandler.payExit.selector;
        selectors[14] = VaultHandler.buyWithheld.selector;
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev Nothing is lost and nothing owed twice: equal, not only enough.
    function invariant_holdingsAreWhatIsOwed() public view {
        for (uint256 i = 0; i < 2; i++) {
            uint32 asset = handler.ASSETS(i);
            IRollupVault.Ledger memory ledger = vault.ledger(asset);
            vm.assertEq(ledger.inTree, handler.inTree(asset), "in the tree");
            vm.assertEq(ledger.pending, handler.pending(asset), "pending");
            vm.assertEq(ledger.credited, handler.creditsNow(asset), "credited");
            uint256 owed = uint256(ledger.inTree) + ledger.pending + ledger.credited;
            uint256 held = handler.tokenOf(asset).balanceOf(address(vault));
            vm.assertEq(held, owed * vault.assets(asset).unitsPerLot + handler.donated(asset), "holdings of the asset");
        }
    }

    function invariant_claimsPayOnce() public view {
        for (uint256 i = 0; i < 2; i++) {
            uint32 asset = handler.ASSETS(i);
            vm.assertEq(
                handler.claimed(asset) + handler.creditsNow(asset), handler.credited(asset), "paid and still credited"
            );
            vm.assertLe(handler.claimed(asset), handler.deposited(asset), "paid and ever moved in");
            (uint256 liabilities, uint256 holdings) = vault.solvency(asset);
            vm.assertGe(holdings, liabilities, "solvent");
        }
    }

    function invariant_queueKeepsItsOrder() public view {
        vm.assertLe(vault.queueHead(), vault.queueTail(), "head and tail");
        vm.assertEq(vault.queueTail(), handler.queueLength(), "tail");
        vm.assertEq(vault.queuePrefix(vault.queueTail()), handler.prefixAt(vault.queueTail()), "prefix at the tail");
        vm.assertEq(vault.queuePrefix(vault.queueHead()), handler.prefixAt(vault.queueHead()), "prefix at the head");
        vm.assertEq(vault.batches(vault.lastCommitted()).operationEnd, vault.queueHead(), "end of the last batch");
    }

    function invariant_batchesFollowEachOther() public view {
        vm.assertLe(vault.lastFinal(), vault.lastCommitted(), "final and committed");
        IRollupVault.Batch memory last = vault.batches(0);
        for (uint32 number = 1; number <= vault.lastCommitted(); number++) {
            IRollupVault.Batch memory batch = vault.batches(number);
            bool isFinal = batch.status == IRollupVault.BatchStatus.Final;
            vm.assertEq(isFinal, number <= vault.lastFinal(), "exactly the batches up to lastFinal are final");
            vm.assertTrue(batch.status != IRollupVault.BatchStatus.None, "committed");
            vm.assertEq(batch.root, handler.roots(number), "root as committed");
            vm.assertGe(batch.close, last.close, "close");
            vm.assertGe(batch.committedAt, last.committedAt, "committedAt");
            vm.assertGe(batch.operationEnd, last.operationEnd, "operationEnd");
            last = batch;
        }
        vm.assertTrue(
            vault.batches(vault.lastCommitted() + 1).status == IRollupVault.BatchStatus.None, "none after the last"
        );
    }

    function invariant_accountsAreActiveOnceFinal() public view {
        for (uint32 account = 0; account <= vault.nextAccount(); account++) {
            uint256 from = handler.activeFrom(account);
            vm.assertEq(vault.isActive(account), from != 0 && from <= vault.lastFinal(), "isActive");
        }
    }

    function invariant_aFreezeLasts() public view {
        bool wasFrozen = handler.stateAtFreeze() != 0;
        vm.assertEq(vault.frozen(), wasFrozen, "frozen");
        if (!wasFrozen) return;
        vm.assertEq(handler.state(), handler.stateAtFreeze(), "state since the freeze");
        vm.assertEq(vault.lastFinal(), handler.finalAtFreeze(), "last final batch since the freeze");
    }

    /// @dev The invariants mean something only if the handler gets everywhere: a fixed random walk must.
    function test_handler_reachesEveryAction() public {
        for (uint256 step = 0; step < 680; step++) {
            uint256 seed = uint256(keccak256(abi.encode("walk", step)));
            uint256 action = seed % 10;
            if (step >= 500) action = 4 + step % 3; // credits gather,
            if (step >= 530) action = step % 2 == 0 ? 0 : 8; // the queue waits,
            if (step >= 540) action = 10; // the operator goes away,
            if (step >= 580) action = step % 2 == 0 ? 2 : 11; // claims are still paid, operations refunded,
            if (step >= 600) action = step % 2 == 0 ? 12 : 13; // exits registered, withheld spot bought,
            if (step >= 620) action = step % 4 == 0 ? 12 : 14; // and paid, once each
            seed >>= 16;
            if (action == 0) {
                handler.register(seed, seed >> 32);
            } else if (action == 1) {
                handler.deposit(seed, seed >> 32, seed >> 64, seed >> 96);
            } else if (action == 2) {
                handler.claim(seed, seed >> 32);
            } else if (action == 3) {
                handler.donate(seed, seed >> 32);
            } else if (action == 4) {
                handler.commit(seed);
            } else if (action == 5) {
                handler.prove(seed);
            } else if (action == 6) {
                handler.finalize(seed);
            } else if (action == 7) {
                handler.wait(seed);
            } else if (action == 8) {
                handler.request(seed, seed >> 32, seed >> 64, seed >> 96);
            } else if (action == 9) {
                handler.pause(seed);
            } else if (action == 10) {
                handler.abandon(seed);
            } else if (action == 11) {
                handler.refund(seed);
            } else if (action == 12) {
                handler.registerExit(seed, seed >> 32, int256(uint256(uint32(seed >> 64))) - 2 ** 31, seed >> 96);
            } else if (action == 13) {
                handler.buyWithheld(seed, seed >> 32);
            } else {
                handler.payExit(seed);
            }
        }
        string[19] memory actions = [
            "register",
            "deposit",
            "request",
            "served",
            "unserved",
            "claim",
            "claimFrozen",
            "commit",
            "withdraw",
            "bounce",
            "prove",
            "finalize",
            "pause",
            "freeze",
            "refund",
            "registerExit",
            "buyWithheld",
            "payExit",
            "payTwice"
        ];
        for (uint256 i = 0; i < actions.length; i++) {
            vm.assertGe(handler.counts(bytes32(bytes(actions[i]))), 1, actions[i]);
        }
        invariant_holdingsAreWhatIsOwed();
        invariant_claimsPayOnce();
        invariant_queueKeepsItsOrder();
        invariant_batchesFollowEachOther();
        invariant_accountsAreActiveOnceFinal();
        invariant_aFreezeLasts();
    }
}

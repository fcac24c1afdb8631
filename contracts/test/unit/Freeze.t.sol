// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {VaultFixture} from "../support/VaultFixture.sol";

/// @dev spec 6.6.
contract FreezeTest is VaultFixture {
    uint256[] private none;

    function test_freeze_whenAProofIsOverdue() public {
        _commit(_draft());
        vm.warp(START + PROOF_DEADLINE);
        _expectNothingOverdue();
        vm.warp(START + PROOF_DEADLINE + 1);
        vm.expectEmit();
        emit IRollupVault.Frozen(1, 0);
        vm.prank(anyone);
        vault.freeze();
        vm.assertEq(vault.frozen(), true, "frozen");
    }

    function test_freeze_looksPastProvenBatches() public {
        _commit(_draft());
        vm.warp(START + 100);
        _commit(_draft());
        vm.warp(START + 200);
        _commit(_draft());
        _prove(1);
        _prove(3);
        vm.warp(START + 100 + PROOF_DEADLINE);
        _expectNothingOverdue();
        vm.warp(START + 101 + PROOF_DEADLINE);
        vm.expectEmit();
        emit IRollupVault.Frozen(2, 0);
        vault.freeze();
    }

    function test_freeze_notOnceAllIsProven() public {
        _commit(_draft());
        vm.warp(START + PROOF_DEADLINE + 1);
        _prove(1);
        _expectNothingOverdue();
        _commit(_draft());
        _expectNothingOverdue();
        vm.warp(block.timestamp + PROOF_DEADLINE + 1);
        vault.freeze();
    }

    function test_freeze_whenTheQueuesHeadIsOverdue() public {
        _register(alice, 5);
        vm.warp(START + 100);
        _register(bob, 6);
        vm.warp(START + OPERATION_DEADLINE);
        _expectNothingOverdue();
        vm.warp(START + OPERATION_DEADLINE + 1);
        Draft memory draft = _draft();
        _consume(draft, registrationWords(2, alice, 5));
        _commit(draft);
        _prove(1);
        _expectNothingOverdue();
        vm.warp(START + 101 + OPERATION_DEADLINE);
        vm.expectEmit();
        emit IRollupVault.Frozen(0, 1);
        vault.freeze();
    }

    function test_freeze_notWhileTheQueueIsEmpty() public {
        vm.warp(START + 1000 * OPERATION_DEADLINE);
        _expectNothingOverdue();
        _register(alice, 5);
        _expectNothingOverdue();
        vm.warp(block.timestamp + OPERATION_DEADLINE + 1);
        vault.freeze();
    }

    function test_freeze_stopsEverythingButClaims() public {
        uint32 account = _registerFinal(alice, 1000);
        Draft memory draft = _draft();
        _withdraw(draft, 0, alice, CASH, 300);
        uint256[] memory payouts = new uint256[](1);
        payouts[0] = draft.words[_rowAt(0)];
        _settle(draft, payouts);
        _commit(_draft()); // 3: proven, could be final
        _prove(3);
        _commit(_draft()); // 4: overdue
        draft = _draft();
        IRollupVault.Proof memory proof = _proof(4);
        uint256[5] memory words = registrationWords(3, bob, 0);
        vm.warp(block.timestamp + PROOF_DEADLINE + 1);
        vault.freeze();

        bytes memory reason = abi.encodeWithSelector(IRollupVault.VaultFrozen.selector);
        vm.expectRevert(reason);
        vm.prank(bob);
        vault.register(words[2], words[3], words[4], 0);
        vm.expectRevert(reason);
        _deposit(alice, account, CASH, 1);
        _expectRefused(draft, reason);
        vm.expectRevert(reason);
        vault.proveBatch(4, proof);
        vm.expectRevert(reason);
        vault.finalizeBatch(3, none);
        vm.expectRevert(reason);
        vault.freeze();
        uint256 before = cash.balanceOf(alice);
        vault.claim(alice, CASH);
        vm.assertEq(cash.balanceOf(alice) - before, 300, "claims go on");
    }

    /// @dev The same calls on a vault that is not frozen all pass.
    function test_freeze_isWhatStoppedThem() public {
        uint32 account = _registerFinal(alice, 1000);
        _commit(_draft());
        _prove(2);
        _commit(_draft());
        Draft memory draft = _draft();
        uint256[5] memory words = registrationWords(3, bob, 0);
        vm.warp(block.timestamp + PROOF_DEADLINE);
        vm.prank(bob);
        vault.register(words[2], words[3], words[4], 0);
        _deposit(alice, account, CASH, 1);
        _commit(draft);
        _prove(3);
        vault.finalizeBatch(2, none);
    }

    function _expectNothingOverdue() private {
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NothingOverdue.selector));
        vault.freeze();
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IOracleCommittee} from "../../src/interfaces/IOracleCommittee.sol";
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
        emit IRollupVault.Frozen(IRollupVault.FreezeReason.Proof, 1, 0);
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
        emit IRollupVault.Frozen(IRollupVault.FreezeReason.Proof, 2, 0);
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
        emit IRollupVault.Frozen(IRollupVault.FreezeReason.Operation, 0, 1);
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
        _settle(draft);
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

    // ---- challenges ----

    function test_challenges_areSetOnceByTheOwner() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, anyone));
        vm.prank(anyone);
        vault.setChallenges(address(verifier));
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotAContract.selector, anyone));
        vault.setChallenges(anyone);
        vm.expectEmit();
        emit IRollupVault.ChallengesSet(address(verifier));
        vault.setChallenges(address(verifier));
        vm.assertEq(vault.challenges(), address(verifier), "challenges");
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AlreadySet.selector, address(verifier)));
        vault.setChallenges(address(cash));
    }

    function test_committee_isSetOnceByTheOwner() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, anyone));
        vm.prank(anyone);
        vault.setCommittee(IOracleCommittee(address(verifier)));
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotAContract.selector, anyone));
        vault.setCommittee(IOracleCommittee(anyone));
        vm.expectEmit();
        emit IRollupVault.CommitteeSet(address(verifier));
        vault.setCommittee(IOracleCommittee(address(verifier)));
        vm.assertEq(address(vault.committee()), address(verifier), "committee");
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AlreadySet.selector, address(verifier)));
        vault.setCommittee(IOracleCommittee(address(cash)));
    }

    function test_challenges_freezeAtOnce() public {
        vault.setChallenges(address(verifier));
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotChallenges.selector, anyone));
        vm.prank(anyone);
        vault.freezeByChallenge();
        vm.expectEmit();
        emit IRollupVault.Frozen(IRollupVault.FreezeReason.Challenge, 0, 0);
        vm.prank(address(verifier));
        vault.freezeByChallenge();
        vm.assertEq(vault.frozen(), true, "frozen");
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.VaultFrozen.selector));
        vm.prank(address(verifier));
        vault.freezeByChallenge();
    }

    function test_challenges_shortenADeadline() public {
        vault.setChallenges(address(verifier));
        _commit(_draft());
        vm.warp(START + 10);
        _commit(_draft());
        uint40 until = uint40(START + 10 + 15 minutes);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotChallenges.selector, anyone));
        vm.prank(anyone);
        vault.shortenDeadline(2, until);
        vm.startPrank(address(verifier));
        uint256 deadline = START + 10 + PROOF_DEADLINE;
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.InvalidDeadline.selector, START + 9, START + 10, deadline));
        vault.shortenDeadline(2, uint40(START + 9));
        vm.expectRevert(
            abi.encodeWithSelector(IRollupVault.InvalidDeadline.selector, deadline + 1, START + 10, deadline)
        );
        vault.shortenDeadline(2, uint40(deadline + 1));
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotCommitted.selector, 3, IRollupVault.BatchStatus.None));
        vault.shortenDeadline(3, until);
        vm.expectEmit();
        emit IRollupVault.DeadlineShortened(2, until);
        vault.shortenDeadline(2, until);
        vm.stopPrank();
        vm.assertEq(vault.batches(2).proveBy, until, "proveBy");
        vm.assertEq(vault.batches(1).proveBy, START + PROOF_DEADLINE, "of another batch");

        // The earlier batch is unproven too and not overdue: the search goes on behind it.
        vm.warp(until);
        _expectNothingOverdue();
        vm.warp(until + 1);
        vm.expectEmit();
        emit IRollupVault.Frozen(IRollupVault.FreezeReason.Proof, 2, 0);
        vault.freeze();
    }

    function _expectNothingOverdue() private {
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NothingOverdue.selector));
        vault.freeze();
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {OperationQueue} from "../../src/libraries/OperationQueue.sol";
import {PublicData} from "../../src/libraries/PublicData.sol";
import {ReentrantToken} from "../support/HostileTokens.sol";
import {VaultFixture} from "../support/VaultFixture.sol";

/// @dev spec 6.1, 6.2, 6.5, 6.6: forced requests, what batches move, refunds and solvency.
contract RequestsTest is VaultFixture {
    uint32 private account;

    function setUp() public override {
        super.setUp();
        account = _registerFinal(alice, 1000);
    }

    // ---- queueing ----

    function test_request_queuesItsWordsAndTakesTheDeposit() public {
        uint256 before = cash.balanceOf(bob);
        uint256[5] memory words = requestWords(bob, account, ETHER, 40);
        vm.assertEq(words[0], 3 | 2 << 3 | uint256(ETHER) << 27 | uint256(40) << 45, "operation word");
        vm.expectEmit();
        emit IRollupVault.OperationQueued(1, bob, words);
        vm.prank(bob);
        vault.requestWithdrawal(account, ETHER, 40);
        words = closeWords(alice, account);
        vm.assertEq(words[0], 4 | 2 << 3, "word of a close");
        vm.expectEmit();
        emit IRollupVault.OperationQueued(2, alice, words);
        vm.prank(alice);
        vault.requestClose(account);
        vm.assertEq(before - cash.balanceOf(bob), REQUEST_DEPOSIT, "deposit");
        vm.assertEq(vault.ledger(CASH).pending, 2 * REQUEST_DEPOSIT, "pending");
        vm.assertEq(vault.queueTail(), 3, "queued");
    }

    function test_request_refusesWhatNoAccountCanServe() public {
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AccountNotActive.selector, account + 1));
        vault.requestWithdrawal(account + 1, CASH, 1);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AccountNotActive.selector, 1));
        vault.requestWithdrawal(1, CASH, 1);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AccountNotActive.selector, type(uint32).max));
        vault.requestClose(type(uint32).max);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AssetNotListed.selector, 8));
        vault.requestWithdrawal(account, 8, 1);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AmountOutOfRange.selector, 0));
        vault.requestWithdrawal(account, CASH, 0);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AmountOutOfRange.selector, 2 ** 48));
        vault.requestWithdrawal(account, CASH, 2 ** 48);
        vault.requestWithdrawal(account, CASH, 2 ** 48 - 1);
        vault.requestClose(account);
    }

    function test_request_costsItsDeposit() public {
        cash.mint(anyone, REQUEST_DEPOSIT - 1);
        vm.startPrank(anyone);
        cash.approve(address(vault), type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSignature(
                "ERC20InsufficientBalance(address,uint256,uint256)", anyone, REQUEST_DEPOSIT - 1, REQUEST_DEPOSIT
            )
        );
        vault.requestClose(account);
        cash.mint(anyone, 1);
        vault.requestClose(account);
    }

    function test_request_withoutADepositIsFree() public {
        IRollupVault.Configuration memory config = configuration();
        config.requestDeposit = 0;
        vault = _newVault(config);
        account = _registerFinal(alice, 1000);
        vm.prank(anyone);
        vault.requestClose(account);
        Draft memory draft = _draft();
        _consume(draft, closeWords(anyone, account));
        bytes32 none = vault.batches(0).payouts;
        _commit(draft);
        vm.assertEq(vault.batches(2).payouts, none, "nothing moves");
    }

    // ---- serving ----

    function test_serve_paysTheRequesterAndReturnsTheDeposit() public {
        vm.prank(alice);
        vault.requestWithdrawal(account, CASH, 400);
        Draft memory draft = _draft();
        _serve(draft, requestWords(alice, account, CASH, 400), 399);
        uint256[] memory moves = new uint256[](2);
        moves[0] = PublicData.packPayout(alice, CASH, 399);
        moves[1] = 2 << 226 | PublicData.packPayout(alice, CASH, REQUEST_DEPOSIT);
        _commit(draft);
        _prove(2);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        vault.finalizeBatch(2, moves);
        vm.assertEq(vault.credits(alice, CASH), 399 + REQUEST_DEPOSIT, "credited");
        vm.assertEq(vault.ledger(CASH).inTree, 601, "left in the tree");
        vm.assertEq(vault.ledger(CASH).pending, 0, "nothing pending");
    }

    function test_serve_nothingStillReturnsTheDeposit() public {
        vm.prank(bob);
        vault.requestWithdrawal(account, CASH, 400);
        Draft memory draft = _draft();
        _serve(draft, requestWords(bob, account, CASH, 400), 0);
        _settle(draft);
        vm.assertEq(vault.credits(bob, CASH), REQUEST_DEPOSIT, "deposit alone");
        vm.assertEq(vault.ledger(CASH).inTree, 1000, "nothing left the tree");
    }

    function test_serve_neverMoreThanAskedNorToAnybodyElse() public {
        vm.prank(alice);
        vault.requestWithdrawal(account, CASH, 400);
        Draft memory draft = _draft();
        _serve(draft, requestWords(alice, account, CASH, 400), 401);
        _expectRefused(draft, abi.encodeWithSelector(IRollupVault.PaidTooMuch.selector, 0, 401, 400));
        uint256[5] memory words = requestWords(bob, account, CASH, 400);
        draft = _draft();
        _serve(draft, words, 400);
        bytes32 expected = vault.queuePrefix(2);
        bytes32 found = OperationQueue.extend(vault.queuePrefix(1), alice, words);
        _expectRefused(draft, abi.encodeWithSelector(IRollupVault.WrongOperations.selector, found, expected));
        draft = _draft();
        _serve(draft, requestWords(alice, account, CASH, 400), 400);
        _commit(draft);
        vm.assertEq(vault.queueHead(), 2, "consumed");
    }

    function test_serve_aCloseIsPaidNothing() public {
        vm.prank(alice);
        vault.requestClose(account);
        Draft memory draft = _draft();
        _serve(draft, closeWords(alice, account), 1);
        _expectRefused(draft, abi.encodeWithSelector(IRollupVault.PaidTooMuch.selector, 0, 1, 0));
        draft = _draft();
        _serve(draft, closeWords(alice, account), 0);
        _commit(draft);
    }

    function test_serve_requestsCannotBeBouncedNorPassedOver() public {
        vm.prank(alice);
        vault.requestWithdrawal(account, CASH, 400);
        _deposit(bob, account, CASH, 7);
        Draft memory draft = _draft();
        _bounce(draft, requestWords(alice, account, CASH, 400));
        _expectRefused(draft, abi.encodeWithSelector(IRollupVault.RequestBounced.selector, 0));
        uint256[5] memory words = depositWords(account, CASH, 7);
        draft = _draft();
        _consume(draft, words);
        bytes32 found = OperationQueue.extend(vault.queuePrefix(1), alice, words);
        bytes32 expected = vault.queuePrefix(2);
        _expectRefused(draft, abi.encodeWithSelector(IRollupVault.WrongOperations.selector, found, expected));
        draft = _draft();
        _serve(draft, requestWords(alice, account, CASH, 400), 0);
        _bounce(draft, words);
        _commit(draft);
        vm.assertEq(vault.queueHead(), 3, "in order, and a deposit may still be bounced");
    }

    function test_serve_orAnybodyFreezes() public {
        vm.prank(alice);
        vault.requestWithdrawal(account, CASH, 400);
        vm.warp(block.timestamp + OPERATION_DEADLINE + 1);
        vm.prank(anyone);
        vault.freeze();
        vm.assertEq(vault.frozenAt(), block.timestamp, "frozenAt");
    }

    // ---- money moves as the proofs say, and never more than there is ----

    function test_finalize_refusesMoreThanWasEverMovedIn() public {
        Draft memory draft = _draft();
        _withdraw(draft, 0, alice, CASH, 1001); // a proof system that is broken
        uint256[] memory moves = _movesOf(draft);
        _commit(draft);
        _prove(2);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vault.finalizeBatch(2, moves);
        vm.assertEq(vault.lastFinal(), 1, "not final");
        vm.assertEq(vault.credits(alice, CASH), 0, "nothing credited");
    }

    function testFuzz_solvency_isExactThroughEveryMove(uint48 deposited, uint48 withdrawn, uint48 paid, uint48 bounced)
        public
    {
        deposited = uint48(bound(deposited, 1, 1e14));
        bounced = uint48(bound(bounced, 1, 1e14));
        withdrawn = uint48(bound(withdrawn, 0, deposited));
        paid = uint48(bound(paid, 0, deposited - withdrawn));
        _expectSolvency(1000, 1000);
        _deposit(bob, account, CASH, deposited);
        _deposit(bob, account, CASH, bounced);
        vm.prank(alice);
        vault.requestWithdrawal(account, CASH, 2 ** 48 - 1);
        _expectSolvency(1000, 1000);
        Draft memory draft = _draft();
        _consume(draft, depositWords(account, CASH, deposited));
        _bounce(draft, depositWords(account, CASH, bounced));
        if (withdrawn != 0) _withdraw(draft, 0, alice, CASH, withdrawn);
        _settle(draft);
        uint256 left = 1000 + uint256(deposited) - withdrawn;
        _expectSolvency(left, left);
        draft = _draft();
        _serve(draft, requestWords(alice, account, CASH, 2 ** 48 - 1), paid);
        _settle(draft);
        _expectSolvency(left - paid, left - paid);
        vault.claim(bob, CASH);
        vault.claim(alice, CASH);
        _expectSolvency(left - paid, left - paid);
        vm.assertEq(cash.balanceOf(address(vault)), left - paid, "balance");
    }

    function test_solvency_showsWhatAnAssetLacks() public {
        _deposit(alice, account, ETHER, 10);
        Draft memory draft = _draft();
        _consume(draft, depositWords(account, ETHER, 10));
        _settle(draft);
        (uint256 liabilities, uint256 holdings) = vault.solvency(ETHER);
        vm.assertEq(liabilities, 10, "owed");
        vm.assertEq(holdings, 10, "held");
        vm.prank(address(vault)); // the token takes back what it gave
        etherToken.transfer(anyone, 4 * uint256(ETHER_LOT) + 1);
        (liabilities, holdings) = vault.solvency(ETHER);
        vm.assertEq(liabilities, 10, "still owed");
        vm.assertEq(holdings, 5, "whole lots held");
        _deposit(alice, account, ETHER, 3);
        vm.prank(address(vault));
        etherToken.transfer(anyone, 7 * uint256(ETHER_LOT));
        (, holdings) = vault.solvency(ETHER);
        vm.assertEq(holdings, 0, "pending operations come first");
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AssetNotListed.selector, 8));
        vault.solvency(8);
    }

    // ---- refunds ----

    function test_refund_creditsWhatNoFinalBatchConsumed() public {
        _deposit(bob, account, CASH, 70); // 1: consumed by a batch that never becomes final
        vm.prank(alice);
        vault.requestWithdrawal(account, CASH, 400); // 2
        uint32 next = _register(bob, 90); // 3
        Draft memory draft = _draft();
        _consume(draft, depositWords(account, CASH, 70));
        _commit(draft);
        _register(anyone, 0); // 4: moved nothing in
        uint256[5] memory first = depositWords(account, CASH, 70);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotFrozen.selector));
        vault.refund(1, first);
        vm.warp(block.timestamp + PROOF_DEADLINE + 1);
        vault.freeze();

        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotRefundable.selector, 0, 1, 5));
        vault.refund(0, registrationWords(account, alice, 1000));
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotRefundable.selector, 5, 1, 5));
        vault.refund(5, first);
        uint256[5] memory dearer = depositWords(account, CASH, 71);
        bytes32 found = OperationQueue.extend(vault.queuePrefix(1), bob, dearer);
        bytes32 expected = vault.queuePrefix(2);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.WrongOperations.selector, found, expected));
        vault.refund(1, dearer);
        vm.expectEmit();
        emit IRollupVault.Refunded(1, bob, CASH, 70);
        vm.prank(anyone);
        vault.refund(1, first);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AlreadyRefunded.selector, 1));
        vault.refund(1, first);
        vault.refund(3, registrationWords(next, bob, 90));
        vault.refund(2, requestWords(alice, account, CASH, 400));
        vault.refund(4, registrationWords(next + 1, anyone, 0));
        vm.assertEq(vault.credits(bob, CASH), 160, "bob");
        vm.assertEq(vault.credits(alice, CASH), REQUEST_DEPOSIT, "alice has her deposit, not what she asked for");
        vm.assertEq(vault.ledger(CASH).pending, 0, "all refunded");
        vault.claim(bob, CASH);
        vault.claim(alice, CASH);
        _expectSolvency(1000, 1000);
    }

    // ---- hostile cash ----

    function test_request_guardsAgainstReentrance() public {
        ReentrantToken token = new ReentrantToken();
        IRollupVault.Configuration memory config = configuration();
        config.cashToken = token;
        vault = _newVault(config);
        token.mint(alice, 1e12);
        vm.prank(alice);
        token.approve(address(vault), type(uint256).max);
        account = _registerFinal(alice, 1000);
        bytes memory reason = abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        bytes[3] memory calls = [
            abi.encodeCall(vault.requestClose, (account)),
            abi.encodeCall(vault.requestWithdrawal, (account, CASH, 1)),
            abi.encodeCall(vault.deposit, (account, CASH, 5))
        ];
        for (uint256 i = 0; i < calls.length; i++) {
            token.arm(address(vault), calls[i]);
            vm.expectRevert(reason);
            vm.prank(alice);
            vault.requestClose(account);
            vm.expectRevert(reason);
            vm.prank(alice);
            vault.requestWithdrawal(account, CASH, 1);
        }
        token.arm(address(0), "");
        vm.prank(alice);
        vault.requestClose(account);
    }
    // ---- support ----

    function _expectSolvency(uint256 expectedLiabilities, uint256 expectedHoldings) private view {
        (uint256 liabilities, uint256 holdings) = vault.solvency(CASH);
        vm.assertEq(liabilities, expectedLiabilities, "liabilities");
        vm.assertEq(holdings, expectedHoldings, "holdings");
    }
}

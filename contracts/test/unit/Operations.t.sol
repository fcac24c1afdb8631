// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {BabyJubJub} from "../../src/libraries/BabyJubJub.sol";
import {Field} from "../../src/libraries/Field.sol";
import {Keys} from "../support/Keys.sol";
import {FeeToken, ReentrantToken} from "../support/HostileTokens.sol";
import {VaultFixture} from "../support/VaultFixture.sol";

/// @dev Registrations, deposits and the queue that orders them (spec 6.1, 6.2).
contract OperationsTest is VaultFixture {
    // ---- register ----

    function test_register_queuesTheWordsAndMovesTheCash() public {
        uint256[5] memory words = registrationWords(2, alice, 5_000_000);
        vm.assertEq(words[0], 1 | 2 << 3 | uint256(5_000_000) << 45, "operation word");
        vm.expectEmit();
        emit IRollupVault.OperationQueued(0, alice, words);
        vm.assertEq(_register(alice, 5_000_000), 2, "first account number");

        vm.assertEq(cash.balanceOf(address(vault)), 5_000_000, "cash held");
        vm.assertEq(vault.queueTail(), 1, "tail");
        vm.assertEq(vault.queueHead(), 0, "head");
        vm.assertEq(vault.queuePrefix(1), keccak256(abi.encode(bytes32(0), alice, words)), "q_1");
        vm.assertEq(vault.queued(0).depositor, alice, "depositor");
        vm.assertEq(vault.queued(0).queuedAt, START, "queuedAt");
        vm.assertEq(vault.isActive(2), false, "not yet final");
    }

    function test_register_givesAnOwnerSeveralAccounts() public {
        vm.assertEq(_register(alice, 0), 2, "first");
        vm.assertEq(_register(bob, 0), 3, "second");
        vm.assertEq(_register(alice, 7), 4, "third");
        bytes32 q1 = keccak256(abi.encode(bytes32(0), alice, registrationWords(2, alice, 0)));
        bytes32 q2 = keccak256(abi.encode(q1, bob, registrationWords(3, bob, 0)));
        bytes32 q3 = keccak256(abi.encode(q2, alice, registrationWords(4, alice, 7)));
        vm.assertEq(vault.queuePrefix(2), q2, "q_2");
        vm.assertEq(vault.queuePrefix(3), q3, "q_3");
        vm.assertEq(vault.registrations(4).operation, 2, "operation of account 4");
    }

    function test_register_refusesAmountsOf48BitsAndMore() public {
        (uint256 x, uint256 y) = Keys.key(3);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AmountOutOfRange.selector, 2 ** 48));
        vm.prank(alice);
        vault.register(x, y, 1, 2 ** 48);
        vm.prank(alice);
        vault.register(x, y, 1, 2 ** 48 - 1);
    }

    function test_register_refusesWhatIsNotAFieldElement() public {
        (uint256 x, uint256 y) = Keys.key(3);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(Field.NotInField.selector, x + Field.R));
        vault.register(x + Field.R, y, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(Field.NotInField.selector, y + Field.R));
        vault.register(x, y + Field.R, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(Field.NotInField.selector, Field.R));
        vault.register(x, y, Field.R, 0);
        vault.register(x, y, Field.R - 1, 0);
    }

    function test_register_refusesPointsOffTheCurve() public {
        (uint256 x, uint256 y) = Keys.key(4);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(BabyJubJub.KeyNotOnCurve.selector, x, y + 1));
        vault.register(x, y + 1, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(BabyJubJub.KeyNotOnCurve.selector, y, x));
        vault.register(y, x, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(BabyJubJub.KeyNotOnCurve.selector, 0, 0));
        vault.register(0, 0, 1, 0);
        vault.register(x, y, 1, 0);
    }

    function test_register_refusesAllPointsOfSmallOrder() public {
        vm.startPrank(alice);
        for (uint256 i = 0; i < 8; i++) {
            (uint256 x, uint256 y) = Keys.multiply(i, Keys.ORDER8_X, Keys.ORDER8_Y);
            vm.expectRevert(abi.encodeWithSelector(BabyJubJub.KeyOfSmallOrder.selector, x, y));
            vault.register(x, y, 1, 0);
        }
        (uint256 keyX, uint256 keyY) = Keys.key(1);
        vault.register(keyX, keyY, 1, 0);
    }

    function testFuzz_register_takesTheCurveAndNothingElse(uint256 scalar, uint256 offX, uint256 offY) public {
        (uint256 x, uint256 y) = Keys.key(bound(scalar, 1, 2 ** 64));
        vm.startPrank(alice);
        vault.register(x, y, 1, 0);
        vm.assertEq(vault.nextAccount(), 3, "registered");
        offX = bound(offX, 1, Field.R - 1); // not (0, 1) or (0, -1), of small order, which a fuzzer likes
        offY = bound(offY, 0, Field.R - 1); // on the curve with probability about 2^-253
        vm.expectRevert(abi.encodeWithSelector(BabyJubJub.KeyNotOnCurve.selector, offX, offY));
        vault.register(offX, offY, 1, 0);
    }

    function test_register_endsWithTheLastAccountNumber() public {
        // frozenAt, queueHead, queueTail (40 bits each), nextAccount (32) share slot 9.
        vm.store(address(vault), bytes32(uint256(9)), bytes32(uint256(2 ** 24 - 1) << 120));
        vm.assertEq(vault.nextAccount(), 2 ** 24 - 1, "slot of nextAccount");
        (uint256 x, uint256 y) = Keys.key(5);
        vm.startPrank(alice);
        vm.assertEq(vault.register(x, y, 1, 0), 2 ** 24 - 1, "last account");
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AccountsExhausted.selector));
        vault.register(x, y, 1, 0);
    }

    // ---- deposit ----

    function test_deposit_queuesTheWordsAndMovesLots() public {
        uint32 account = _registerFinal(alice, 0);
        uint256[5] memory words = depositWords(account, ETHER, 3000);
        vm.assertEq(words[0], 2 | 2 << 3 | uint256(ETHER) << 27 | uint256(3000) << 45, "operation word");
        bytes32 q1 = vault.queuePrefix(1);
        vm.expectEmit();
        emit IRollupVault.OperationQueued(1, bob, words);
        _deposit(bob, account, ETHER, 3000);
        vm.assertEq(etherToken.balanceOf(address(vault)), 3 ether, "ether held");
        vm.assertEq(vault.queuePrefix(2), keccak256(abi.encode(q1, bob, words)), "q_2");
    }

    function test_deposit_needsARegistrationInAFinalRoot() public {
        uint32 account = _register(alice, 0);
        _expectNotActive(account);
        Draft memory draft = _draft();
        _consume(draft, registrationWords(account, alice, 0));
        _commit(draft);
        _expectNotActive(account);
        _prove(1);
        _expectNotActive(account);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        vault.finalizeBatch(1, new uint256[](0));
        vm.assertTrue(vault.isActive(account), "active once final");
        _deposit(alice, account, CASH, 1);
        _expectNotActive(account + 1);
        _expectNotActive(0);
        _expectNotActive(type(uint32).max);
    }

    function test_deposit_anybodyAddsCashToTheFund() public {
        vm.expectEmit();
        emit IRollupVault.OperationQueued(0, bob, depositWords(1, CASH, 70));
        _deposit(bob, 1, CASH, 70);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AccountNotActive.selector, 1));
        _deposit(bob, 1, ETHER, 70);
    }

    function test_deposit_neverToABouncedRegistration() public {
        uint32 refused = _register(alice, 0);
        uint32 accepted = _register(bob, 0);
        Draft memory draft = _draft();
        _bounce(draft, registrationWords(refused, alice, 0));
        _consume(draft, registrationWords(accepted, bob, 0));
        _settle(draft);
        _expectNotActive(refused);
        _deposit(alice, accepted, CASH, 1);
    }

    function test_deposit_refusesUnlistedAssetsAndAmountsOutOfRange() public {
        uint32 account = _registerFinal(alice, 0);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AssetNotListed.selector, 8));
        vault.deposit(account, 8, 1);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AmountOutOfRange.selector, 0));
        vault.deposit(account, CASH, 0);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AmountOutOfRange.selector, 2 ** 48));
        vault.deposit(account, CASH, 2 ** 48);
        vault.deposit(account, CASH, 2 ** 48 - 1);
    }

    function test_deposit_refusesTokensThatTakeAFee() public {
        uint32 account = _registerFinal(alice, 0);
        FeeToken token = new FeeToken();
        token.mint(alice, 1000);
        vault.listAsset(11, address(token), 10);
        vm.startPrank(alice);
        token.approve(address(vault), 1000);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.TransferMismatch.selector, address(token), 500, 499));
        vault.deposit(account, 11, 50);
        token.setFee(0);
        vault.deposit(account, 11, 50);
        vm.assertEq(token.balanceOf(address(vault)), 500, "without a fee it is taken");
    }

    function test_deposit_guardsAgainstReentrance() public {
        uint32 account = _registerFinal(alice, 0);
        ReentrantToken token = new ReentrantToken();
        token.mint(alice, 1000);
        vault.listAsset(12, address(token), 1);
        vm.startPrank(alice);
        token.approve(address(vault), 1000);
        bytes memory reason = abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        bytes[3] memory calls = [
            abi.encodeCall(vault.deposit, (account, 12, 5)),
            abi.encodeCall(vault.register, (Keys.BASE_X, Keys.BASE_Y, 1, 0)),
            abi.encodeCall(vault.claim, (alice, CASH))
        ];
        for (uint256 i = 0; i < calls.length; i++) {
            token.arm(address(vault), calls[i]);
            vm.expectRevert(reason);
            vault.deposit(account, 12, 5);
        }
        token.arm(address(0), "");
        vault.deposit(account, 12, 5);
    }

    function _expectNotActive(uint32 account) private {
        vm.assertEq(vault.isActive(account), false, "isActive");
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AccountNotActive.selector, account));
        _deposit(alice, account, CASH, 1);
    }
}

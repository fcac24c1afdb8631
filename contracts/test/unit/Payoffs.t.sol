// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {VaultFixture} from "../support/VaultFixture.sol";

/// @dev What settled instruments are worth: fixed once, by the operator.
contract PayoffsTest is VaultFixture {
    function test_settle_onceAndForGood() public {
        (uint32[] memory instruments, uint64[] memory payoffs) = _two(17, 0, 18, 2 ** 35 - 1);
        vm.expectEmit();
        emit IRollupVault.InstrumentSettled(17, 0);
        vm.expectEmit();
        emit IRollupVault.InstrumentSettled(18, 2 ** 35 - 1);
        vm.prank(operator);
        vault.settle(instruments, payoffs);
        _expectPayoff(17, true, 0);
        _expectPayoff(18, true, 2 ** 35 - 1);
        _expectPayoff(19, false, 0);

        (instruments, payoffs) = _two(19, 5, 17, 0);
        _expectRefused(instruments, payoffs, abi.encodeWithSelector(IRollupVault.AlreadySettled.selector, 17));
        _expectPayoff(19, false, 0);
    }

    function test_settle_refusesOthersAndWhatIsNoPayoff() public {
        (uint32[] memory instruments, uint64[] memory payoffs) = _two(17, 3, 18, 4);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotOperator.selector, alice));
        vm.prank(alice);
        vault.settle(instruments, payoffs);
        (instruments, payoffs) = _two(0, 3, 18, 4);
        _expectRefused(instruments, payoffs, abi.encodeWithSelector(IRollupVault.InvalidPayoff.selector, 0, 3));
        (instruments, payoffs) = _two(2 ** 18, 3, 18, 4);
        _expectRefused(instruments, payoffs, abi.encodeWithSelector(IRollupVault.InvalidPayoff.selector, 2 ** 18, 3));
        (instruments, payoffs) = _two(17, 2 ** 35, 18, 4);
        _expectRefused(instruments, payoffs, abi.encodeWithSelector(IRollupVault.InvalidPayoff.selector, 17, 2 ** 35));
        _expectRefused(new uint32[](2), new uint64[](1), abi.encodeWithSelector(IRollupVault.MalformedInput.selector));
        (instruments, payoffs) = _two(17, 3, 18, 4);
        vm.prank(operator);
        vault.settle(instruments, payoffs);
    }

    function _two(uint32 a, uint64 p, uint32 b, uint64 q)
        private
        pure
        returns (uint32[] memory instruments, uint64[] memory payoffs)
    {
        (instruments, payoffs) = (new uint32[](2), new uint64[](2));
        (instruments[0], payoffs[0], instruments[1], payoffs[1]) = (a, p, b, q);
    }

    function _expectRefused(uint32[] memory instruments, uint64[] memory payoffs, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(operator);
        vault.settle(instruments, payoffs);
    }

    function _expectPayoff(uint32 instrument, bool settled, uint64 payoff) private view {
        (bool isSettled, uint64 value) = vault.payoffOf(instrument);
        vm.assertEq(isSettled, settled, "settled");
        vm.assertEq(value, payoff, "payoff");
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedTables} from "../../src/generated/FixedTables.sol";
import {Black76} from "../../src/libraries/Black76.sol";
import {FixedMath} from "../../src/libraries/FixedMath.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";
import {SplitMix} from "../support/SplitMix.sol";
import {Test} from "../support/Test.sol";

/// @dev spec/vectors/black76.json, made by spec/gen/black76.mjs; the sequencer's own tests hold it to the same.
contract Black76Test is Test {
    using SplitMix for SplitMix.State;

    int256 private constant HIGHEST = 2 ** 35 - 1;

    function test_edgesAndThousandsOfDrawnCasesGiveTheCommittedDigest() public view {
        string memory file = vm.readFile("../spec/vectors/black76.json");
        bytes memory checks = vm.parseJsonBytes(file, ".many.checks");
        vm.assertEq(checks.length, 12_000, "cases");
        uint256 tables = FixedTables.load();
        SplitMix.State memory state = SplitMix.State(76);
        bytes32 digest;
        for (uint256 i = 0; i < checks.length; i++) {
            digest = _extend(digest, tables, i, state);
            if (checks[i] != digest[31]) revert(_firstDifference(i));
        }
        vm.assertEq(digest, vm.parseJsonBytes32(file, ".many.digest"), "digest of all");
    }

    /// @dev Sixty rows of the file that shows every value, so that a broken digest can be told from a broken formula.
    function test_everyBitOfTheListedOptions() public view {
        string memory file = vm.readFile("../spec/vectors/black76.json");
        uint256 tables = FixedTables.load();
        for (uint256 i = 0; i < 354; i += 6) {
            string memory row = string.concat(".options[", _decimal(i), "].");
            int256 forward = int256(vm.parseJsonUint(file, string.concat(row, "forward")));
            int256 strike = int256(vm.parseJsonUint(file, string.concat(row, "strike")));
            int256 deviation = int256(vm.parseJsonUint(file, string.concat(row, "deviation")));
            int256 expected = int256(vm.parseJsonUint(file, string.concat(row, "call")));
            vm.assertEq(_call(tables, forward, strike, deviation), expected, row);
        }
    }

    function test_noDeviationLeavesTheIntrinsicValueAndTheLargestTheForward() public pure {
        uint256 tables = FixedTables.load();
        vm.assertEq(_call(tables, 77, 33, 0), 44 << 24, "in the money");
        vm.assertEq(_call(tables, 33, 77, 0), 0, "out of the money");
        vm.assertEq(_call(tables, 33, 77, Black76.SATURATED_DEVIATION), 33 << 24, "saturated");
        vm.assertEq(_call(tables, HIGHEST, 1, 2 ** 63 - 1), HIGHEST << 24, "beyond");
        // F = K: F (2 N(v/2) - 1), N(0.1) = 0.539827837277029 (Abramowitz and Stegun, table 26.1).
        vm.assertEq(_call(tables, 10 ** 9, 10 ** 9, 57646075230342349) >> 24, 79_655_674, "at the money");
    }

    function testFuzz_staysWithinTheBoundsOfNoArbitrageAndParity(uint256 f, uint256 k, uint256 v) public pure {
        uint256 tables = FixedTables.load();
        int256 forward = int256(bound(f, 1, uint256(HIGHEST)));
        int256 strike = int256(bound(k, 1, uint256(HIGHEST)));
        int256 deviation = int256(bound(v, 0, 2 ** 63 - 1));
        int256 value = _call(tables, forward, strike, deviation);
        vm.assertTrue(value >= SignedMath.max(0, forward - strike) << 24 && value <= forward << 24, "bounds");
        vm.assertEq(value - _call(tables, strike, forward, deviation), (forward - strike) << 24, "parity by symmetry");
    }

    function test_argumentsOutsideTheTablesAreRefused() public {
        FixedMathCaller lib = new FixedMathCaller();
        lib.ln(1);
        lib.ln(2 ** 46 - 1);
        lib.expNegative(0);
        lib.mills(0);
        lib.mills(12 * 2 ** 58 - 1);
        _expectOutOfRange(0);
        lib.ln(0);
        _expectOutOfRange(-1);
        lib.ln(-1);
        _expectOutOfRange(2 ** 46);
        lib.ln(2 ** 46);
        _expectOutOfRange(-1);
        lib.expNegative(-1);
        _expectOutOfRange(-1);
        lib.mills(-1);
        _expectOutOfRange(12 * 2 ** 58);
        lib.mills(12 * 2 ** 58);
    }

    function _expectOutOfRange(int256 argument) private {
        vm.expectRevert(abi.encodeWithSelector(FixedMath.OutOfRange.selector, argument));
    }

    /// @dev Case i of the generator, its order of draws.
    function _extend(bytes32 digest, uint256 tables, uint256 i, SplitMix.State memory state)
        private
        pure
        returns (bytes32)
    {
        (int256 forward, int256 strike, int256 v) = i < 637 ? _edge(i) : _drawn(i, state);
        bytes memory row = abi.encodePacked(digest, int64(_call(tables, forward, strike, v)));
        uint64 volatility = state.below(37);
        int256 deviation = Black76.deviationOfVolatility(volatility, state.below(38));
        row = abi.encodePacked(row, int64(deviation));
        row = abi.encodePacked(row, int64(Black76.deviationOfVariance(int256(uint256(state.below(63))))));
        int256 x = int256(uint256(state.below(62)));
        row = abi.encodePacked(row, int64(FixedMath.normalCdf(tables, i % 2 == 0 ? x : -x)));
        return sha256(row);
    }

    function _edge(uint256 i) private pure returns (int256 forward, int256 strike, int256 v) {
        int256[7] memory prices = [int256(1), 2, 3, 1_000_003, 2 ** 34, HIGHEST - 1, HIGHEST];
        int256[13] memory deviations = [
            int256(0),
            1,
            2,
            2 ** 20,
            2 ** 40,
            2 ** 51,
            2 ** 56,
            2 ** 58,
            5 * 2 ** 58,
            19 * 2 ** 58,
            24 * 2 ** 58 - 1,
            24 * 2 ** 58,
            2 ** 63 - 1
        ];
        return (prices[i / 91], prices[i / 13 % 7], deviations[i % 13]);
    }

    function _drawn(uint256 i, SplitMix.State memory state)
        private
        pure
        returns (int256 forward, int256 strike, int256 v)
    {
        forward = 1 + int256(uint256(state.below(35))) % HIGHEST;
        v = int256(uint256(i % 4 == 0 ? state.below(63) : state.draw() >> 5));
        strike = 1 + int256(uint256(state.below(35))) % HIGHEST;
        if (i % 3 != 0) {
            strike = forward + (forward * v * (int256(uint256(state.draw() % 4096)) - 2048) >> 66);
            strike = SignedMath.max(1, SignedMath.min(strike, HIGHEST));
        }
    }

    function _call(uint256 tables, int256 forward, int256 strike, int256 v) private pure returns (int256) {
        return Black76.call(tables, forward, FixedMath.ln(tables, forward), strike, FixedMath.ln(tables, strike), v);
    }

    function _firstDifference(uint256 i) private pure returns (string memory) {
        return string.concat("case ", _decimal(i), " is the first that differs, or the one before it");
    }

    function _decimal(uint256 value) private pure returns (string memory) {
        if (value < 10) return string(abi.encodePacked(bytes1(uint8(48 + value))));
        return string.concat(_decimal(value / 10), _decimal(value % 10));
    }
}

contract FixedMathCaller {
    function ln(int256 x) external pure returns (int256) {
        return FixedMath.ln(FixedTables.load(), x);
    }

    function expNegative(int256 y) external pure returns (int256) {
        return FixedMath.expNegative(FixedTables.load(), y);
    }

    function mills(int256 x) external pure returns (int256) {
        return FixedMath.mills(FixedTables.load(), x);
    }
}

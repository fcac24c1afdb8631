// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

// Signed and unsigned numbers far below 2^255.
// forge-lint: disable-start(unsafe-typecast)

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";
import {FixedMath} from "./FixedMath.sol";

/// @title Undiscounted value of a European call on a forward (Black 1976), bit for bit that of the sequencer (C# `Black76`, which
/// explains the method). Prices are atoms a lot, 1 to 2^35 - 1; values 2^-24 atoms; the deviation v = volatility x sqrt(time) is in Q58.
library Black76 {
    uint256 internal constant FRACTION_BITS = 24;
    /// @dev 24 in Q58: from here on a call is worth its forward.
    int256 internal constant SATURATED_DEVIATION = 24 * 2 ** 58;

    uint256 private constant ROOT_PER_VOLATILITY = 7309643889704606100; // 2^110 / (10^9 sqrt(31,536,000,000 ms a year))

    /// @notice Bound of the error of a call, in 2^-24 atoms.
    function errorOf(int256 forward, int256 strike) internal pure returns (int256) {
        return (SignedMath.min(forward, strike) >> 53 - FRACTION_BITS) + 2;
    }

    /// @param deviation v, 0 to 2^63 - 1.
    function call(uint256 tables, int256 forward, int256 lnForward, int256 strike, int256 lnStrike, int256 deviation)
        internal
        pure
        returns (int256)
    {
        int256 intrinsic = SignedMath.max(0, forward - strike) << FRACTION_BITS;
        if (deviation == 0) return intrinsic;
        int256 rest = _outOfTheMoney(tables, SignedMath.max(lnForward - lnStrike, lnStrike - lnForward), deviation);
        return intrinsic + (SignedMath.min(forward, strike) * rest >> 62 - FRACTION_BITS);
    }

    /// @notice v = volatility x sqrt(time / 365 days), rounded down.
    /// @param volatility 10^-9 a root year, 0 to 2^37.
    /// @param time Milliseconds, 0 to 2^38.
    function deviationOfVolatility(uint256 volatility, uint256 time) internal pure returns (int256) {
        uint256 deviation = Math.sqrt(time << 86) * volatility * ROOT_PER_VOLATILITY >> 95; // 63 + 38 + 63 bits
        return SignedMath.min(int256(deviation), SATURATED_DEVIATION);
    }

    /// @notice v = floor(sqrt(w)) of a total variance w in Q56, 0 to 2^63 - 1.
    function deviationOfVariance(int256 variance) internal pure returns (int256) {
        return int256(Math.sqrt(uint256(variance) << 60));
    }

    /// @dev G in Q62, 0 to 1, for m = |ln(F/K)| and v > 0.
    function _outOfTheMoney(uint256 tables, int256 m, int256 v) private pure returns (int256) {
        // m < 24.3, so m/v >= 32 leaves v/2 far behind.
        if (m != 0 && m >> 5 >= v) return 0;
        int256 a = (m << 58) / v - (v >> 1);
        if (a >= FixedMath.TAIL) return 0;
        if (a <= -FixedMath.TAIL) return FixedMath.ONE;
        int256 density = FixedMath.normalDensity(tables, a);
        int256 far = FixedMath.mills(tables, a + v); // b^2 = a^2 + 2m, so b < 11.6
        int256 value = a >= 0
            ? density * (FixedMath.mills(tables, a) - far) >> 61
            : FixedMath.ONE - (density * (FixedMath.mills(tables, -a) + far) >> 61);
        return SignedMath.max(0, SignedMath.min(value, FixedMath.ONE));
    }
}
// forge-lint: disable-end(unsafe-typecast)

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Division of signed numbers with its rounding direction in the name (C# `Rounding`): `/` truncates towards zero.
/// @dev Denominators are above 0, numerators above -2^255.
library Rounding {
    /// @notice Greatest integer not above numerator / denominator.
    function floorDiv(int256 numerator, int256 denominator) internal pure returns (int256 quotient) {
        unchecked {
            quotient = numerator / denominator;
            if (numerator < 0 && quotient * denominator != numerator) quotient--;
        }
    }

    /// @notice Least integer not below numerator / denominator.
    function ceilDiv(int256 numerator, int256 denominator) internal pure returns (int256 quotient) {
        unchecked {
            quotient = numerator / denominator;
            if (numerator > 0 && quotient * denominator != numerator) quotient++;
        }
    }
}

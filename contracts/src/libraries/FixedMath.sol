// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

// Signed and unsigned numbers far below 2^255.
// forge-lint: disable-start(unsafe-typecast)

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {FixedTables} from "../generated/FixedTables.sol";

/// @title Elementary functions in integers alone, bit for bit those of the sequencer (C# `FixedMath`, which states errors and sources).
/// @dev "Q58" is a number in units of 2^-58. `tables` is where `FixedTables.load` put them. Every intermediate value is below 2^130, so
/// nothing overflows 256 bits; `>>` of a signed number rounds to minus infinity, as there.
library FixedMath {
    /// @dev 1 in Q62.
    int256 internal constant ONE = 2 ** 62;
    /// @dev 9.25 in Q58.
    int256 internal constant TAIL = 37 * 2 ** 56;

    int256 private constant LN_2 = 3196577161300663915; // ln 2, Q62
    int256 private constant STEPS_PER_UNIT = 6653256548922161246; // 32 / ln 2, Q57
    int256 private constant INVERSE_ROOT_TWO_PI = 1839796536686825613; // 1 / sqrt(2 pi), Q62

    error OutOfRange(int256 argument);

    /// @notice ln x in Q58, x from 1 to 2^46 - 1.
    function ln(uint256 tables, int256 x) internal pure returns (int256) {
        require(x > 0 && x < 2 ** 46, OutOfRange(x));
        unchecked {
            uint256 exponent = Math.log2(uint256(x));
            int256 mantissa = x << (62 - exponent); // [1, 2), Q62
            uint256 part = uint256(mantissa >> 57) & 31;
            // mantissa = (1 + r) / reciprocal, |r| <= 1/64; r in Q64.
            int256 r = (mantissa * _entry(tables + FixedTables.RECIPROCALS, part) >> 60) - 2 ** 64;
            int256 series = _horner(tables + FixedTables.LN_SERIES, FixedTables.LN_TERMS, r);
            int256 fraction = _entry(tables + FixedTables.LOGARITHMS, part) + (series * r >> 64); // Q62
            return (int256(exponent) * LN_2 >> 4) + (fraction >> 4);
        }
    }

    /// @notice e^-y in Q62, y at least 0 in Q57; 0 from y = 43 on.
    function expNegative(uint256 tables, int256 y) internal pure returns (int256) {
        require(y >= 0, OutOfRange(y));
        if (y >= 43 * 2 ** 57) return 0;
        unchecked {
            int256 steps = y * STEPS_PER_UNIT; // y 32 / ln 2, Q114
            uint256 whole = uint256(steps >> 114);
            int256 t = (steps >> 50 & 2 ** 64 - 1) - 2 ** 63; // the fraction less 1/2, Q64
            int256 power = _horner(tables + FixedTables.POWER_SERIES, FixedTables.POWER_TERMS, t);
            return _entry(tables + FixedTables.POWERS, whole & 31) * power >> 62 >> (whole >> 5);
        }
    }

    /// @notice Mills' ratio (1 - N(x)) / phi(x) in Q61, x in Q58 from 0 to 12 (exclusive).
    function mills(uint256 tables, int256 x) internal pure returns (int256) {
        require(x >= 0 && x < 12 * 2 ** 58, OutOfRange(x));
        unchecked {
            uint256 piece = uint256(x >> 57);
            int256 t = (x - int256(piece << 57) - 2 ** 56) << 7; // [-1/2, 1/2), Q64
            return _horner(tables + FixedTables.MILLS + 8 * FixedTables.MILLS_TERMS * piece, FixedTables.MILLS_TERMS, t);
        }
    }

    /// @notice phi(x), the normal density, in Q62, x in Q58; 0 beyond the tail.
    function normalDensity(uint256 tables, int256 x) internal pure returns (int256) {
        if (x <= -TAIL || x >= TAIL) return 0;
        unchecked {
            return INVERSE_ROOT_TWO_PI * expNegative(tables, x * x >> 60) >> 62; // x^2/2: Q116 -> Q57
        }
    }

    /// @notice N(x), the normal distribution, in Q62, x in Q58.
    function normalCdf(uint256 tables, int256 x) internal pure returns (int256) {
        if (x >= TAIL) return ONE;
        if (x <= -TAIL) return 0;
        unchecked {
            int256 tail = normalDensity(tables, x) * mills(tables, x < 0 ? -x : x) >> 61; // Q62 x Q61
            return x < 0 ? tail : ONE - tail;
        }
    }

    /// @dev The i-th number of a table.
    function _entry(uint256 table, uint256 i) private pure returns (int256 value) {
        assembly ("memory-safe") {
            value := sar(192, mload(add(table, shl(3, i))))
        }
    }

    /// @dev The polynomial at t (Q64), coefficients from the lowest power; every product is rounded to minus infinity.
    function _horner(uint256 first, uint256 terms, int256 t) private pure returns (int256 sum) {
        assembly ("memory-safe") {
            let at := add(first, shl(3, sub(terms, 1)))
            sum := sar(192, mload(at))
            for {} gt(at, first) {} {
                at := sub(at, 8)
                sum := add(sar(192, mload(at)), sar(64, mul(sum, t)))
            }
        }
    }
}
// forge-lint: disable-end(unsafe-typecast)

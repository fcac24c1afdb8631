// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

// Signed and unsigned numbers far below 2^255.
// forge-lint: disable-start(unsafe-typecast)

import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";
import {Black76} from "./Black76.sol";
import {FixedMath} from "./FixedMath.sol";
import {RiskInputs} from "./RiskInputs.sol";
import {Rounding} from "./Rounding.sol";

/// @title The 24 scenarios (C# `Scenario`; docs/RISK.md, Scenarios) and what they do to volatility (C# `VolatilityShock`).
/// @dev 0 the mark itself; 1..14 price 0, +1/3, -1/3, +2/3, -2/3, +1, -1 of the range, each with volatility up, then down; 15, 16
/// volatility twist; 17, 18 basis; 19..23 extremes, with volatility up.
library Scenarios {
    uint256 internal constant COUNT = 24;
    uint256 internal constant TWIST_UP = 15;
    uint256 internal constant TWIST_DOWN = 16;
    uint256 internal constant EXTREMES = 19; // the first of five

    int256 private constant DAY = 86_400_000;
    int256 private constant ONE = RiskInputs.BILLION;
    int256 private constant MILLION = RiskInputs.MILLION;

    /// @dev Factors in 10^-9, deviations (volatility x sqrt(time)) in Q58.
    struct VolatilityShock {
        int256 up;
        int256 down;
        int256 frontUp;
        int256 frontDown;
        int256 floor; // least deviation where volatility is up
        int256 gap; // of the vega gap
        int256 penalty; // that a forced trade may be off
    }

    /// @notice Price move in thirds of the scan range.
    function rangeThirds(uint256 s) internal pure returns (int256) {
        if (s == 0 || s > 14) return 0;
        uint256 pair = (s - 1) / 2; // 0, then up and down by turns
        int256 thirds = int256((pair + 1) / 2);
        return pair % 2 == 1 ? thirds : -thirds;
    }

    /// @notice Implied volatility: 1 up, -1 down.
    function volatility(uint256 s) internal pure returns (int256) {
        if (isExtreme(s)) return 1;
        if (s == 0 || s > 14) return 0;
        return s % 2 == 1 ? int256(1) : int256(-1);
    }

    /// @notice Perpetual against its spot, in units of b: 1 or -1 in the two basis scenarios.
    function basis(uint256 s) internal pure returns (int256) {
        if (s == 17) return 1;
        return s == 18 ? int256(-1) : int256(0);
    }

    function isExtreme(uint256 s) internal pure returns (bool) {
        return s >= EXTREMES;
    }

    /// @notice Shocks scale with (pivot / max(days, 1))^p; the twist ramps from the whole shock at half its pivot through 0 to the whole
    /// reverse at one and a half.
    /// @param time Milliseconds to expiry, 0 to 4 years.
    function volatilityShock(uint256 tables, RiskInputs.Parameters memory p, int256 time)
        internal
        pure
        returns (VolatilityShock memory shock)
    {
        int256[20] memory rates = p.rates;
        int256 days_ = SignedMath.max(time, DAY);
        int256 pivot = rates[RiskInputs.VOLATILITY_PIVOT] * DAY;
        int256 exponent = days_ <= pivot ? rates[RiskInputs.NEAR_EXPONENT] : rates[RiskInputs.FAR_EXPONENT];
        int256 scale = _power(tables, pivot, days_, exponent);
        int256 up = rates[RiskInputs.VOLATILITY_UP] * scale / MILLION;
        int256 down = rates[RiskInputs.VOLATILITY_DOWN] * scale / MILLION;
        int256 twistPivot = rates[RiskInputs.TWIST_PIVOT] * DAY;
        // The two divisions truncate towards 0, as in C#.
        int256 share = (twistPivot - days_) * MILLION / (twistPivot / 2);
        share = SignedMath.max(-MILLION, SignedMath.min(share, MILLION)) * rates[RiskInputs.TWIST] / MILLION;
        shock.up = ONE + up;
        shock.down = SignedMath.max(0, ONE - down);
        shock.frontUp = _twisted(share, up, down);
        shock.frontDown = _twisted(-share, up, down);
        shock.floor = _deviation(rates[RiskInputs.VOLATILITY_FLOOR], time);
        shock.gap = _deviation(rates[RiskInputs.VEGA_GAP], time);
        shock.penalty = _deviation(rates[RiskInputs.OPTION_VOLATILITY_PENALTY], time);
    }

    function _twisted(int256 by, int256 up, int256 down) private pure returns (int256) {
        return SignedMath.max(0, ONE + Rounding.floorDiv((by > 0 ? up : down) * by, MILLION));
    }

    function _deviation(int256 rate, int256 time) private pure returns (int256) {
        return Black76.deviationOfVolatility(uint256(rate * 1_000), uint256(time));
    }

    /// @dev (a / b)^(exponent / 10^6) in 10^-9.
    function _power(uint256 tables, int256 a, int256 b, int256 exponent) private pure returns (int256) {
        int256 ln = FixedMath.ln(tables, a) - FixedMath.ln(tables, b);
        // Q58 to Q57.
        int256 power = FixedMath.expNegative(tables, (ln < 0 ? -ln : ln) * exponent / 2_000_000);
        return ln >= 0 ? (ONE << 62) / power : ONE * power >> 62;
    }
}
// forge-lint: disable-end(unsafe-typecast)

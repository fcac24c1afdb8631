// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

// Signed and unsigned numbers far below 2^255.
// forge-lint: disable-start(unsafe-typecast)

import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {FixedTables} from "../generated/FixedTables.sol";
import {Black76} from "./Black76.sol";
import {FixedMath} from "./FixedMath.sol";
import {RiskInputs} from "./RiskInputs.sol";
import {Rounding} from "./Rounding.sol";
import {Scenarios} from "./Scenarios.sol";

/// @title Rows of options, bit for bit the sequencer's (C# `OptionRows`; formulas and proofs: docs/RISK.md).
/// @dev A call is priced at sixty points, a put follows by parity, its gaps are the call's. Values are in 2^-24 atoms until they enter
/// the row, deviations in Q58. All is 256 bits wide where C# has 128, so nothing that fits there overflows here.
library OptionRows {
    // Points at which a long is priced: each of the two volatilities at 13 forwards (7 nodes of the scan and the middles between them),
    // then twist, basis and extremes. Short values follow in the order of scenarios from 1 on.
    uint256 private constant GRID = 13;
    uint256 private constant LONGS = 2 * GRID + 9;
    uint256 private constant SHORTS = LONGS - 1; // of scenario 0: it has no point
    uint256 private constant BASE = SHORTS + Scenarios.COUNT;
    uint256 private constant PENALISED = BASE + 1;
    uint256 private constant POINTS = PENALISED + 1; // 60, the length of the arrays

    int256 private constant ONE = RiskInputs.BILLION;
    int256 private constant MILLION = RiskInputs.MILLION;

    struct Work {
        uint256 tables;
        bool isPut;
        bool isPending;
        int256 strike;
        int256 lnStrike;
        int256[60] forwards;
        int256[60] logs; // ln of the forwards
        int256[60] deviations;
        int256[60] calls;
        int256[14] gaps; // of the nodes of the upper, then of the lower volatility
    }

    /// @notice Fills in the values of all scenarios.
    /// @param concentration 10^-6 of the value.
    /// @return base Its value in scenario 0, atoms a lot.
    /// @return priceBound How far from it a forced trade may be priced, atoms a lot.
    function fill(
        RiskInputs.Inputs memory inputs,
        int256 concentration,
        int256[24] memory longs,
        int256[24] memory shorts
    ) internal pure returns (int256 base, int256 priceBound) {
        Work memory w;
        w.tables = FixedTables.load();
        w.isPut = inputs.instrument.kind == RiskInputs.PUT;
        w.isPending = inputs.expiry.time <= 0;
        w.strike = inputs.instrument.strike;
        w.lnStrike = FixedMath.ln(w.tables, w.strike);
        _setForwards(w, inputs);
        _setDeviations(w, inputs);
        for (uint256 i = 0; i < POINTS; i++) {
            w.calls[i] = Black76.call(w.tables, w.forwards[i], w.logs[i], w.strike, w.lnStrike, w.deviations[i]);
        }
        if (inputs.parameters.rates[RiskInputs.CHORD_GAP] == 1) {
            _findGaps(w, 0);
            _findGaps(w, GRID);
        }

        base = _value(w, BASE) >> Black76.FRACTION_BITS;
        longs[0] = base;
        shorts[0] = base;
        for (uint256 s = 1; s < Scenarios.COUNT; s++) {
            (longs[s], shorts[s]) = _stressed(w, inputs, concentration, s);
        }
        priceBound = _priceBound(w, inputs, base);
    }

    // ---- forwards ----

    function _setForwards(Work memory w, RiskInputs.Inputs memory inputs) private pure {
        RiskInputs.Parameters memory p = inputs.parameters;
        for (uint256 i = 0; i < GRID; i++) {
            _setForward(w, i, _forward(w, inputs, inputs.range * (int256(i) - 6), 6 * MILLION, 0));
            _copyForward(w, GRID + i, i);
        }
        int256 time = SignedMath.max(0, inputs.expiry.time);
        for (uint256 s = 1; s < Scenarios.COUNT; s++) {
            uint256 point = _longPoint(s);
            if (Scenarios.isExtreme(s)) {
                _setForward(w, point, _forward(w, inputs, p.moves[s - Scenarios.EXTREMES], 6, 0));
            } else if (s > 14) {
                _setForward(w, point, _forward(w, inputs, 0, 1, -Scenarios.basis(s) * time));
            }
            _copyForward(w, SHORTS + s, point);
        }
        _setForward(w, BASE, _forward(w, inputs, 0, 1, 0));
        _copyForward(w, PENALISED, BASE);
    }

    function _setForward(Work memory w, uint256 point, int256 forward) private pure {
        w.forwards[point] = forward;
        w.logs[point] = FixedMath.ln(w.tables, forward);
    }

    function _copyForward(Work memory w, uint256 to, uint256 from) private pure {
        w.forwards[to] = w.forwards[from];
        w.logs[to] = w.logs[from];
    }

    /// @dev The effective forward, weight x average + (1 - weight) x forward x (1 + move / per), and b x time of the index with it; a
    /// pending option's average moves along. Rounded down once, at least 1.
    function _forward(Work memory w, RiskInputs.Inputs memory inputs, int256 move, int256 per, int256 basisTime)
        private
        pure
        returns (int256)
    {
        RiskInputs.Expiry memory e = inputs.expiry;
        int256 index = inputs.instrument.index;
        int256 averaged = e.weight * e.average;
        // In 10^-18. All that is divided by `per` is at least 0.
        int256 moved = (ONE - e.weight) * (ONE + e.basis) + (w.isPending ? averaged : int256(0));
        int256 value = moved * index / per * (per + move);
        if (!w.isPending) value += averaged * index;
        int256 basis = index * inputs.parameters.rates[RiskInputs.BASIS] * basisTime * (ONE - e.weight);
        value += Rounding.floorDiv(basis, 365 * 86_400_000) * 1_000; // 10^9 x ppm to 10^18
        return SignedMath.max(1, Rounding.floorDiv(value, ONE * ONE));
    }

    // ---- deviations ----

    function _setDeviations(Work memory w, RiskInputs.Inputs memory inputs) private pure {
        int256 left = ONE - inputs.expiry.weight;
        int256 deviation = w.isPending ? int256(0) : _deviation(w, inputs);
        Scenarios.VolatilityShock memory shock =
            Scenarios.volatilityShock(w.tables, inputs.parameters, SignedMath.max(0, inputs.expiry.time));
        int256 up = SignedMath.max(_scaled(deviation, shock.up), shock.floor);
        int256 down = _scaled(deviation, shock.down);
        for (uint256 i = 0; i < GRID; i++) {
            w.deviations[i] = _lowered(up, shock.gap, left);
            w.deviations[GRID + i] = _lowered(down, shock.gap, left);
        }
        for (uint256 s = 1; s < Scenarios.COUNT; s++) {
            int256 stressed = deviation;
            if (s == Scenarios.TWIST_UP) stressed = _scaled(deviation, shock.frontUp);
            else if (s == Scenarios.TWIST_DOWN) stressed = _scaled(deviation, shock.frontDown);
            else if (Scenarios.volatility(s) > 0) stressed = up;
            else if (Scenarios.volatility(s) < 0) stressed = down;
            if (s > 14) w.deviations[_longPoint(s)] = _lowered(stressed, shock.gap, left);
            w.deviations[SHORTS + s] = _remaining(stressed + shock.gap, left);
        }
        w.deviations[BASE] = _remaining(deviation, left);
        w.deviations[PENALISED] = _remaining(deviation + shock.penalty, left);
    }

    /// @dev v of the surface at the strike, its forward without any settlement sample: index x (1 + basis), at least 1.
    function _deviation(Work memory w, RiskInputs.Inputs memory inputs) private pure returns (int256) {
        RiskInputs.Expiry memory e = inputs.expiry;
        int256 forward = SignedMath.max(1, inputs.instrument.index * (ONE + e.basis) / ONE);
        // Total variance a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)) at k = ln(strike / forward), in Q50; every product is rounded
        // down, and the whole is within 0 .. 128 (exclusive).
        int256 x = (w.lnStrike - FixedMath.ln(w.tables, forward) >> 8) - Rounding.floorDiv(e.m << 50, ONE);
        int256 sigma = (e.sigma << 50) / ONE;
        int256 root = int256(Math.sqrt(uint256(x * x + sigma * sigma)));
        int256 inner = SignedMath.max(0, Rounding.floorDiv(x * e.rho, ONE) + root);
        int256 variance = Rounding.floorDiv(e.a << 50, ONE) + inner * e.b / ONE;
        variance = SignedMath.max(0, SignedMath.min(variance, (128 << 50) - 1));
        return Black76.deviationOfVariance(variance << 6);
    }

    function _lowered(int256 stressed, int256 gap, int256 left) private pure returns (int256) {
        return _remaining(SignedMath.max(0, stressed - gap), left);
    }

    /// @dev The part of a deviation that the settlement window still leaves open, at most what the pricing takes.
    function _remaining(int256 deviation, int256 left) private pure returns (int256) {
        return _scaled(SignedMath.min(deviation, Black76.SATURATED_DEVIATION), left);
    }

    function _scaled(int256 deviation, int256 factor) private pure returns (int256) {
        return SignedMath.min(deviation * factor / ONE, Black76.SATURATED_DEVIATION);
    }

    // ---- values ----

    function _stressed(Work memory w, RiskInputs.Inputs memory inputs, int256 concentration, uint256 s)
        private
        pure
        returns (int256 long, int256 short)
    {
        uint256 point = _longPoint(s);
        int256 error_ = Black76.errorOf(w.forwards[point], w.strike);
        int256 low = SignedMath.max(0, _value(w, point) - error_);
        int256 high = _value(w, SHORTS + s) + error_;
        int256 gap = point < 2 * GRID ? w.gaps[point / GRID * 7 + point % GRID / 2] : int256(0);
        if (Scenarios.isExtreme(s)) {
            int256 counted = inputs.parameters.counted[s - Scenarios.EXTREMES];
            int256 kept = _value(w, BASE) * (MILLION - counted);
            low = Rounding.floorDiv(kept + low * counted, MILLION);
            high = Rounding.ceilDiv(kept + high * counted, MILLION);
        }
        // Below 0 where a cell hides the bend: a floor at 0 would lift the chord above the curve again.
        int256 unit = MILLION << Black76.FRACTION_BITS;
        long = Rounding.floorDiv(low * (MILLION - concentration) - gap * MILLION, unit);
        int256 minimum = inputs.instrument.index * inputs.parameters.rates[RiskInputs.SHORT_OPTION_MINIMUM];
        short = Rounding.ceilDiv(high * (MILLION + concentration), unit) + Rounding.ceilDiv(minimum, MILLION);
    }

    function _priceBound(Work memory w, RiskInputs.Inputs memory inputs, int256 base) private pure returns (int256) {
        int256[20] memory rates = inputs.parameters.rates;
        int256 ofMark = Rounding.ceilDiv(base * rates[RiskInputs.OPTION_MARK_PENALTY], MILLION);
        int256 ofIndex = Rounding.ceilDiv(inputs.instrument.index * rates[RiskInputs.OPTION_INDEX_PENALTY], MILLION);
        int256 ofVolatility =
            Rounding.ceilDiv(SignedMath.max(0, w.calls[PENALISED] - w.calls[BASE]), int256(1) << Black76.FRACTION_BITS);
        return SignedMath.max(SignedMath.max(ofMark, ofIndex), ofVolatility);
    }

    /// @dev The call, or call - (F - K), never below 0.
    function _value(Work memory w, uint256 point) private pure returns (int256) {
        if (!w.isPut) return w.calls[point];
        return SignedMath.max(0, w.calls[point] - (w.forwards[point] - w.strike << Black76.FRACTION_BITS));
    }

    /// @dev Point of the long value of a scenario from 1 on.
    function _longPoint(uint256 s) private pure returns (uint256) {
        if (s > 14) return 2 * GRID + s - 15;
        return (Scenarios.volatility(s) > 0 ? 0 : GRID) + uint256(6 + 2 * Scenarios.rangeThirds(s));
    }

    // ---- chord gap ----

    /// @dev For each node of one volatility the largest distance between the price curve and its chord in the adjacent cells. In a cell
    /// the curve lies above its tangents at both ends and the middle; the chord is furthest from them where two of them meet.
    function _findGaps(Work memory w, uint256 first) private pure {
        uint256 to = first / GRID * 7;
        (int256 lowLeft,) = _slope(w, first);
        for (uint256 cell = 0; cell < 6; cell++) {
            uint256 left = first + 2 * cell;
            (int256 lowRight, int256 highRight) = _slope(w, left + 2);
            int256 gap = _cellGap(w, left, lowLeft, highRight);
            w.gaps[to + cell] = SignedMath.max(w.gaps[to + cell], gap);
            w.gaps[to + cell + 1] = gap;
            lowLeft = lowRight;
        }
    }

    function _cellGap(Work memory w, uint256 left, int256 slopeLeft, int256 slopeRight) private pure returns (int256) {
        int256 toMiddle = w.forwards[left + 1] - w.forwards[left];
        int256 toRight = w.forwards[left + 2] - w.forwards[left + 1];
        if (toMiddle + toRight == 0) return 0;
        int256 fall = w.calls[left + 2] - w.calls[left];
        int256 rise = Rounding.ceilDiv(fall * toMiddle, toMiddle + toRight);
        fall -= rise;
        int256 middle = SignedMath.max(0, rise - (w.calls[left + 1] - w.calls[left]));
        (int256 low, int256 high) = _slope(w, left + 1);
        int256 gap = _meet(rise - _run(slopeLeft, toMiddle), _run(high, toMiddle) - rise + 1, middle);
        int256 right = _meet(_run(slopeRight, toRight) - fall + 1, fall - _run(low, toRight) + 1, middle);
        // Three values of the curve and the chord of two of them, each within its error, and the roundings above.
        return SignedMath.max(gap, right) + _cellError(w, left);
    }

    function _cellError(Work memory w, uint256 left) private pure returns (int256) {
        return 4 * Black76.errorOf(w.forwards[left + 2], w.strike) + 4;
    }

    /// @dev Highest point below both of two lines over half a cell: 0 rising to p, and middle + q falling to middle:
    /// p (middle + q) / (p + q), rounded up.
    function _meet(int256 p, int256 q, int256 middle) private pure returns (int256) {
        if (q <= 0) return middle;
        if (p <= 0) return 0;
        return SignedMath.max(middle, Rounding.ceilDiv(p * (middle + q), p + q));
    }

    /// @dev slope (Q62) x length in atoms, in 2^-24 atoms, rounded down.
    function _run(int256 slope, int256 length) private pure returns (int256) {
        return slope * length >> 62 - Black76.FRACTION_BITS;
    }

    /// @dev Bounds of the slope N(d1) in Q62: ln F - ln K is within 2^-55 of the exact one, so d1 within 2^-54 / v.
    function _slope(Work memory w, uint256 point) private pure returns (int256 low, int256 high) {
        int256 v = w.deviations[point];
        if (v == 0) {
            int256 forward = w.forwards[point];
            low = forward > w.strike ? FixedMath.ONE : int256(0);
            high = forward < w.strike ? int256(0) : FixedMath.ONE;
            return (low, high);
        }
        int256 d1 = Rounding.floorDiv(w.logs[point] - w.lnStrike << 58, v) + (v >> 1);
        d1 = SignedMath.max(-FixedMath.TAIL, SignedMath.min(d1, FixedMath.TAIL));
        int256 slope = FixedMath.normalCdf(w.tables, d1);
        int256 slack = SignedMath.min(2 ** 66 / v + 2 ** 8, FixedMath.ONE);
        return (SignedMath.max(0, slope - slack), SignedMath.min(FixedMath.ONE, slope + slack));
    }
}
// forge-lint: disable-end(unsafe-typecast)

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// Signed and unsigned numbers far below 2^255.
// forge-lint: disable-start(unsafe-typecast)

import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";
import {IRiskRows} from "./interfaces/IRiskRows.sol";
import {Field} from "./libraries/Field.sol";
import {OptionRows} from "./libraries/OptionRows.sol";
import {RiskInputs} from "./libraries/RiskInputs.sol";
import {Rounding} from "./libraries/Rounding.sol";
import {Scenarios} from "./libraries/Scenarios.sol";

/// @title Makes one risk row from the bytes of risk inputs (C# `RiskRows`, docs/RISK.md): what a challenger holds a batch's risk root
/// against.
contract RiskRows is IRiskRows {
    int256 private constant MILLION = RiskInputs.MILLION;
    int256 private constant BOUND = RiskInputs.VALUE_BOUND;

    struct Row {
        int256 base;
        int256 priceBound;
        int256[24] longs;
        int256[24] shorts;
    }

    /// @inheritdoc IRiskRows
    function rowOf(bytes calldata data, uint256 id)
        external
        pure
        returns (RiskInputs.Problem problem, uint256 batch, uint256[18] memory packed)
    {
        RiskInputs.Inputs memory inputs;
        (problem, inputs) = RiskInputs.read(data, id);
        batch = inputs.batch;
        if (problem != RiskInputs.Problem.None || inputs.instrument.id == 0) return (problem, batch, packed);

        Row memory row;
        if (RiskInputs.isFrozen(inputs.instrument)) _fillFrozen(inputs, row);
        else if (!RiskInputs.isOption(inputs.instrument)) _fillLinear(inputs, row);
        else _fillOption(inputs, row);
        if (!_isValid(row)) return (RiskInputs.Problem.RowValue, batch, packed);
        _pack(inputs.instrument, row, packed);
    }

    /// @dev A derivative that is settled or delisted: one value in every scenario, and trades only there.
    function _fillFrozen(RiskInputs.Inputs memory inputs, Row memory row) private pure {
        row.base = inputs.instrument.mark - inputs.instrument.funding;
        for (uint256 s = 0; s < Scenarios.COUNT; s++) {
            row.longs[s] = row.base;
            row.shorts[s] = row.base;
        }
    }

    /// @dev Spot and perpetuals.
    function _fillLinear(RiskInputs.Inputs memory inputs, Row memory row) private pure {
        RiskInputs.Instrument memory t = inputs.instrument;
        int256[20] memory rates = inputs.parameters.rates;
        bool isPerpetual = t.kind == RiskInputs.PERPETUAL;
        int256 base = t.mark - t.funding;
        int256 rate =
            rates[isPerpetual ? RiskInputs.PERP_CONTINGENCY : RiskInputs.SPOT_HAIRCUT] + _concentration(inputs, t.mark);
        int256 gap = Rounding.ceilDiv(t.mark * rate, MILLION);

        // Scenario 0 is the mark itself, without a gap.
        (row.base, row.longs[0], row.shorts[0]) = (base, base, base);
        row.priceBound = Rounding.ceilDiv(t.mark * rates[RiskInputs.LINEAR_PENALTY], MILLION);
        for (uint256 s = 1; s < Scenarios.COUNT; s++) {
            (int256 numerator, int256 denominator) = _move(inputs, isPerpetual, s);
            row.longs[s] = base + Rounding.floorDiv(numerator, denominator) - gap;
            // Spot is never short: its short value carries no haircut and only completes the row.
            row.shorts[s] = base + Rounding.ceilDiv(numerator, denominator) + (isPerpetual ? gap : int256(0));
        }
    }

    /// @dev By how many atoms a scenario moves a linear product's mark, as a fraction.
    function _move(RiskInputs.Inputs memory inputs, bool isPerpetual, uint256 s)
        private
        pure
        returns (int256 numerator, int256 denominator)
    {
        RiskInputs.Parameters memory p = inputs.parameters;
        int256 mark = inputs.instrument.mark;
        if (Scenarios.isExtreme(s)) {
            uint256 extreme = s - Scenarios.EXTREMES;
            return (mark * p.moves[extreme] * p.counted[extreme], 6 * MILLION);
        }
        int256 basis = Scenarios.basis(s);
        if (basis != 0) {
            return isPerpetual ? (mark * p.rates[RiskInputs.BASIS] * basis, MILLION) : (int256(0), int256(1));
        }
        return (mark * inputs.range * Scenarios.rangeThirds(s), 3 * MILLION);
    }

    function _fillOption(RiskInputs.Inputs memory inputs, Row memory row) private pure {
        int256 concentration = _concentration(inputs, inputs.instrument.index);
        (row.base, row.priceBound) = OptionRows.fill(inputs, concentration, row.longs, row.shorts);
    }

    /// @dev min(cap, coefficient x open interest in 10^6 USD), rounded up.
    function _concentration(RiskInputs.Inputs memory inputs, int256 price) private pure returns (int256) {
        int256[20] memory rates = inputs.parameters.rates;
        int256 atoms = rates[RiskInputs.CONCENTRATION_PER_MILLION_USD] * inputs.instrument.openInterest * price;
        return SignedMath.min(Rounding.ceilDiv(atoms, MILLION * MILLION), rates[RiskInputs.CONCENTRATION_CAP]);
    }

    /// @dev The rules of spec 3.6 that inputs of a linear product may still break; of an option they cannot.
    function _isValid(Row memory row) private pure returns (bool) {
        if (!_isInBound(row.base) || row.priceBound >= BOUND) return false;
        for (uint256 s = 0; s < Scenarios.COUNT; s++) {
            if (!_isInBound(row.longs[s]) || !_isInBound(row.shorts[s])) return false;
        }
        return true;
    }

    function _isInBound(int256 value) private pure returns (bool) {
        return value > -BOUND && value < BOUND;
    }

    /// @dev spec 3.6: meta, market, and three signed values an element in limbs of 84 bits.
    function _pack(RiskInputs.Instrument memory t, Row memory row, uint256[18] memory packed) private pure {
        packed[0] = t.kind | t.flags << 3 | t.group << 7;
        packed[1] = uint256(t.index) | uint256(row.base + BOUND) << 36 | uint256(t.funding + BOUND) << 72
            | uint256(row.priceBound) << 108;
        for (uint256 j = 0; j < 8; j++) {
            packed[2 + j] = _limbs(row.longs, 3 * j);
            packed[10 + j] = _limbs(row.shorts, 3 * j);
        }
    }

    function _limbs(int256[24] memory values, uint256 s) private pure returns (uint256) {
        int256 sum = values[s] + (values[s + 1] << 84) + (values[s + 2] << 168);
        return sum < 0 ? Field.R - uint256(-sum) : uint256(sum);
    }
}
// forge-lint: disable-end(unsafe-typecast)

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

// Signed and unsigned numbers far below 2^255.
// forge-lint: disable-start(unsafe-typecast)

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Protocol} from "../generated/Protocol.sol";

/// @title The canonical bytes from which a batch's risk rows follow (C# `RiskInputs`, version 2, and docs/RISK.md, Inputs).
/// @dev Big-endian: version 1 | batch 4 | observedAt 8 | parameters 121 | groups 1, each group 1, range 4 | expiries 1, each group 1,
/// time 8, basis 8, five numbers of the surface of 8, average 8, weight 4 | instruments 2, each id 4, kind 1, flags 1, group 1, index 8,
/// mark 8, open interest 8, and of an option strike 8, expiry 8, of others funding 8.
///
/// Prices and funding are atoms a lot, times milliseconds, rates and ranges 10^-6, basis, surface, average and weight 10^-9. `read`
/// never reverts, whatever the bytes: what is wrong with them is its answer.
library RiskInputs {
    enum Problem {
        None,
        Size,
        Version,
        ObservationTime,
        Parameter,
        ExtremeMove,
        Group,
        ScanRange,
        ExpiryOrder,
        ExpiryTime,
        ExpiryForward,
        ExpiryAverage,
        Surface,
        InstrumentCount,
        InstrumentOrder,
        InstrumentKind,
        InstrumentFlags,
        InstrumentGroup,
        OpenInterest,
        Index,
        Mark,
        Funding,
        Strike,
        InstrumentExpiry,
        SpotDiscount,
        RowValue
    }

    struct Parameters {
        int256[20] rates; // by the constants below
        int256[5] moves; // of the extremes, in sixths of the price
        int256[5] counted;
    }

    struct Instrument {
        uint256 id; // 0: the inputs do not list it
        uint256 kind;
        uint256 flags;
        uint256 group;
        int256 index;
        int256 mark;
        int256 funding;
        int256 openInterest;
        int256 strike;
        int256 expiresAt;
    }

    struct Expiry {
        int256 time; // until the expiry, from the observation; negative when it is over
        int256 basis;
        int256 a;
        int256 b;
        int256 rho;
        int256 m;
        int256 sigma;
        int256 average;
        int256 weight;
    }

    /// @dev What the row of one instrument follows from.
    struct Inputs {
        uint256 batch;
        int256 observedAt;
        Parameters parameters;
        Instrument instrument;
        int256 range; // scan range of its group
        Expiry expiry; // of an option that is not frozen
    }

    uint256 internal constant SPOT = 1;
    uint256 internal constant PERPETUAL = 2;
    uint256 internal constant CALL = 3;
    uint256 internal constant PUT = 4;
    uint256 internal constant SETTLED = 1;
    uint256 internal constant DELISTED = 2;

    uint256 internal constant BASIS = 0;
    uint256 internal constant PERP_CONTINGENCY = 1;
    uint256 internal constant SPOT_HAIRCUT = 2;
    uint256 internal constant CONCENTRATION_PER_MILLION_USD = 3;
    uint256 internal constant CONCENTRATION_CAP = 4;
    uint256 internal constant VOLATILITY_UP = 5;
    uint256 internal constant VOLATILITY_DOWN = 6;
    uint256 internal constant NEAR_EXPONENT = 7;
    uint256 internal constant FAR_EXPONENT = 8;
    uint256 internal constant VOLATILITY_PIVOT = 9; // days
    uint256 internal constant VOLATILITY_FLOOR = 10;
    uint256 internal constant TWIST = 11;
    uint256 internal constant TWIST_PIVOT = 12; // days
    uint256 internal constant VEGA_GAP = 13;
    uint256 internal constant SHORT_OPTION_MINIMUM = 14;
    uint256 internal constant CHORD_GAP = 15; // 0 or 1
    uint256 internal constant LINEAR_PENALTY = 16;
    uint256 internal constant OPTION_MARK_PENALTY = 17;
    uint256 internal constant OPTION_INDEX_PENALTY = 18;
    uint256 internal constant OPTION_VOLATILITY_PENALTY = 19;

    int256 internal constant VALUE_BOUND = 2 ** 35;
    int256 internal constant BILLION = 1_000_000_000;
    int256 internal constant MILLION = 1_000_000;

    uint256 private constant RATES = 20;
    uint256 private constant EXTREMES = 5;
    uint256 private constant PARAMETERS_AT = 13;
    uint256 private constant GROUPS_AT = PARAMETERS_AT + 1 + 4 * RATES + 8 * EXTREMES; // behind the parameters
    uint256 private constant GROUP_SIZE = 5;
    uint256 private constant EXPIRY_SIZE = 69;
    uint256 private constant LINEAR_SIZE = 39;
    uint256 private constant OPTION_SIZE = 47;
    uint256 private constant MOST_INSTRUMENTS = 4096;
    uint256 private constant LEAST_SIZE = GROUPS_AT + 1 + 1 + 2;
    uint256 private constant MOST_SIZE =
        LEAST_SIZE + GROUP_SIZE * 2 ** Protocol.WIDTH_GROUP + EXPIRY_SIZE * 255 + OPTION_SIZE * MOST_INSTRUMENTS;

    int256 private constant TIME_BOUND = int256(2 ** Protocol.WIDTH_TIME);
    int256 private constant MOST_AHEAD = 4 * 365 * 86_400_000;
    int256 private constant SETTLEMENT_WINDOW = 30 * 60 * 1000;
    int256 private constant MOST_SURFACE = 100 * BILLION;

    /// @notice Checks all that the bytes say apart from the instruments, and the size, order and numbers of these; then what they say of
    /// instrument `id`, whatever it is (0: no instrument). Inputs are valid if there is no problem with the id of any instrument in them.
    /// @dev A linear product's `RowValue` is left to whoever makes its row.
    function read(bytes calldata data, uint256 id) internal pure returns (Problem problem, Inputs memory inputs) {
        if (data.length < LEAST_SIZE || data.length > MOST_SIZE) return (Problem.Size, inputs);
        if (_byte(data, 0) != 2 || _byte(data, PARAMETERS_AT) != 1) return (Problem.Version, inputs);
        inputs.batch = uint256(_int32(data, 1)) & 0xffffffff;
        inputs.observedAt = _int64(data, 5);
        if (!_isTime(inputs.observedAt)) return (Problem.ObservationTime, inputs);
        problem = _readParameters(data, inputs.parameters);
        if (problem != Problem.None) return (problem, inputs);

        int256[16] memory ranges; // by group, 0 if it has none
        uint256 at;
        (problem, at) = _readGroups(data, ranges);
        if (problem != Problem.None) return (problem, inputs);
        uint256 expiries = at;
        (problem, at) = _checkExpiries(data, at, inputs.observedAt, ranges);
        if (problem != Problem.None) return (problem, inputs);
        (problem, at) = _find(data, at, id);
        if (problem != Problem.None || at == 0) return (problem, inputs);

        _readInstrument(data, at, inputs.instrument);
        problem = _check(inputs, ranges);
        if (problem != Problem.None || !isOption(inputs.instrument) || isFrozen(inputs.instrument)) {
            return (problem, inputs);
        }
        return (_findExpiry(data, expiries, inputs) ? Problem.None : Problem.InstrumentExpiry, inputs);
    }

    /// @notice The buckets of the risk tree that hold an instrument, ascending; checks what `read` checks without any instrument.
    function buckets(bytes calldata data) internal pure returns (Problem problem, uint256[] memory indices) {
        (problem,) = read(data, 0);
        if (problem != Problem.None) return (problem, indices);
        uint256 at = GROUPS_AT + 1 + GROUP_SIZE * _byte(data, GROUPS_AT);
        at += 1 + EXPIRY_SIZE * _byte(data, at);
        uint256 left = _byte(data, at) << 8 | _byte(data, at + 1);
        at += 2;
        indices = new uint256[](left);
        uint256 count = 0;
        for (; left > 0; left--) {
            uint256 index = uint256(_int32(data, at)) / Protocol.BOUND_ROWS_PER_BUCKET;
            if (count == 0 || indices[count - 1] != index) indices[count++] = index;
            at += _size(_byte(data, at + 4));
        }
        assembly ("memory-safe") {
            mstore(indices, count)
        }
    }

    /// @notice The bytes of the parameters, which have a hash of their own. Only of bytes that `read` has no problem with, as the next one.
    function parametersOf(bytes calldata data) internal pure returns (bytes calldata) {
        return data[PARAMETERS_AT:GROUPS_AT];
    }

    /// @notice The scan range of each group, 10^-6; 0 if it has none.
    function rangesOf(bytes calldata data) internal pure returns (uint256[16] memory ranges) {
        int256[16] memory found;
        _readGroups(data, found);
        for (uint256 i = 0; i < ranges.length; i++) {
            ranges[i] = uint256(found[i]);
        }
    }

    function isOption(Instrument memory t) internal pure returns (bool) {
        return t.kind == CALL || t.kind == PUT;
    }

    /// @notice Whether one value holds in every scenario: settled or delisted, and not spot.
    function isFrozen(Instrument memory t) internal pure returns (bool) {
        return t.kind != SPOT && t.flags & (SETTLED | DELISTED) != 0;
    }

    // ---- parameters ----

    function _readParameters(bytes calldata data, Parameters memory p) private pure returns (Problem) {
        int256[RATES] memory most = _mostRates();
        uint256 at = PARAMETERS_AT + 1;
        for (uint256 i = 0; i < RATES; i++) {
            int256 value = _int32(data, at);
            int256 least = i == VOLATILITY_PIVOT || i == TWIST_PIVOT ? int256(1) : int256(0);
            if (value < least || value > most[i]) return Problem.Parameter;
            p.rates[i] = value;
            at += 4;
        }
        for (uint256 i = 0; i < EXTREMES; i++) {
            int256 move = _int32(data, at);
            int256 counted = _int32(data, at + 4);
            if (move < -5 || move == 0 || move > 18 || counted < 0) return Problem.ExtremeMove;
            // It counts for no more than the price itself.
            if ((move < 0 ? -move : move) * counted > 6 * MILLION) return Problem.ExtremeMove;
            p.moves[i] = move;
            p.counted[i] = counted;
            at += 8;
        }
        return Problem.None;
    }

    function _mostRates() private pure returns (int256[RATES] memory most) {
        for (uint256 i = 0; i < RATES; i++) {
            most[i] = MILLION;
        }
        most[BASIS] = 100_000;
        most[CONCENTRATION_CAP] = 500_000;
        most[VOLATILITY_UP] = 2 * MILLION;
        most[VOLATILITY_PIVOT] = 365;
        most[VOLATILITY_FLOOR] = 2 * MILLION;
        most[TWIST_PIVOT] = 365;
        most[VEGA_GAP] = 200_000;
        most[SHORT_OPTION_MINIMUM] = 100_000;
        most[CHORD_GAP] = 1;
        most[LINEAR_PENALTY] = 500_000;
        most[OPTION_VOLATILITY_PENALTY] = 200_000;
    }

    // ---- groups and expiries ----

    function _readGroups(bytes calldata data, int256[16] memory ranges) private pure returns (Problem, uint256 at) {
        uint256 count = _byte(data, GROUPS_AT);
        at = GROUPS_AT + 1;
        if (data.length < at + GROUP_SIZE * count + 1) return (Problem.Size, at);
        uint256 least = 0;
        for (uint256 i = 0; i < count; i++) {
            uint256 group = _byte(data, at);
            int256 range = _int32(data, at + 1);
            if (group < least || group >= 2 ** Protocol.WIDTH_GROUP) return (Problem.Group, at);
            if (range < 1 || range > 900_000) return (Problem.ScanRange, at);
            ranges[group] = range;
            least = group + 1;
            at += GROUP_SIZE;
        }
        return (Problem.None, at);
    }

    function _checkExpiries(bytes calldata data, uint256 at, int256 observedAt, int256[16] memory ranges)
        private
        pure
        returns (Problem, uint256)
    {
        uint256 count = _byte(data, at);
        at += 1;
        if (data.length < at + EXPIRY_SIZE * count + 2) return (Problem.Size, at);
        int256 last = -1;
        for (uint256 i = 0; i < count; i++) {
            uint256 group = _byte(data, at);
            int256 time = _int64(data, at + 1);
            if (time == 0 || !_isTime(time) || time - observedAt > MOST_AHEAD) return (Problem.ExpiryTime, at);
            int256 key = int256(group << Protocol.WIDTH_TIME) + time;
            if (key <= last) return (Problem.ExpiryOrder, at);
            last = key;
            if (group >= ranges.length || ranges[group] == 0) return (Problem.Group, at);
            Problem problem = _checkExpiry(_expiry(data, at, observedAt));
            if (problem != Problem.None) return (problem, at);
            at += EXPIRY_SIZE;
        }
        return (Problem.None, at);
    }

    function _expiry(bytes calldata data, uint256 at, int256 observedAt) private pure returns (Expiry memory e) {
        e.time = _int64(data, at + 1) - observedAt;
        e.basis = _int64(data, at + 9);
        e.a = _int64(data, at + 17);
        e.b = _int64(data, at + 25);
        e.rho = _int64(data, at + 33);
        e.m = _int64(data, at + 41);
        e.sigma = _int64(data, at + 49);
        e.average = _int64(data, at + 57);
        e.weight = _int32(data, at + 65);
    }

    function _checkExpiry(Expiry memory e) private pure returns (Problem) {
        if (e.basis < -BILLION / 2 || e.basis > BILLION) return Problem.ExpiryForward;
        if (e.weight < 0 || e.weight > BILLION) return Problem.ExpiryAverage;
        if (e.weight > 0 && e.time >= SETTLEMENT_WINDOW) return Problem.ExpiryAverage;
        if (e.weight == 0 && e.average != 0) return Problem.ExpiryAverage;
        if (e.weight > 0 && (e.average < BILLION / 2 || e.average > 2 * BILLION)) return Problem.ExpiryAverage;
        if (e.a < -MOST_SURFACE || e.a > MOST_SURFACE || e.m < -MOST_SURFACE || e.m > MOST_SURFACE) {
            return Problem.Surface;
        }
        if (e.b < 0 || e.b > MOST_SURFACE || e.sigma < 1 || e.sigma > MOST_SURFACE) return Problem.Surface;
        if (e.rho <= -BILLION || e.rho >= BILLION) return Problem.Surface;
        // The least variance, a + b sigma sqrt(1 - rho^2), its parts rounded down.
        int256 root = int256(Math.sqrt(uint256(BILLION * BILLION - e.rho * e.rho)));
        return e.a + e.b * e.sigma / BILLION * root / BILLION < 0 ? Problem.Surface : Problem.None;
    }

    /// @dev Fills in the expiry of the option; false if the inputs do not list it.
    function _findExpiry(bytes calldata data, uint256 at, Inputs memory inputs) private pure returns (bool) {
        uint256 count = _byte(data, at);
        at += 1;
        for (uint256 i = 0; i < count; i++) {
            bool isGroup = _byte(data, at) == inputs.instrument.group;
            if (isGroup && _int64(data, at + 1) == inputs.instrument.expiresAt) {
                inputs.expiry = _expiry(data, at, inputs.observedAt);
                return true;
            }
            at += EXPIRY_SIZE;
        }
        return false;
    }

    // ---- instruments ----

    /// @dev Where instrument `id` stands, 0 if it is not listed.
    function _find(bytes calldata data, uint256 at, uint256 id) private pure returns (Problem, uint256 found) {
        uint256 count = _byte(data, at) << 8 | _byte(data, at + 1);
        if (count > MOST_INSTRUMENTS) return (Problem.InstrumentCount, 0);
        // Up to 4,096 rounds; `at` stays below the length and 100 more.
        unchecked {
            at += 2;
            uint256 length = data.length;
            uint256 last = 0;
            for (uint256 i = 0; i < count; i++) {
                if (at + LINEAR_SIZE > length) return (Problem.Size, 0);
                uint256 head;
                assembly ("memory-safe") {
                    head := shr(216, calldataload(add(data.offset, at))) // id 4, kind 1
                }
                uint256 next = head >> 8;
                if (next <= last || next >= 2 ** Protocol.WIDTH_INSTRUMENT) return (Problem.InstrumentOrder, 0);
                last = next;
                if (next == id) found = at;
                at += _size(head & 0xff);
            }
            return (at == length ? Problem.None : Problem.Size, found);
        }
    }

    function _size(uint256 kind) private pure returns (uint256) {
        return kind == CALL || kind == PUT ? OPTION_SIZE : LINEAR_SIZE;
    }

    function _readInstrument(bytes calldata data, uint256 at, Instrument memory t) private pure {
        t.id = uint256(_int32(data, at));
        t.kind = _byte(data, at + 4);
        t.flags = _byte(data, at + 5);
        t.group = _byte(data, at + 6);
        t.index = _int64(data, at + 7);
        t.mark = _int64(data, at + 15);
        t.openInterest = _int64(data, at + 23);
        if (isOption(t)) {
            t.strike = _int64(data, at + 31);
            t.expiresAt = _int64(data, at + 39);
        } else {
            t.funding = _int64(data, at + 31);
        }
    }

    function _check(Inputs memory inputs, int256[16] memory ranges) private pure returns (Problem) {
        Instrument memory t = inputs.instrument;
        if (t.kind < SPOT || t.kind > PUT) return Problem.InstrumentKind;
        if (t.flags & ~(SETTLED | DELISTED) != 0) return Problem.InstrumentFlags;
        if (t.group >= ranges.length || ranges[t.group] == 0) return Problem.InstrumentGroup;
        inputs.range = ranges[t.group];
        if (t.openInterest < 0 || t.openInterest >= 2 ** 60) return Problem.OpenInterest;
        if (isOption(t)) return _checkOption(t);
        if (t.index < 1 || t.index >= VALUE_BOUND) return Problem.Index;
        if (t.mark < 1 || t.mark >= VALUE_BOUND) return Problem.Mark;
        if (t.funding <= -VALUE_BOUND || t.funding >= VALUE_BOUND) return Problem.Funding;
        if (t.kind == PERPETUAL) return Problem.None;
        if (t.funding != 0) return Problem.Funding;
        int256[RATES] memory rates = inputs.parameters.rates;
        bool isCovered = inputs.range + rates[SPOT_HAIRCUT] + rates[CONCENTRATION_CAP] <= MILLION;
        return isCovered ? Problem.None : Problem.SpotDiscount;
    }

    function _checkOption(Instrument memory t) private pure returns (Problem) {
        if (t.index < 1 || t.index >= 2 ** 32) return Problem.Index;
        if (t.strike < 1 || t.strike >= 2 ** 33) return Problem.Strike;
        if (t.expiresAt == 0 || !_isTime(t.expiresAt)) return Problem.InstrumentExpiry;
        if (isFrozen(t)) return t.mark < 0 || t.mark >= VALUE_BOUND ? Problem.Mark : Problem.None;
        return t.mark == 0 ? Problem.None : Problem.Mark;
    }

    // ---- bytes: the caller has checked that they are there ----

    function _isTime(int256 time) private pure returns (bool) {
        return time >= 0 && time < TIME_BOUND;
    }

    function _byte(bytes calldata data, uint256 at) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(248, calldataload(add(data.offset, at)))
        }
    }

    function _int32(bytes calldata data, uint256 at) private pure returns (int256 value) {
        assembly ("memory-safe") {
            value := sar(224, calldataload(add(data.offset, at)))
        }
    }

    function _int64(bytes calldata data, uint256 at) private pure returns (int256 value) {
        assembly ("memory-safe") {
            value := sar(192, calldataload(add(data.offset, at)))
        }
    }
}
// forge-lint: disable-end(unsafe-typecast)

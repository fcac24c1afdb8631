// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RiskRows} from "../../src/RiskRows.sol";
import {Field} from "../../src/libraries/Field.sol";
import {RiskInputs} from "../../src/libraries/RiskInputs.sol";
import {GasSnapshots} from "../support/GasSnapshots.sol";
import {SplitMix} from "../support/SplitMix.sol";
import {Test} from "../support/Test.sol";

/// @dev spec/vectors/risk-rows.json, made by the sequencer (C# `RowVectorTests`).
contract RiskRowsTest is Test {
    using SplitMix for SplitMix.State;

    /// @dev Instruments of the first inputs: BTC perpetual, ETH perpetual, ETH spot, BTC call and put of a strike, ETH call, settled BTC put.
    uint256[7] private ids = [uint256(3), 5, 7, 21, 22, 30, 40];

    RiskRows internal immutable rows = new RiskRows();
    RiskInputsReader internal immutable reader = new RiskInputsReader();

    string internal file;
    bytes[] internal inputs;

    function setUp() public {
        file = vm.readFile("../spec/vectors/risk-rows.json");
        inputs = vm.parseJsonBytesArray(file, ".inputs");
    }

    function test_everyRowIsTheSequencersBitForBit() public view {
        bytes[] memory checks = vm.parseJsonBytesArray(file, ".checks");
        uint256 count = 0;
        for (uint256 i = 0; i < inputs.length; i++) {
            uint256[] memory listed = reader.idsOf(inputs[i]);
            vm.assertEq(listed.length * 4, checks[i].length, "rows");
            for (uint256 j = 0; j < listed.length; j++) {
                (RiskInputs.Problem problem, uint256[18] memory row) = this.rowOf(i, listed[j]);
                vm.assertEq(uint256(problem), 0, "problem");
                bytes4 check = bytes4(sha256(abi.encodePacked(row)));
                if (check != bytes4(_slice(checks[i], 4 * j))) revert(_place(i, listed[j]));
                count++;
            }
        }
        vm.assertGe(count, 1_000, "rows in all");
    }

    /// @dev One row with every element, so that a broken digest can be told from a broken row.
    function test_theRowThatIsWrittenOut() public view {
        uint256[] memory expected = vm.parseJsonUintArray(file, ".example.row");
        (RiskInputs.Problem problem, uint256 batch, uint256[18] memory row) =
            rows.rowOf(inputs[0], vm.parseJsonUint(file, ".example.id"));
        vm.assertEq(uint256(problem), 0, "problem");
        vm.assertEq(batch, 41, "batch");
        for (uint256 i = 0; i < 18; i++) {
            vm.assertEq(row[i], expected[i], "element");
        }
    }

    function test_aRowThatIsNotListedIsZeros() public view {
        (RiskInputs.Problem problem,, uint256[18] memory row) = rows.rowOf(inputs[0], 4);
        vm.assertEq(uint256(problem), 0, "problem");
        for (uint256 i = 0; i < 18; i++) {
            vm.assertEq(row[i], 0, "element");
        }
        (problem,, row) = rows.rowOf(inputs[0], 3);
        vm.assertNotEq(row[0], 0, "a listed one is not");
        (problem,, row) = rows.rowOf(inputs[0], 2 ** 18);
        vm.assertEq(row[0], 0, "beyond the tree");
        (problem,, row) = rows.rowOf(inputs[0], type(uint256).max);
        vm.assertEq(row[0], 0, "far beyond the tree");
    }

    function test_everyFlippedBitIsJudgedAsByTheSequencer() public view {
        bytes memory expected = vm.parseJsonBytes(file, ".flipped");
        vm.assertEq(expected.length, inputs[0].length, "answers");
        // A seventh of the bits meets every bit of a byte and every field.
        for (uint256 i = 0; i < 8 * expected.length; i += isLong() ? 1 : 7) {
            if (this.isValidFlipped(i) != _bit(expected, i)) revert(_place(0, i));
        }
    }

    function test_everyDamageIsJudgedAsByTheSequencer() public view {
        bytes memory expected = vm.parseJsonBytes(file, ".damaged");
        uint256 valid = 0;
        uint256 count = isLong() ? 8 * expected.length : expected.length;
        for (uint256 i = 0; i < count; i++) {
            if (this.isValidDamaged(i) != _bit(expected, i)) revert(_place(i % inputs.length, i));
            if (_bit(expected, i)) valid++;
        }
        vm.assertTrue(valid > count / 40 && valid < count * 3 / 4, "both answers occur");
    }

    /// @dev Whatever the bytes, an answer: a challenge must not fail because the inputs are worse than the contract expected.
    function testFuzz_itAnswersWhateverTheBytes(uint256 which, uint64 seed, uint256 id) public view {
        bytes memory changed = _damagedBy(inputs[bound(which, 0, inputs.length - 1)], seed);
        (RiskInputs.Problem problem,, uint256[18] memory row) = rows.rowOf(changed, bound(id, 0, 50));
        for (uint256 i = 0; i < 18; i++) {
            vm.assertTrue(problem == RiskInputs.Problem.None ? row[i] < Field.R : row[i] == 0, "element");
        }
    }

    function testFuzz_itAnswersWhateverArbitraryBytes(bytes memory data, uint256 id) public view {
        (RiskInputs.Problem problem,,) = rows.rowOf(data, id);
        vm.assertTrue(data.length >= 138 || problem == RiskInputs.Problem.Size, "size");
    }

    function test_eachProblemIsNamed() public view {
        _expect(RiskInputs.Problem.None, 3, 0, "");
        // Offsets: observation 5, parameters 13, groups 134, expiries 145, instruments 284.
        _expect(RiskInputs.Problem.Version, 3, 0, hex"03");
        _expect(RiskInputs.Problem.Version, 3, 13, hex"02");
        _expect(RiskInputs.Problem.ObservationTime, 3, 5, hex"0000100000000000");
        _expect(RiskInputs.Problem.Parameter, 3, 14, hex"000186a1");
        _expect(RiskInputs.Problem.Parameter, 3, 14 + 9 * 4, hex"00000000");
        _expect(RiskInputs.Problem.ExtremeMove, 3, 94, hex"00000000");
        _expect(RiskInputs.Problem.ExtremeMove, 3, 94 + 4, hex"7fffffff");
        _expect(RiskInputs.Problem.Group, 3, 135 + 5, hex"01");
        _expect(RiskInputs.Problem.ScanRange, 3, 135 + 1, hex"000dbba1");
        _expect(RiskInputs.Problem.Size, 3, 134, hex"ff");
        _expect(RiskInputs.Problem.Size, 3, 145, hex"ff");
        _expect(RiskInputs.Problem.ExpiryTime, 3, 146 + 1, hex"0000000000000000");
        _expect(RiskInputs.Problem.ExpiryOrder, 3, 146 + 69, hex"01");
        _expect(RiskInputs.Problem.Group, 3, 146 + 69, hex"03");
        _expect(RiskInputs.Problem.ExpiryForward, 3, 146 + 9, hex"000000003b9aca01");
        _expect(RiskInputs.Problem.ExpiryAverage, 3, 146 + 57, hex"0000000000000001");
        _expect(RiskInputs.Problem.ExpiryAverage, 3, 146 + 65, hex"00000001");
        _expect(RiskInputs.Problem.Surface, 3, 146 + 25, hex"ffffffffffffffff");
        _expect(RiskInputs.Problem.Surface, 3, 146 + 17, hex"ffffffff00000000");
        _expect(RiskInputs.Problem.InstrumentCount, 3, 284, hex"1001");
        _expect(RiskInputs.Problem.Size, 3, 284, hex"0008");
        _expect(RiskInputs.Problem.Size, 3, 284, hex"0006");
        _expect(RiskInputs.Problem.InstrumentOrder, 3, 286, hex"00000000");
        _expect(RiskInputs.Problem.InstrumentOrder, 3, 286 + 39, hex"00000003");
        _expect(RiskInputs.Problem.InstrumentKind, 3, 286 + 4, hex"05");
        _expect(RiskInputs.Problem.InstrumentFlags, 3, 286 + 5, hex"04");
        _expect(RiskInputs.Problem.InstrumentGroup, 3, 286 + 6, hex"03");
        _expect(RiskInputs.Problem.Index, 3, 286 + 7, hex"0000000000000000");
        _expect(RiskInputs.Problem.Mark, 3, 286 + 15, hex"0000000800000000");
        _expect(RiskInputs.Problem.RowValue, 3, 286 + 15, hex"00000007ffffffff");
        _expect(RiskInputs.Problem.OpenInterest, 3, 286 + 23, hex"1000000000000000");
        _expect(RiskInputs.Problem.Funding, 3, 286 + 31, hex"0000000800000000");
        _expect(RiskInputs.Problem.Funding, 7, 286 + 2 * 39 + 31, hex"0000000000000001");
        _expect(RiskInputs.Problem.SpotDiscount, 7, 14 + 2 * 4, hex"000c3500");
        _expect(RiskInputs.Problem.Mark, 21, 286 + 3 * 39 + 15, hex"0000000000000001");
        _expect(RiskInputs.Problem.Strike, 21, 286 + 3 * 39 + 31, hex"0000000200000000");
        _expect(RiskInputs.Problem.InstrumentExpiry, 21, 286 + 3 * 39 + 39, hex"0000000000000001");
        _expect(RiskInputs.Problem.InstrumentExpiry, 40, 286 + 3 * 39 + 3 * 47 + 39, hex"0000100000000000");
    }

    /// @dev What is wrong with one instrument is an answer to a question about that one alone.
    function test_aProblemOfAnotherInstrumentIsNotThisOnes() public view {
        bytes memory changed = inputs[0];
        changed[286 + 5] = 0x04;
        for (uint256 i = 0; i < ids.length; i++) {
            (RiskInputs.Problem problem,,) = rows.rowOf(changed, ids[i]);
            bool isThis = ids[i] == 3;
            vm.assertEq(
                uint256(problem),
                uint256(isThis ? RiskInputs.Problem.InstrumentFlags : RiskInputs.Problem.None),
                "flags"
            );
        }
    }

    // ---- help ----

    function rowOf(uint256 which, uint256 id)
        external
        view
        returns (RiskInputs.Problem problem, uint256[18] memory row)
    {
        (problem,, row) = rows.rowOf(inputs[which], id);
    }

    /// @dev External, as is the next, so that memory is given back.
    function isValidFlipped(uint256 bit) external view returns (bool) {
        bytes memory changed = inputs[0];
        changed[bit / 8] ^= bytes1(uint8(0x80 >> bit % 8));
        return _isValid(changed);
    }

    function isValidDamaged(uint256 i) external view returns (bool) {
        return _isValid(_damagedBy(inputs[i % inputs.length], uint64(i)));
    }

    /// @dev Whether there is no problem with any instrument.
    function _isValid(bytes memory data) private view returns (bool) {
        if (!reader.isSound(data, 0)) return false;
        uint256[] memory listed = reader.idsOf(data);
        for (uint256 i = 0; i < listed.length; i++) {
            if (!reader.isSound(data, listed[i])) return false;
        }
        return true;
    }

    /// @dev The same damage as C#: one to three bytes changed, of every fourth also the length.
    function _damagedBy(bytes memory data, uint64 seed) private pure returns (bytes memory) {
        SplitMix.State memory state = SplitMix.State(seed);
        for (uint256 left = 1 + state.draw() % 3; left > 0; left--) {
            uint256 value = state.draw();
            uint256 at = value % (state.draw() % 2 == 0 ? data.length : 150);
            bool isAny = state.draw() % 2 == 0;
            data[at] = bytes1(uint8(isAny ? state.draw() % 256 : state.draw() % 2 * 255));
        }
        if (state.draw() % 4 != 0) return data;
        bytes memory resized = new bytes(state.draw() % (data.length + 20));
        for (uint256 i = 0; i < resized.length && i < data.length; i++) {
            resized[i] = data[i];
        }
        return resized;
    }

    function _expect(RiskInputs.Problem expected, uint256 id, uint256 at, bytes memory change) private view {
        bytes memory changed = inputs[0];
        for (uint256 i = 0; i < change.length; i++) {
            changed[at + i] = change[i];
        }
        (RiskInputs.Problem problem,,) = rows.rowOf(changed, id);
        vm.assertEq(uint256(problem), uint256(expected), "problem");
    }

    function _slice(bytes memory data, uint256 at) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 32), at))
        }
    }

    function _bit(bytes memory bits, uint256 i) private pure returns (bool) {
        return uint8(bits[i / 8]) >> 7 - i % 8 & 1 == 1;
    }

    function _place(uint256 which, uint256 at) private pure returns (string memory) {
        return string(abi.encodePacked("inputs 0x", _hex(which), ", row or case 0x", _hex(at)));
    }

    function _hex(uint256 value) private pure returns (bytes memory text) {
        text = new bytes(8);
        for (uint256 i = 0; i < 8; i++) {
            text[7 - i] = bytes("0123456789abcdef")[value >> 4 * i & 15];
        }
    }
}

/// @dev Gas of whole transactions, with their data.
/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
/// forge-config: long.isolate = true
contract RiskRowsGasTest is GasSnapshots {
    RiskRows private immutable rows = new RiskRows();

    function test_gas_riskRows() public {
        bytes[] memory inputs = vm.parseJsonBytesArray(vm.readFile("../spec/vectors/risk-rows.json"), ".inputs");
        rows.rowOf(inputs[0], 3);
        _snapshot("riskRowPerpetual");
        rows.rowOf(inputs[0], 21);
        _snapshot("riskRowOption");
        rows.rowOf(inputs[1], 98);
        _snapshot("riskRowOptionOf98");
    }

    /// @dev The longest inputs there can be, all options. What a node's pool takes is less (docs/SECURITY.md).
    function test_gas_riskRowOfTheLongestInputs() public {
        bytes memory inputs = vm.parseJsonBytesArray(vm.readFile("../spec/vectors/risk-rows.json"), ".inputs")[0];
        bytes memory longest = new bytes(210_325);
        uint256 at = _put(longest, 0, bytes.concat(_slice(inputs, 0, 134), hex"10"));
        for (uint8 group = 0; group < 16; group++) {
            at = _put(longest, at, bytes.concat(bytes1(group), _slice(inputs, 136, 4)));
        }
        at = _put(longest, at, hex"ff");
        uint64 observedAt = uint64(bytes8(_slice(inputs, 5, 8)));
        bytes memory market = _slice(inputs, 155, 60);
        for (uint64 i = 1; i <= 255; i++) {
            at = _put(longest, at, bytes.concat(hex"0f", bytes8(observedAt + i * 86_400_000), market));
        }
        at = _put(longest, at, hex"1000");
        market = bytes.concat(hex"03000f", _slice(inputs, 286 + 3 * 39 + 7, 32), bytes8(observedAt + 255 * 86_400_000));
        for (uint32 id = 1; id <= 4096; id++) {
            at = _put(longest, at, bytes.concat(bytes4(id), market));
        }
        vm.assertEq(at, longest.length, "filled");
        (RiskInputs.Problem problem,, uint256[18] memory row) = rows.rowOf(longest, 4096);
        _snapshot("riskRowOfLongestInputs");
        vm.assertEq(uint256(problem), 0, "problem");
        vm.assertNotEq(row[17], 0, "a row");
        (problem,,) = rows.rowOf(bytes.concat(longest, hex"00"), 4096);
        vm.assertEq(uint256(problem), uint256(RiskInputs.Problem.Size), "longer");
    }

    function _put(bytes memory to, uint256 at, bytes memory part) private pure returns (uint256 end) {
        end = at + part.length;
        for (uint256 i = 0; i < part.length; i++) {
            to[at + i] = part[i];
        }
    }

    function _slice(bytes memory data, uint256 from, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 i = 0; i < length; i++) {
            part[i] = data[from + i];
        }
    }
}

/// @title Reads risk inputs without making the rows of options, which no validity depends on.
contract RiskInputsReader {
    RiskRows private immutable rows = new RiskRows();

    function isSound(bytes calldata data, uint256 id) external view returns (bool) {
        (RiskInputs.Problem problem, RiskInputs.Inputs memory inputs) = RiskInputs.read(data, id);
        if (id != 0 && !RiskInputs.isOption(inputs.instrument)) (problem,,) = rows.rowOf(data, id);
        return problem == RiskInputs.Problem.None;
    }

    /// @notice The ids of sound inputs.
    function idsOf(bytes calldata data) external pure returns (uint256[] memory ids) {
        uint256 at = 135 + 5 * uint256(uint8(data[134]));
        at += 1 + 69 * uint256(uint8(data[at]));
        ids = new uint256[](uint16(bytes2(data[at:])));
        at += 2;
        for (uint256 i = 0; i < ids.length; i++) {
            ids[i] = uint32(bytes4(data[at:]));
            uint256 kind = uint8(data[at + 4]);
            at += kind == 3 || kind == 4 ? 47 : 39;
        }
    }
}

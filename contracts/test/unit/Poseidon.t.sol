// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Field} from "../../src/libraries/Field.sol";
import {Poseidon} from "../../src/libraries/Poseidon.sol";
import {PoseidonConstants} from "../../script/PoseidonConstants.sol";
import {Test} from "../support/Test.sol";

/// @dev spec/vectors/poseidon.json, made by circomlibjs.
contract PoseidonTest is Test {
    bytes private stored = PoseidonConstants.tables();

    function test_tablesAreThoseOfThePaper() public view {
        vm.assertEq(stored.length, Poseidon.TABLES_SIZE, "size");
        vm.assertEq(keccak256(stored), Poseidon.TABLES_HASH, "hash");
    }

    function test_fourInputs() public view {
        string memory file = vm.readFile("../spec/vectors/poseidon.json");
        uint256 tables = _load();
        uint256 found = 0;
        for (uint256 i = 0; i < 112; i++) {
            (uint256[] memory inputs, uint256 initial, uint256 expected) = _vector(file, i);
            if (inputs.length != 4 || initial != 0) continue;
            vm.assertEq(Poseidon.hash4(tables, inputs[0], inputs[1], inputs[2], inputs[3]), expected, "hash");
            found++;
        }
        vm.assertGe(found, 3, "vectors");
    }

    function test_sixteenInputs() public view {
        string memory file = vm.readFile("../spec/vectors/poseidon.json");
        uint256 tables = _load();
        uint256 found = 0;
        for (uint256 i = 0; i < 112; i++) {
            (uint256[] memory inputs, uint256 initial, uint256 expected) = _vector(file, i);
            if (inputs.length != 16 || initial != 0) continue;
            uint256 at;
            assembly ("memory-safe") {
                at := add(inputs, 64)
            }
            vm.assertEq(Poseidon.absorb15(tables, inputs[0], at), expected, "hash");
            found++;
        }
        vm.assertGe(found, 3, "vectors");
    }

    /// forge-config: default.fuzz.runs = 16
    /// forge-config: ci.fuzz.runs = 64
    /// forge-config: long.fuzz.runs = 64
    function testFuzz_reducesAndLeavesItsInputs(uint256 a, uint256 b, uint256 c, uint256 d) public view {
        uint256 tables = _load();
        (a, b, c, d) = (a % Field.R, b % Field.R, c % Field.R, d % Field.R);
        uint256 h = Poseidon.hash4(tables, a, b, c, d);
        vm.assertTrue(h < Field.R, "below r");
        vm.assertEq(Poseidon.hash4(tables, a, b, c, d), h, "again");
        vm.assertNotEq(Poseidon.hash4(tables, addmod(a, 1, Field.R), b, c, d), h, "of another");
    }

    function _vector(string memory file, uint256 i)
        private
        pure
        returns (uint256[] memory inputs, uint256 initial, uint256 expected)
    {
        string memory at = string(abi.encodePacked(".[", _decimal(i), "]."));
        inputs = vm.parseJsonUintArray(file, string.concat(at, "inputs"));
        initial = vm.parseJsonUint(file, string.concat(at, "initialState"));
        expected = vm.parseJsonUintArray(file, string.concat(at, "outputs"))[0];
    }

    function _load() private view returns (uint256 at) {
        bytes memory data = stored;
        assembly ("memory-safe") {
            at := add(data, 32)
        }
    }

    function _decimal(uint256 value) private pure returns (bytes memory) {
        if (value < 10) return abi.encodePacked(bytes1(uint8(48 + value)));
        return bytes.concat(_decimal(value / 10), _decimal(value % 10));
    }
}

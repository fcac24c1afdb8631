// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RiskRows} from "../../src/RiskRows.sol";
import {RiskTable} from "../../src/RiskTable.sol";
import {IRiskTable} from "../../src/interfaces/IRiskTable.sol";
import {RiskInputs} from "../../src/libraries/RiskInputs.sol";
import {GasSnapshots} from "../support/GasSnapshots.sol";
import {PoseidonConstants} from "../../script/PoseidonConstants.sol";
import {RiskTables} from "../../script/RiskTables.sol";
import {Test} from "../support/Test.sol";

/// @dev spec/vectors/risk-rows.json, `roots`: of RiskTree in C#.
contract RiskTableTest is Test {
    RiskTable private table;
    string private file;
    bytes[] private inputs;

    function setUp() public {
        table = RiskTables.deploy(new RiskRows());
        file = vm.readFile("../spec/vectors/risk-rows.json");
        inputs = vm.parseJsonBytesArray(file, ".inputs");
    }

    function test_rootsAreTheSequencers() public {
        for (uint256 i = isLong() ? 0 : 1; i < (isLong() ? 5 : 3); i++) {
            string memory at = string(abi.encodePacked(".roots[", bytes1(uint8(48 + i)), "]."));
            bytes memory data = inputs[vm.parseJsonUint(file, string.concat(at, "inputs"))];
            _complete(data);
            vm.assertEq(table.rootOf(data), vm.parseJsonUint(file, string.concat(at, "root")), at);
        }
    }

    function test_aBucketMayBeWorkedOutInSteps() public {
        bytes32 hash = keccak256(inputs[0]);
        vm.assertEq(table.progress(hash, 1), 0, "nothing yet");
        vm.expectEmit();
        emit IRiskTable.BucketAdvanced(hash, 1, 5);
        vm.assertEq(table.advance(inputs[0], 1, 0), 5, "at least five");
        vm.assertEq(table.advance(inputs[0], 1, 5), 10, "five more");
        vm.assertEq(table.advance(inputs[0], 1, 11), 15, "as many as it takes");
        vm.assertEq(table.advance(inputs[0], 1, type(uint256).max), 16, "all");
        vm.assertEq(table.progress(hash, 1), 16, "stored");
        vm.expectRevert(abi.encodeWithSelector(IRiskTable.BucketComplete.selector, 1));
        table.advance(inputs[0], 1, 16);
        table.advance(inputs[0], 0, 16);
        vm.expectRevert(abi.encodeWithSelector(IRiskTable.BucketIncomplete.selector, 2));
        table.rootOf(inputs[0]);
        table.advance(inputs[0], 2, 16);
        vm.assertEq(table.rootOf(inputs[0]), vm.parseJsonUint(file, ".roots[0].root"), "the same root");
    }

    /// @dev What is worked out belongs to the bytes: others are worked out anew.
    function test_otherInputsAreOthers() public {
        _complete(inputs[0]);
        uint256 root = table.rootOf(inputs[0]);
        bytes memory other = inputs[0];
        other[4] = 0x2a; // of batch 42: the same rows
        vm.expectRevert(abi.encodeWithSelector(IRiskTable.BucketIncomplete.selector, 0));
        table.rootOf(other);
        _complete(other);
        vm.assertEq(table.rootOf(other), root, "the same rows");
        other[286 + 14] ^= 0x01; // the index of a perpetual
        _complete(other);
        vm.assertNotEq(table.rootOf(other), root, "another row");
    }

    function test_aBucketOfTheTree() public {
        table.advance(inputs[0], 4 ** 7 - 1, 5);
        vm.expectRevert(abi.encodeWithSelector(IRiskTable.InvalidBucket.selector, 4 ** 7));
        table.advance(inputs[0], 4 ** 7, 5);
    }

    function test_malformedInputsHaveNoRoot() public {
        bytes memory data = inputs[0];
        data[286 + 5] = 0x04; // flags of instrument 3
        vm.expectRevert(
            abi.encodeWithSelector(IRiskTable.MalformedInputs.selector, RiskInputs.Problem.InstrumentFlags, 3)
        );
        table.advance(data, 0, 16);
        data[0] = 0x03;
        bytes memory reason = abi.encodeWithSelector(IRiskTable.MalformedInputs.selector, RiskInputs.Problem.Version, 0);
        vm.expectRevert(reason);
        table.advance(data, 0, 16);
        vm.expectRevert(reason);
        table.rootOf(data);
    }

    function test_inputsWithoutInstruments() public view {
        bytes memory data = new bytes(284 + 2);
        for (uint256 i = 0; i < 284; i++) {
            data[i] = inputs[0][i];
        }
        // Seven levels of nothing: no rows are in the tree (C# `QuadTree`).
        vm.assertEq(table.rootOf(data), vm.parseJsonUint(file, ".emptyRoot"), "root");
    }

    function test_theTablesMustBePoseidons() public {
        bytes memory tables = PoseidonConstants.tables();
        RiskRows rows = new RiskRows();
        new RiskTable(rows, RiskTables.parts(tables));
        tables[tables.length / 2] ^= 0x01;
        address[3] memory parts = RiskTables.parts(tables);
        vm.expectRevert(abi.encodeWithSelector(RiskTable.WrongTables.selector, keccak256(tables)));
        new RiskTable(rows, parts);
        parts[1] = address(0xdead);
        vm.expectRevert(abi.encodeWithSelector(RiskTable.WrongTables.selector, bytes32(0)));
        new RiskTable(rows, parts);
    }

    function _complete(bytes memory data) private {
        uint256 at = 135 + 5 * uint256(uint8(data[134]));
        at += 1 + 69 * uint256(uint8(data[at]));
        uint256 count = uint256(uint8(data[at])) << 8 | uint8(data[at + 1]);
        at += 2;
        for (uint256 i = 0; i < count; i++) {
            uint256 id = uint256(uint8(data[at + 1])) << 16 | uint256(uint8(data[at + 2])) << 8 | uint8(data[at + 3]);
            uint256 kind = uint8(data[at + 4]);
            at += kind == 3 || kind == 4 ? 47 : 39;
            if (table.progress(keccak256(data), id / 16) != 16) table.advance(data, id / 16, 16);
        }
    }
}

/// @dev Gas of whole transactions, with their data.
/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
/// forge-config: long.isolate = true
contract RiskTableGasTest is GasSnapshots {
    function test_gas_fiveOptionsOfATableOf98() public {
        RiskTable table = RiskTables.deploy(new RiskRows());
        bytes memory inputs = vm.parseJsonBytesArray(vm.readFile("../spec/vectors/risk-rows.json"), ".inputs")[1];
        table.advance(inputs, 1, 5);
        _snapshot("riskTableAdvanceFiveOptionsOf98");
    }
}

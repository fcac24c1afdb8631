// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RiskTable} from "../src/RiskTable.sol";
import {IRiskRows} from "../src/interfaces/IRiskRows.sol";
import {PoseidonConstants} from "./PoseidonConstants.sol";

/// @title Deploys risk tables as an operator does: Poseidon's tables in three contracts that are data.
library RiskTables {
    function deploy(IRiskRows rows) internal returns (RiskTable) {
        return new RiskTable(rows, parts(PoseidonConstants.tables()));
    }

    /// @notice Three contracts of a STOP and a third of `data` each, as good as can be.
    function parts(bytes memory data) internal returns (address[3] memory deployed) {
        uint256 size = (data.length + 2) / 3;
        for (uint256 i = 0; i < 3; i++) {
            uint256 from = i * size;
            uint256 length = from + size <= data.length ? size : data.length - from;
            bytes memory part = new bytes(length);
            assembly ("memory-safe") {
                mcopy(add(part, 32), add(add(data, 32), from), length)
            }
            // PUSH3 size, DUP1, PUSH1 11, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN: returns what follows.
            bytes memory code = abi.encodePacked(hex"62", uint24(length + 1), hex"80600b3d393df3", hex"00", part);
            address target;
            assembly ("memory-safe") {
                target := create(0, add(code, 32), mload(code))
            }
            require(target != address(0), "create");
            deployed[i] = target;
        }
    }
}

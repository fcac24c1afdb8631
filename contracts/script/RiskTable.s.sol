// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RiskRows} from "../src/RiskRows.sol";
import {RiskTable} from "../src/RiskTable.sol";
import {RiskTables} from "./RiskTables.sol";

interface Broadcast {
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// @title Deploys RiskRows, Poseidon's tables and RiskTable, which `Challenges` needs. docs/OPERATIONS.md says how to run it.
contract DeployRiskTable {
    Broadcast private constant VM = Broadcast(address(uint160(uint256(keccak256("hevm cheat code")))));

    function run() external returns (RiskTable table) {
        VM.startBroadcast();
        table = RiskTables.deploy(new RiskRows());
        VM.stopBroadcast();
    }
}

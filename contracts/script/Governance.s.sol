// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernanceSetup} from "./GovernanceSetup.sol";

interface ScriptVm {
    function envAddress(string calldata name, string calldata delimiter) external view returns (address[] memory);
    function envAddress(string calldata name) external view returns (address);
    function envUint(string calldata name) external view returns (uint256);
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// @title Last step of a deployment (docs/OPERATIONS.md): contracts OWNED (addresses with commas between) of the broadcaster go to a timelock
/// of MULTISIG with DELAY seconds.
contract GovernanceScript is GovernanceSetup {
    ScriptVm private constant vm = ScriptVm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function run() external returns (TimelockController timelock) {
        address[] memory owned = vm.envAddress("OWNED", ",");
        Ownable2Step[] memory contracts_ = new Ownable2Step[](owned.length);
        for (uint256 i = 0; i < owned.length; i++) {
            contracts_[i] = Ownable2Step(owned[i]);
        }
        vm.startBroadcast();
        timelock = handOver(contracts_, vm.envAddress("MULTISIG"), msg.sender, vm.envUint("DELAY"));
        vm.stopBroadcast();
    }
}

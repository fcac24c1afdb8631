// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "./Test.sol";

/// @title Gas of the last call, compared exactly with bench/gas.json (foundry.toml says how to write it anew).
abstract contract GasSnapshots is Test {
    function _snapshot(string memory name) internal {
        uint256 gas = vm.snapshotGasLastCall("gas", name);
        if (vm.envOr("UPDATE_GAS", false)) return;
        vm.assertEq(gas, vm.parseJsonUint(vm.readFile("../bench/gas.json"), string.concat(".", name)), name);
    }
}

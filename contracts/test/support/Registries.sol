// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ParameterRegistry} from "../../src/ParameterRegistry.sol";

/// @title A registry in which the parameters and scan ranges of given risk inputs are in force.
library Registries {
    uint256 internal constant GRACE = 10 minutes;
    uint32 internal constant SLACK = 20_000; // that a scan range may move to either side

    /// @param inputs With groups 1 and 2 alone.
    function deploy(bytes memory inputs) internal returns (ParameterRegistry) {
        int32[30] memory values;
        ParameterRegistry.Rule[30] memory rules;
        for (uint256 i = 0; i < 30; i++) {
            values[i] = int32(uint32(_four(inputs, 14 + 4 * i)));
            rules[i] = ParameterRegistry.Rule(values[i] - 1000, values[i] + 1000, 500, 1 days, 60, true);
        }
        ParameterRegistry.RangeRule[16] memory ranges;
        for (uint256 g = 0; g < 2; g++) {
            uint32 range = uint32(_four(inputs, 136 + 5 * g));
            ranges[g + 1] = ParameterRegistry.RangeRule(range - SLACK, range + SLACK);
        }
        return new ParameterRegistry(values, rules, 1 days, GRACE, ranges);
    }

    function _four(bytes memory data, uint256 at) private pure returns (uint256 value) {
        for (uint256 i = 0; i < 4; i++) {
            value = value << 8 | uint8(data[at + i]);
        }
    }
}

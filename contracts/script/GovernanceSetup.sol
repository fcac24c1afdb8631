// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Hands contracts over to a timelock whose proposer is a multi-signature.
abstract contract GovernanceSetup {
    /// @notice Makes the timelock own all `contracts_`. Afterwards `multisig` alone proposes and cancels, anybody executes what is due, and
    /// nothing executes earlier than `delay` seconds after its proposal; not even the timelock's own delay changes without it.
    /// @param deployer Who calls: the owner of all of them, which keeps no role.
    function handOver(Ownable2Step[] memory contracts_, address multisig, address deployer, uint256 delay)
        internal
        returns (TimelockController timelock)
    {
        address[] memory proposers = new address[](2);
        (proposers[0], proposers[1]) = (multisig, deployer);
        address[] memory executors = new address[](1); // the zero address: anybody
        timelock = new TimelockController(0, proposers, executors, address(0));

        uint256 count = contracts_.length;
        address[] memory targets = new address[](count + 3);
        uint256[] memory values = new uint256[](count + 3);
        bytes[] memory calls = new bytes[](count + 3);
        for (uint256 i = 0; i < count; i++) {
            contracts_[i].transferOwnership(address(timelock));
            (targets[i], calls[i]) = (address(contracts_[i]), abi.encodeCall(Ownable2Step.acceptOwnership, ()));
        }
        for (uint256 i = count; i < count + 3; i++) {
            targets[i] = address(timelock);
        }
        calls[count] = abi.encodeCall(timelock.revokeRole, (timelock.PROPOSER_ROLE(), deployer));
        calls[count + 1] = abi.encodeCall(timelock.revokeRole, (timelock.CANCELLER_ROLE(), deployer));
        calls[count + 2] = abi.encodeCall(timelock.updateDelay, (delay));
        timelock.scheduleBatch(targets, values, calls, 0, 0, 0);
        timelock.executeBatch(targets, values, calls, 0, 0);
    }
}

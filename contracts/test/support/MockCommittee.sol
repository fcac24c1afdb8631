// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOracleCommittee} from "../../src/interfaces/IOracleCommittee.sol";

/// @title Attests exactly the arguments whose hash it was told.
contract MockCommittee is IOracleCommittee {
    error NotAttested(bytes32 hash);

    mapping(bytes32 hash => bool) private _attested;

    function attest(bytes32 hash) external {
        _attested[hash] = true;
    }

    function requireAttested(
        uint256 domain,
        uint32 batch,
        bytes32 riskInputsHash,
        uint256 riskRoot,
        uint256 open,
        uint64 reportTime,
        bytes calldata attestations
    ) external view {
        bytes32 hash = keccak256(abi.encode(domain, batch, riskInputsHash, riskRoot, open, reportTime, attestations));
        require(_attested[hash], NotAttested(hash));
    }
}

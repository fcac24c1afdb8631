// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The oracle committee, as the vault asks it before it records a batch (spec 6).
interface IOracleCommittee {
    /// @notice Reverts unless enough members signed keccak256(abi.encode("rollup-risk-inputs", domain, batch, riskInputsHash, riskRoot, reportTime))
    /// and the report is fresh.
    /// @param domain The vault's domain of spec 4.1.
    /// @param riskInputsHash keccak256 of the canonical bytes of the risk inputs.
    /// @param open Milliseconds: opening of the batch.
    /// @param reportTime Milliseconds: when the report was made.
    /// @param attestations The signatures.
    function requireAttested(
        uint256 domain,
        uint32 batch,
        bytes32 riskInputsHash,
        uint256 riskRoot,
        uint256 open,
        uint64 reportTime,
        bytes calldata attestations
    ) external view;
}

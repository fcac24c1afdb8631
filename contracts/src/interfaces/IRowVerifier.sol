// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Groth16 verifier of the circuit `row` (spec 9), as `Rollup.Groth16` generates it from a verifying key.
interface IRowVerifier {
    /// @param publicInputs riskRoot, id, and the 18 elements of the row (spec 3.6); each must be below r.
    function verifyProof(
        uint256[2] calldata a,
        uint256[2][2] calldata b,
        uint256[2] calldata c,
        uint256[20] calldata publicInputs
    ) external view returns (bool);

    /// @notice True if somebody knows the key's secret, so that proofs can be forged: for local chains only.
    function isDevelopmentKey() external view returns (bool);
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title How the contracts ask a Groth16 verifier, and which verifiers they take.
library VerifierCall {
    /// @dev The answer counts only if it is exactly one word, 1. Whatever else the verifier does, burning the capped gas included, is a
    /// rejection.
    /// @param data The encoded call of `verifyProof`.
    function accepts(address verifier, uint256 gasCap, bytes memory data) internal view returns (bool accepted) {
        assembly ("memory-safe") {
            accepted := staticcall(gasCap, verifier, add(data, 32), mload(data), 0, 32)
            accepted := and(accepted, and(eq(returndatasize(), 32), eq(mload(0), 1)))
        }
    }

    /// @dev Keys of development have a known secret: only chains on one's own machine take them.
    function isLocalChain() internal view returns (bool) {
        return block.chainid == 31337 || block.chainid == 1337;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The scalar field of BN254, in which every published word, key coordinate and root lives.
library Field {
    /// @dev Order of the BN254 scalar field (EIP-197), the spec's `r`. Sums of two elements do not overflow 256 bits.
    uint256 internal constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    error NotInField(uint256 value);

    /// @notice Refuses a value that is not the canonical form of a field element: x and x + r would otherwise mean the same.
    function requireElement(uint256 value) internal pure {
        require(value < R, NotInField(value));
    }
}

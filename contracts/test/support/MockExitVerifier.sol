// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IExitVerifier} from "../../src/interfaces/IExitVerifier.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";

/// @title Stands in for an exit circuit's verifier: accepts exactly the proof that `proofOf` makes for the same public inputs.
contract MockExitVerifier is IExitVerifier {
    bool public isDevelopmentKey;
    uint256 private immutable _salt;

    constructor(uint256 salt) {
        _salt = salt;
    }

    function setDevelopmentKey(bool next) external {
        isDevelopmentKey = next;
    }

    function verifyProof(
        uint256[2] calldata a,
        uint256[2][2] calldata b,
        uint256[2] calldata c,
        uint256[9] calldata publicInputs
    ) external view returns (bool) {
        IRollupVault.Proof memory good = proofOf(publicInputs);
        return keccak256(abi.encode(a, b, c)) == keccak256(abi.encode(good));
    }

    function proofOf(uint256[9] memory inputs) public view returns (IRollupVault.Proof memory) {
        uint256 seed = uint256(keccak256(abi.encode(_salt, inputs)));
        return IRollupVault.Proof([seed, 21], [[uint256(22), 23], [uint256(24), 25]], [uint256(26), 27]);
    }
}

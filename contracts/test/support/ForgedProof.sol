// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {Field} from "../../src/libraries/Field.sol";

/// @title Proofs for the key of test/fixtures/FixtureVerifier.sol, whose secret is known: the reason why development keys are
/// refused, and a way to test the real verifier with public inputs that no fixture has to foresee.
library ForgedProof {
    uint256 private constant ALPHA = 3;
    uint256 private constant BETA = 5;
    uint256 private constant DELTA = 7;
    /// @dev SHA-512 of "rollup development key: gamma", mod r: the gamma of every development key.
    uint256 private constant GAMMA = 9175956864085917266900552185817895327031267368195784040331215811782344055793;
    /// @dev Discrete logarithm of the proof's C, free to choose.
    uint256 private constant FREE = 29;

    /// @notice With A = a G1, B = G2, C = c G1 the equation a = alpha beta + gamma s + delta c can be solved for a.
    function make(uint256[4] memory inputs) internal view returns (IRollupVault.Proof memory proof) {
        uint256 s = 11;
        s = addmod(s, mulmod(13, inputs[0], Field.R), Field.R);
        s = addmod(s, mulmod(17, inputs[1], Field.R), Field.R);
        s = addmod(s, mulmod(19, inputs[2], Field.R), Field.R);
        s = addmod(s, mulmod(23, inputs[3], Field.R), Field.R);
        proof.a = _timesG1(addmod(ALPHA * BETA + DELTA * FREE, mulmod(GAMMA, s, Field.R), Field.R));
        proof.b = [
            [
                11559732032986387107991004021392285783925812861821192530917403151452391805634,
                10857046999023057135944570762232829481370756359578518086990519993285655852781
            ],
            [
                4082367875863433681332203403145435568316851327593401208105741076214120093531,
                8495653923123431417604973247489272438418190587263600148770280649306958101930
            ]
        ];
        proof.c = _timesG1(FREE);
    }

    function _timesG1(uint256 scalar) private view returns (uint256[2] memory point) {
        (bool done, bytes memory result) = address(7).staticcall(abi.encode(1, 2, scalar));
        require(done, "ecMul");
        return abi.decode(result, (uint256[2]));
    }
}

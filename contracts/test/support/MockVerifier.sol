// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";

/// @title Stands in for the Groth16 verifier: accepts exactly the proof that `proofOf` makes for the same public inputs.
/// @dev Not declared as an ISettlementVerifier, because some behaviours answer with something else than one word.
contract MockVerifier {
    enum Behaviour {
        Honest,
        AnswersTwo,
        AnswersShort,
        AnswersLong,
        Reverts,
        BurnsGas
    }

    Behaviour public behaviour;
    bool public isDevelopmentKey;

    function setBehaviour(Behaviour next) external {
        behaviour = next;
    }

    function setDevelopmentKey(bool next) external {
        isDevelopmentKey = next;
    }

    function verifyProof(
        uint256[2] calldata a,
        uint256[2][2] calldata b,
        uint256[2] calldata c,
        uint256[4] calldata publicInputs
    ) external view {
        Behaviour how = behaviour;
        if (how == Behaviour.AnswersTwo) _answer(2, 32);
        if (how == Behaviour.AnswersShort) _answer(1, 31);
        if (how == Behaviour.AnswersLong) _answer(1, 64);
        if (how == Behaviour.Reverts) revert("mock");
        if (how == Behaviour.BurnsGas) {
            assembly { invalid() }
        }
        IRollupVault.Proof memory good = proofOf(publicInputs);
        bool isGood = keccak256(abi.encode(a, b, c)) == keccak256(abi.encode(good));
        _answer(isGood ? 1 : 0, 32);
    }

    function proofOf(uint256[4] memory inputs) public pure returns (IRollupVault.Proof memory) {
        uint256 seed = uint256(keccak256(abi.encode(inputs)));
        return IRollupVault.Proof([seed, 11], [[uint256(12), 13], [uint256(14), 15]], [uint256(16), 17]);
    }

    function _answer(uint256 word, uint256 length) private pure {
        assembly {
            mstore(0, word)
            mstore(32, 0)
            return(0, length)
        }
    }
}

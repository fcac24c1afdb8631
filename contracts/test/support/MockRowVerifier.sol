// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";

/// @title Stands in for the verifier of rows: accepts exactly the proof that `proofOf` makes for the same public inputs.
/// @dev Not declared as an IRowVerifier, because some behaviours answer with something else than one word.
contract MockRowVerifier {
    enum Behaviour {
        Honest,
        AnswersTwo,
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
        uint256[20] calldata publicInputs
    ) external view {
        if (behaviour == Behaviour.AnswersTwo) _answer(2, 32);
        if (behaviour == Behaviour.AnswersLong) _answer(1, 64);
        if (behaviour == Behaviour.Reverts) revert("mock");
        if (behaviour == Behaviour.BurnsGas) {
            assembly { invalid() }
        }
        bool isGood = keccak256(abi.encode(a, b, c)) == keccak256(abi.encode(proofOf(publicInputs)));
        _answer(isGood ? 1 : 0, 32);
    }

    function proofOf(uint256[20] memory inputs) public pure returns (IRollupVault.Proof memory) {
        uint256 seed = uint256(keccak256(abi.encode(inputs)));
        return IRollupVault.Proof([seed, 21], [[uint256(22), 23], [uint256(24), 25]], [uint256(26), 27]);
    }

    function _answer(uint256 word, uint256 length) private pure {
        assembly {
            mstore(0, word)
            mstore(32, 0)
            return(0, length)
        }
    }
}

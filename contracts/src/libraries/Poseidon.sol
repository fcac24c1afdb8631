// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Field} from "./Field.sol";

/// @title Poseidon over the scalar field of BN254 with 4 and with 16 inputs, as circomlib has it (C# `Poseidon`), in its plain form:
/// 8 full rounds, half of them before and half after the partial ones; in each the constants are added, x^5 is taken (in partial rounds of
/// the first lane alone), and the state is multiplied by the matrix.
/// @dev `tables` is where the constants stand in memory, 32 bytes each: for 5 lanes those of the 68 rounds and the matrix row by row, then
/// the same for 17 lanes of 76 rounds. A product is below r, so five of them can be added up before they are reduced.
library Poseidon {
    uint256 internal constant TABLES_SIZE = 32 * (68 * 5 + 5 * 5 + 76 * 17 + 17 * 17);
    /// @dev keccak256 of the tables.
    bytes32 internal constant TABLES_HASH = 0x4fbc955dc507ee2f3f584080b1a16b19d3fad0f305f1278dc7cfc6b26de5006a;

    uint256 private constant MATRIX_5 = 32 * 68 * 5;
    uint256 private constant CONSTANTS_17 = MATRIX_5 + 32 * 5 * 5;
    uint256 private constant MATRIX_17 = CONSTANTS_17 + 32 * 76 * 17;

    /// @notice H(a, b, c, d): a node of a quad tree.
    function hash4(uint256 tables, uint256 a, uint256 b, uint256 c, uint256 d) internal pure returns (uint256) {
        uint256[5] memory state = [uint256(0), a, b, c, d];
        uint256[5] memory next;
        uint256 matrix = tables + MATRIX_5;
        uint256 r = Field.R;
        assembly ("memory-safe") {
            function dot5(coefficients, lanes, modulus) -> sum {
                sum := mulmod(mload(coefficients), mload(lanes), modulus)
                sum := add(sum, mulmod(mload(add(coefficients, 32)), mload(add(lanes, 32)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 64)), mload(add(lanes, 64)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 96)), mload(add(lanes, 96)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 128)), mload(add(lanes, 128)), modulus))
                sum := mod(sum, modulus)
            }
            function power5(x, modulus) -> y {
                y := mulmod(x, x, modulus)
                y := mulmod(mulmod(y, y, modulus), x, modulus)
            }
            let constant_ := tables
            for { let round := 0 } lt(round, 68) { round := add(round, 1) } {
                for { let lane := state } lt(lane, add(state, 160)) { lane := add(lane, 32) } {
                    mstore(lane, addmod(mload(lane), mload(constant_), r))
                    constant_ := add(constant_, 32)
                }
                mstore(state, power5(mload(state), r))
                if or(lt(round, 4), gt(round, 63)) {
                    for { let lane := add(state, 32) } lt(lane, add(state, 160)) { lane := add(lane, 32) } {
                        mstore(lane, power5(mload(lane), r))
                    }
                }
                let row := matrix
                for { let lane := next } lt(lane, add(next, 160)) { lane := add(lane, 32) } {
                    mstore(lane, dot5(row, state, r))
                    row := add(row, 160)
                }
                let old := state
                state := next
                next := old
            }
            a := mload(state)
        }
        return a;
    }

    /// @notice One step of the sponge (spec 3.7): H(h, 15 elements), the elements from `elements` on in memory.
    function absorb15(uint256 tables, uint256 h, uint256 elements) internal pure returns (uint256) {
        uint256[17] memory state;
        uint256[17] memory next;
        state[1] = h;
        uint256 constants = tables + CONSTANTS_17;
        uint256 matrix = tables + MATRIX_17;
        uint256 r = Field.R;
        assembly ("memory-safe") {
            function dot17(coefficients, lanes, modulus) -> sum {
                sum := mulmod(mload(coefficients), mload(lanes), modulus)
                sum := add(sum, mulmod(mload(add(coefficients, 32)), mload(add(lanes, 32)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 64)), mload(add(lanes, 64)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 96)), mload(add(lanes, 96)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 128)), mload(add(lanes, 128)), modulus))
                sum := mod(sum, modulus)
                sum := add(sum, mulmod(mload(add(coefficients, 160)), mload(add(lanes, 160)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 192)), mload(add(lanes, 192)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 224)), mload(add(lanes, 224)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 256)), mload(add(lanes, 256)), modulus))
                sum := mod(sum, modulus)
                sum := add(sum, mulmod(mload(add(coefficients, 288)), mload(add(lanes, 288)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 320)), mload(add(lanes, 320)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 352)), mload(add(lanes, 352)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 384)), mload(add(lanes, 384)), modulus))
                sum := mod(sum, modulus)
                sum := add(sum, mulmod(mload(add(coefficients, 416)), mload(add(lanes, 416)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 448)), mload(add(lanes, 448)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 480)), mload(add(lanes, 480)), modulus))
                sum := add(sum, mulmod(mload(add(coefficients, 512)), mload(add(lanes, 512)), modulus))
                sum := mod(sum, modulus)
            }
            function power5(x, modulus) -> y {
                y := mulmod(x, x, modulus)
                y := mulmod(mulmod(y, y, modulus), x, modulus)
            }
            mcopy(add(state, 64), elements, 480)
            let constant_ := constants
            for { let round := 0 } lt(round, 76) { round := add(round, 1) } {
                for { let lane := state } lt(lane, add(state, 544)) { lane := add(lane, 32) } {
                    mstore(lane, addmod(mload(lane), mload(constant_), r))
                    constant_ := add(constant_, 32)
                }
                mstore(state, power5(mload(state), r))
                if or(lt(round, 4), gt(round, 71)) {
                    for { let lane := add(state, 32) } lt(lane, add(state, 544)) { lane := add(lane, 32) } {
                        mstore(lane, power5(mload(lane), r))
                    }
                }
                let row := matrix
                for { let lane := next } lt(lane, add(next, 544)) { lane := add(lane, 32) } {
                    mstore(lane, dot17(row, state, r))
                    row := add(row, 544)
                }
                let old := state
                state := next
                next := old
            }
            h := mload(state)
        }
        return h;
    }
}

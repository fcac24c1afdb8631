// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title SplitMix64 (Steele, Lea, Flood 2014): the generator that spec/vectors and the tests of every language share.
library SplitMix {
    struct State {
        uint64 value;
    }

    function draw(State memory state) internal pure returns (uint64 z) {
        unchecked {
            z = state.value += 0x9e3779b97f4a7c15;
            z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
            z = (z ^ z >> 27) * 0x94d049bb133111eb;
            z ^= z >> 31;
        }
    }

    /// @notice 0 to 2^k - 1, with k drawn from 0 to `bits`.
    function below(State memory state, uint64 bits) internal pure returns (uint64) {
        uint64 value = draw(state);
        return value >> 64 - draw(state) % (bits + 1);
    }
}

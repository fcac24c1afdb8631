// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Field} from "../src/libraries/Field.sol";

/// @title Poseidon's constants, drawn as in the paper's appendix E and F (Grassi et al., USENIX Security 2021; C# `PoseidonConstants`).
library PoseidonConstants {
    /// @dev The LFSR: 80 bits, the oldest lowest, and the bits drawn that are not used yet.
    struct Grain {
        uint256 register;
        uint256 drawn;
        uint256 left;
    }

    /// @notice What `Poseidon` expects in memory.
    function tables() internal pure returns (bytes memory) {
        return bytes.concat(_tablesOf(5, 60), _tablesOf(17, 68));
    }

    function _tablesOf(uint256 width, uint256 partialRounds) private pure returns (bytes memory) {
        Grain memory grain = _seed(width, partialRounds);
        uint256[] memory words = new uint256[]((8 + partialRounds) * width + width * width);
        uint256 at = 0;
        for (; at < (8 + partialRounds) * width; at++) {
            do {
                words[at] = _next(grain);
            } while (words[at] >= Field.R);
        }
        uint256[] memory seeds = new uint256[](2 * width);
        for (uint256 i = 0; i < seeds.length; i++) {
            seeds[i] = _next(grain) % Field.R;
        }
        // A Cauchy matrix: 1 / (x_i + y_j).
        for (uint256 i = 0; i < width * width; i++) {
            words[at + i] = Math.invMod(addmod(seeds[i / width], seeds[width + i % width], Field.R), Field.R);
        }
        return abi.encodePacked(words);
    }

    function _seed(uint256 width, uint256 partialRounds) private pure returns (Grain memory grain) {
        // Prime field, x^5, bits, width, rounds, ones: most significant bit first, the first in bit 0.
        uint256 text = 1 << 78 | 254 << 62 | width << 50 | 8 << 40 | partialRounds << 30 | 2 ** 30 - 1;
        for (uint256 i = 0; i < 80; i++) {
            grain.register |= (text >> 79 - i & 1) << i;
        }
        for (uint256 i = 0; i < 160; i += 16) {
            (grain.register,) = _step(grain.register);
        }
    }

    /// @dev 254 bits: of each pair drawn the second counts if the first is 1.
    function _next(Grain memory grain) private pure returns (uint256 value) {
        (uint256 register, uint256 drawn, uint256 left) = (grain.register, grain.drawn, grain.left);
        unchecked {
            for (uint256 bits = 254; bits > 0;) {
                if (left == 0) {
                    (register, drawn) = _step(register);
                    left = 8;
                }
                if (drawn & 1 == 1) {
                    value = value << 1 | drawn >> 1 & 1;
                    bits--;
                }
                drawn >>= 2;
                left--;
            }
        }
        (grain.register, grain.drawn, grain.left) = (register, drawn, left);
    }

    /// @dev Sixteen steps at once, as every tap is at least 18 bits old: b(i+80) = b(i+62) + b(i+51) + b(i+38) + b(i+23) + b(i+13) + b(i).
    function _step(uint256 register) private pure returns (uint256 next, uint256 bits) {
        bits = register ^ register >> 13 ^ register >> 23 ^ register >> 38 ^ register >> 51 ^ register >> 62;
        bits &= 0xffff;
        next = register >> 16 | bits << 64;
    }
}

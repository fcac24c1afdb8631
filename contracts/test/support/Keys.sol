// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BabyJubJub} from "../../src/libraries/BabyJubJub.sol";
import {Field} from "../../src/libraries/Field.sol";

/// @title Points of BabyJubJub for tests, computed by the addition law of ERC-2494.
library Keys {
    uint256 internal constant BASE_X = 5299619240641551281634865583518297030282874472190772894086521144482721001553;
    uint256 internal constant BASE_Y = 16950150798460657717958625567821834550301663161624707787222815936182638968203;
    /// @dev A point of order 8; its multiples are all eight points of small order.
    uint256 internal constant ORDER8_X = 4342719913949491028786768530115087822524712248835451589697801404893164183326;
    uint256 internal constant ORDER8_Y = 4826523245007015323400664741523384119579596407052839571721035538011798951543;

    /// @notice `scalar` times the base point of the prime subgroup.
    function key(uint256 scalar) internal pure returns (uint256 x, uint256 y) {
        return multiply(scalar, BASE_X, BASE_Y);
    }

    function multiply(uint256 scalar, uint256 px, uint256 py) internal pure returns (uint256 x, uint256 y) {
        (x, y) = (0, 1);
        for (; scalar != 0; scalar >>= 1) {
            if (scalar & 1 == 1) (x, y) = add(x, y, px, py);
            (px, py) = add(px, py, px, py);
        }
    }

    function add(uint256 x1, uint256 y1, uint256 x2, uint256 y2) internal pure returns (uint256 x, uint256 y) {
        uint256 r = Field.R;
        uint256 xx = mulmod(x1, x2, r);
        uint256 yy = mulmod(y1, y2, r);
        uint256 dxxyy = mulmod(BabyJubJub.D, mulmod(xx, yy, r), r);
        x = mulmod(addmod(mulmod(x1, y2, r), mulmod(y1, x2, r), r), invert(addmod(1, dxxyy, r)), r);
        y = mulmod(addmod(yy, r - mulmod(BabyJubJub.A, xx, r), r), invert(addmod(1, r - dxxyy, r)), r);
    }

    function invert(uint256 value) internal pure returns (uint256) {
        return power(value, Field.R - 2);
    }

    function power(uint256 base, uint256 exponent) internal pure returns (uint256 result) {
        result = 1;
        for (; exponent != 0; exponent >>= 1) {
            if (exponent & 1 == 1) result = mulmod(result, base, Field.R);
            base = mulmod(base, base, Field.R);
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Field} from "./Field.sol";

/// @title Checks of a public key on BabyJubJub (ERC-2494), cheap enough for a registration.
library BabyJubJub {
    uint256 internal constant A = 168700;
    uint256 internal constant D = 168696;

    error KeyNotOnCurve(uint256 x, uint256 y);
    error KeyOfSmallOrder(uint256 x, uint256 y);

    /// @notice Accepts (x, y) with a x^2 + y^2 = 1 + d x^2 y^2 whose order is not 1, 2, 4 or 8.
    /// @dev The eight points of small order: x = 0 (orders 1 and 2), y = 0 (order 4), and those that double to y = 0 (order 8),
    /// for which y^2 = a x^2. That the point lies in the prime subgroup is left to the operator, who bounces it otherwise.
    function requireKey(uint256 x, uint256 y) internal pure {
        Field.requireElement(x);
        Field.requireElement(y);
        uint256 xx = mulmod(x, x, Field.R);
        uint256 yy = mulmod(y, y, Field.R);
        uint256 axx = mulmod(A, xx, Field.R);
        uint256 right = addmod(1, mulmod(D, mulmod(xx, yy, Field.R), Field.R), Field.R);
        require(addmod(axx, yy, Field.R) == right, KeyNotOnCurve(x, y));
        require(x != 0 && y != 0 && yy != axx, KeyOfSmallOrder(x, y));
    }
}

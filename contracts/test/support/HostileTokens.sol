// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TestToken} from "../../src/dev/TestToken.sol";

/// @title Takes one unit of every transfer.
contract FeeToken is TestToken {
    uint256 private _fee = 1;

    constructor() TestToken("Fee", "FEE", 6) {}

    function setFee(uint256 fee) external {
        _fee = fee;
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        bool done = super.transferFrom(from, to, amount);
        _burn(to, _fee);
        return done;
    }
}

/// @title Calls somebody back on every transfer, and passes on the reason if that fails.
contract ReentrantToken is TestToken {
    address private _target;
    bytes private _call;

    constructor() TestToken("Reentrant", "RE", 6) {}

    function arm(address target, bytes calldata data) external {
        (_target, _call) = (target, data);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (_target == address(0)) return;
        (bool done, bytes memory reason) = _target.call(_call);
        if (done) return;
        assembly { revert(add(reason, 32), mload(reason)) }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Protocol} from "../generated/Protocol.sol";

/// @title Words of L1 operations and the prefix hash that orders them (spec 5.1.2, 6.2).
library OperationQueue {
    uint256 private constant ACCOUNT_AT = Protocol.WIDTH_OPERATION_KIND;
    uint256 private constant ASSET_AT = ACCOUNT_AT + Protocol.WIDTH_ACCOUNT;
    uint256 private constant AMOUNT_AT = ASSET_AT + Protocol.WIDTH_INSTRUMENT;

    /// @notice q_(i+1) from q_i: binds every operation queued so far, and its place.
    function extend(bytes32 prefix, address depositor, uint256[5] memory words) internal pure returns (bytes32) {
        return keccak256(abi.encode(prefix, depositor, words));
    }

    /// @notice Operation word: kind 3 bits, account 24, asset 18, amount 48. The caller has checked the ranges.
    function pack(uint256 kind, uint256 account, uint256 asset, uint256 amount) internal pure returns (uint256) {
        return kind | account << ACCOUNT_AT | asset << ASSET_AT | amount << AMOUNT_AT;
    }

    /// @notice Whether the operation moves nothing in and cannot be refused.
    function isRequest(uint256 kind) internal pure returns (bool) {
        return kind == Protocol.OPERATION_WITHDRAWAL_REQUEST || kind == Protocol.OPERATION_CLOSE_REQUEST;
    }

    function unpack(uint256 word) internal pure returns (uint256 kind, uint256 account, uint256 asset, uint256 amount) {
        kind = word & (2 ** Protocol.WIDTH_OPERATION_KIND - 1);
        account = word >> ACCOUNT_AT & (2 ** Protocol.WIDTH_ACCOUNT - 1);
        asset = word >> ASSET_AT & (2 ** Protocol.WIDTH_INSTRUMENT - 1);
        amount = word >> AMOUNT_AT;
    }
}

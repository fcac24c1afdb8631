// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RiskInputs} from "../libraries/RiskInputs.sol";
import {IRiskRows} from "./IRiskRows.sol";

/// @title The risk root that follows from the canonical bytes of risk inputs (spec 3.5), worked out in as many transactions as it takes.
interface IRiskTable {
    /// @notice Another part of a bucket is absorbed; all 16 of its rows are when `rows` is 16.
    event BucketAdvanced(bytes32 indexed inputsHash, uint256 indexed bucket, uint256 rows);

    /// @notice The bytes are not risk inputs; `id` says with which instrument, 0 if with none. `Challenges.challengeRow` takes that.
    error MalformedInputs(RiskInputs.Problem problem, uint256 id);
    error InvalidBucket(uint256 bucket);
    error BucketComplete(uint256 bucket);
    error BucketIncomplete(uint256 bucket);

    function riskRows() external view returns (IRiskRows);

    /// @notice Absorbs rows of a bucket, five at a time, until `rows` of them or all 16 are. Anyone: what comes out depends on the bytes alone.
    /// @return done Rows absorbed so far: 5, 10, 15 or 16.
    function advance(bytes calldata inputs, uint256 bucket, uint256 rows) external returns (uint256 done);

    /// @notice Rows of a bucket absorbed so far.
    function progress(bytes32 inputsHash, uint256 bucket) external view returns (uint256 rows);

    /// @notice The root, once every bucket that lists an instrument is complete.
    function rootOf(bytes calldata inputs) external view returns (uint256);
}

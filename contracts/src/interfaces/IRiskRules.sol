// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ParameterRegistry} from "../ParameterRegistry.sol";

/// @title What a batch's risk inputs owe to those of the batch before, to the registry of parameters and to the batch's opening (spec 10.7).
/// @dev Nothing here reverts, given enough gas, whatever the bytes. Malformed inputs break no rule of these: `Challenges.challengeRow` takes
/// them.
interface IRiskRules {
    enum Rule {
        None,
        Listing, // an instrument is no longer listed
        Terms, // its kind, group, strike or expiry is another
        Settlement, // it was settled and is not any more
        ObservationTime, // the prices were not observed later than those before
        Parameters, // the registry had not these in force
        ScanRange // a group's is outside the registry's bounds
    }

    function registry() external view returns (ParameterRegistry);

    /// @notice Milliseconds that prices may be old when a batch opens.
    function maxReportAge() external view returns (uint256);

    /// @notice The first rule that inputs break, of `previous` and of instrument `id`.
    /// @param previous Inputs of the batch before; empty: only parameters and scan ranges are judged.
    /// @param id Instrument whose listing is judged; 0: none.
    function brokenBy(bytes calldata previous, bytes calldata inputs, uint256 id) external view returns (Rule);

    /// @notice Whether the prices were observed after the batch's opening, or too long before.
    /// @param open Unix milliseconds.
    function isStale(bytes calldata inputs, uint256 open) external view returns (bool);
}

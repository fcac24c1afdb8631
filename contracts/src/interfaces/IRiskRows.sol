// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RiskInputs} from "../libraries/RiskInputs.sol";

/// @title The risk row that follows from the canonical bytes of risk inputs (spec 3.6, docs/RISK.md), bit for bit the sequencer's.
interface IRiskRows {
    /// @notice Never reverts, given enough gas: what is wrong with the bytes is an answer.
    /// @param inputs Canonical bytes of risk inputs.
    /// @param id Instrument whose row it is, 1 to 2^18 - 1; a row that the inputs do not list is 18 zeros.
    /// @return problem What is wrong with the bytes, apart from what they say of other instruments than `id`.
    /// @return batch The batch that the inputs are for.
    /// @return row meta, market, long[0..7], short[0..7]; zeros if there is a problem.
    function rowOf(bytes calldata inputs, uint256 id)
        external
        pure
        returns (RiskInputs.Problem problem, uint256 batch, uint256[18] memory row);
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Protocol} from "../generated/Protocol.sol";
import {Field} from "./Field.sol";

/// @title The published words of a batch (spec 5.1): where they stand, what they hold, and their evaluation.
library PublicData {
    uint256 internal constant DOMAIN = 0;
    uint256 internal constant HEADER = 1;
    uint256 internal constant OLD_ROOT = 2;
    uint256 internal constant NEW_ROOT = 3;
    uint256 internal constant OPERATIONS = 5; // word 4 is the ranking root, for its readers alone
    uint256 internal constant OPERATION_WORDS = 5;
    uint256 internal constant BLOCK_WORDS = 8;

    uint256 private constant OPEN_AT = Protocol.WIDTH_BATCH;
    uint256 private constant CLOSE_AT = OPEN_AT + Protocol.WIDTH_TIME;
    uint256 private constant FIRST_OPERATION_AT = CLOSE_AT + Protocol.WIDTH_TIME;
    uint256 private constant OPERATION_COUNT_AT = FIRST_OPERATION_AT + Protocol.WIDTH_OPERATION_INDEX;
    uint256 private constant HEADER_BITS = OPERATION_COUNT_AT + Protocol.WIDTH_OPERATION_COUNT;

    uint256 private constant ASSET_AT = Protocol.WIDTH_OWNER;
    uint256 private constant AMOUNT_AT = ASSET_AT + Protocol.WIDTH_INSTRUMENT;
    uint256 private constant PAYOUT_BITS = AMOUNT_AT + Protocol.WIDTH_AMOUNT;
    uint256 private constant DEPOSIT = 1 << PAYOUT_BITS;
    uint256 private constant RETURN = 2 << PAYOUT_BITS;

    /// @dev Times are Unix milliseconds.
    struct Header {
        uint256 batch;
        uint256 open;
        uint64 close;
        uint256 firstOperation;
        uint256 operationCount;
    }

    error WordNotInField(uint256 index, uint256 word);
    error MalformedHeader(uint256 word);
    error MalformedPayout(uint256 word);

    /// @notice n = 5 + 5L + N + 8K.
    function wordCount(uint256 blocks, uint256 rows, uint256 operations) internal pure returns (uint256) {
        return OPERATIONS + OPERATION_WORDS * operations + rows + BLOCK_WORDS * blocks;
    }

    /// @notice The challenge z: a hash of the circuit's commitment and of the words, so it is fixed after both.
    function challenge(uint256 commitment, bytes32 dataHash) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(commitment, dataHash))) % Field.R;
    }

    /// @notice y = sum of words[i] z^(i+1) mod r, by Horner's rule from the last word. Refuses a word that is not below r.
    function evaluate(uint256[] calldata words, uint256 z) internal pure returns (uint256 y) {
        unchecked {
            for (uint256 i = words.length; i-- > 0;) {
                uint256 word;
                assembly ("memory-safe") {
                    word := calldataload(add(words.offset, shl(5, i))) // words[i] without its bounds check: 70 gas less
                }
                require(word < Field.R, WordNotInField(i, word));
                y = mulmod(y + word, z, Field.R); // y and word are below r < 2^254: their sum cannot overflow
            }
        }
    }

    function unpackHeader(uint256 word) internal pure returns (Header memory header) {
        require(word >> HEADER_BITS == 0, MalformedHeader(word));
        header.batch = word & (2 ** Protocol.WIDTH_BATCH - 1);
        header.open = word >> OPEN_AT & (2 ** Protocol.WIDTH_TIME - 1);
        // forge-lint: disable-next-line(unsafe-typecast) masked to 44 bits
        header.close = uint64(word >> CLOSE_AT & (2 ** Protocol.WIDTH_TIME - 1));
        header.firstOperation = word >> FIRST_OPERATION_AT & (2 ** Protocol.WIDTH_OPERATION_INDEX - 1);
        header.operationCount = word >> OPERATION_COUNT_AT;
    }

    /// @notice A payout has the form of a withdrawal's row word: owner 160 bits, asset 18, amount 48.
    function packPayout(address owner, uint256 asset, uint256 amount) internal pure returns (uint256) {
        return uint160(owner) | asset << ASSET_AT | amount << AMOUNT_AT;
    }

    function unpackPayout(uint256 word) internal pure returns (address owner, uint32 asset, uint256 amount) {
        // forge-lint: disable-next-line(unsafe-typecast) the owner is the low 160 bits
        owner = address(uint160(word));
        // forge-lint: disable-next-line(unsafe-typecast) masked to 18 bits
        asset = uint32(word >> ASSET_AT & (2 ** Protocol.WIDTH_INSTRUMENT - 1));
        amount = word >> AMOUNT_AT & (2 ** Protocol.WIDTH_AMOUNT - 1);
    }

    /// @notice What an operation brings into an account: the form of a payout to nobody, marked.
    function packDeposit(uint256 asset, uint256 amount) internal pure returns (uint256) {
        return DEPOSIT | packPayout(address(0), asset, amount);
    }

    /// @notice What goes back to whom it came from without having been in an account: the form of a payout, marked.
    function packReturn(address owner, uint256 asset, uint256 amount) internal pure returns (uint256) {
        return RETURN | packPayout(owner, asset, amount);
    }

    function isDeposit(uint256 word) internal pure returns (bool) {
        return word & DEPOSIT != 0;
    }

    function isReturn(uint256 word) internal pure returns (bool) {
        return word & RETURN != 0;
    }

    /// @notice Appends a row's payout to the hash that a batch's finalisation must reproduce; an empty list is 0.
    function extendPayouts(bytes32 payouts, uint256 word) internal pure returns (bytes32) {
        require(word >> PAYOUT_BITS == 0, MalformedPayout(word));
        return extendMoves(payouts, word);
    }

    function extendMoves(bytes32 payouts, uint256 word) internal pure returns (bytes32) {
        return keccak256(abi.encode(payouts, word));
    }
}

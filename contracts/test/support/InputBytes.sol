// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Changes to the bytes of the first risk inputs of spec/vectors/risk-rows.json, each in a copy. Perpetuals 3 and 5, spot 7, BTC call
/// 21 and put 22, ETH call 30, settled BTC put 40; groups 1 and 2.
library InputBytes {
    uint256 internal constant OBSERVED_AT = 5;
    uint256 internal constant COUNT_AT = 284;
    uint256 internal constant FIRST_AT = 286;
    uint256 internal constant LINEAR = 39;
    uint256 internal constant OPTION = 47;

    // Within an instrument.
    uint256 internal constant KIND = 4;
    uint256 internal constant FLAGS = 5;
    uint256 internal constant GROUP = 6;
    uint256 internal constant STRIKE = 31;
    uint256 internal constant EXPIRY = 39;

    function at(uint256 id) internal pure returns (uint256) {
        if (id == 3) return FIRST_AT;
        if (id == 5) return FIRST_AT + LINEAR;
        if (id == 7) return FIRST_AT + 2 * LINEAR;
        if (id == 21) return FIRST_AT + 3 * LINEAR;
        if (id == 22) return FIRST_AT + 3 * LINEAR + OPTION;
        if (id == 30) return FIRST_AT + 3 * LINEAR + 2 * OPTION;
        require(id == 40, "not listed");
        return FIRST_AT + 3 * LINEAR + 3 * OPTION;
    }

    function put(bytes memory data, uint256 place, bytes memory change) internal pure returns (bytes memory) {
        return bytes.concat(part(data, 0, place), change, part(data, place + change.length, data.length));
    }

    function observed(bytes memory data, uint256 milliseconds) internal pure returns (bytes memory) {
        return put(data, OBSERVED_AT, bytes.concat(bytes8(uint64(milliseconds))));
    }

    function ofBatch(bytes memory data, uint32 batch) internal pure returns (bytes memory) {
        return put(data, 1, bytes.concat(bytes4(batch)));
    }

    function without(bytes memory data, uint256 id) internal pure returns (bytes memory) {
        uint256 place = at(id);
        uint256 size = id < 21 ? LINEAR : OPTION;
        bytes memory fewer = put(data, COUNT_AT + 1, bytes.concat(bytes1(uint8(data[COUNT_AT + 1]) - 1)));
        return bytes.concat(part(fewer, 0, place), part(fewer, place + size, fewer.length));
    }

    /// @notice As many options like 21 in the place of all instruments, with ids from 1.
    function options(bytes memory data, uint16 count) internal pure returns (bytes memory made) {
        bytes memory head = bytes.concat(part(data, 0, COUNT_AT), bytes2(count));
        bytes memory tail = part(data, at(21) + 4, at(22));
        made = new bytes(head.length + uint256(count) * OPTION);
        for (uint256 i = 0; i < head.length; i++) {
            made[i] = head[i];
        }
        for (uint256 i = 0; i < count; i++) {
            uint256 place = head.length + i * OPTION;
            (made[place + 2], made[place + 3]) = (bytes1(uint8((i + 1) >> 8)), bytes1(uint8(i + 1)));
            for (uint256 j = 0; j < tail.length; j++) {
                made[place + 4 + j] = tail[j];
            }
        }
    }

    function part(bytes memory data, uint256 from, uint256 to) internal pure returns (bytes memory made) {
        made = new bytes(to - from);
        for (uint256 i = 0; i < made.length; i++) {
            made[i] = data[from + i];
        }
    }
}

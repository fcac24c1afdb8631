// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Field} from "../../src/libraries/Field.sol";
import {OperationQueue} from "../../src/libraries/OperationQueue.sol";
import {PublicData} from "../../src/libraries/PublicData.sol";
import {Keys} from "../support/Keys.sol";
import {Test} from "../support/Test.sol";

/// @dev Library calls through an external frame, for calldata and for expectRevert.
contract PublicDataCaller {
    function evaluate(uint256[] calldata words, uint256 z) external pure returns (uint256) {
        return PublicData.evaluate(words, z);
    }

    function unpackHeader(uint256 word) external pure returns (PublicData.Header memory) {
        return PublicData.unpackHeader(word);
    }

    function extendPayouts(bytes32 payouts, uint256 word) external pure returns (bytes32) {
        return PublicData.extendPayouts(payouts, word);
    }
}

contract PublicDataTest is Test {
    PublicDataCaller private immutable lib = new PublicDataCaller();

    function test_evaluate_onSmallNumbersByHand() public view {
        uint256[] memory words = new uint256[](3);
        (words[0], words[1], words[2]) = (5, 7, 11);
        vm.assertEq(lib.evaluate(words, 10), 5 * 10 + 7 * 100 + 11 * 1000, "5z + 7z^2 + 11z^3");
        vm.assertEq(lib.evaluate(words, 0), 0, "z = 0");
        vm.assertEq(lib.evaluate(new uint256[](0), 10), 0, "no words");
    }

    function testFuzz_evaluate_equalsTheSumOfPowers(uint256[] memory words, uint256 z) public view {
        z = bound(z, 0, Field.R - 1);
        uint256 expected = 0;
        for (uint256 i = 0; i < words.length; i++) {
            words[i] = bound(words[i], 0, Field.R - 1);
            expected = addmod(expected, mulmod(words[i], Keys.power(z, i + 1), Field.R), Field.R);
        }
        vm.assertEq(lib.evaluate(words, z), expected, "y");
    }

    function testFuzz_evaluate_differsIfOneBitDiffers(uint256 seed, uint256 at, uint256 bit, uint256 z) public {
        uint256[] memory words = new uint256[](41);
        for (uint256 i = 0; i < words.length; i++) {
            words[i] = uint256(keccak256(abi.encode(seed, i))) >> 3; // below 2^253 < r, also with any of its bits flipped
        }
        z = bound(z, 1, Field.R - 1);
        uint256 before = lib.evaluate(words, z);
        at = bound(at, 0, words.length - 1);
        bit = bound(bit, 0, 255);
        words[at] ^= 1 << bit;
        if (words[at] >= Field.R) {
            vm.expectRevert(abi.encodeWithSelector(PublicData.WordNotInField.selector, at, words[at]));
            lib.evaluate(words, z);
        } else {
            vm.assertNotEq(lib.evaluate(words, z), before, "y of other words");
        }
        words[at] ^= 1 << bit;
        vm.assertEq(lib.evaluate(words, z), before, "y of the same words");
    }

    function testFuzz_evaluate_refusesWordsFromR(uint256 at, uint256 excess) public {
        uint256[] memory words = new uint256[](41);
        at = bound(at, 0, words.length - 1);
        words[at] = Field.R - 1;
        lib.evaluate(words, 3);
        words[at] = bound(excess, Field.R, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(PublicData.WordNotInField.selector, at, words[at]));
        lib.evaluate(words, 3);
    }

    function testFuzz_header_unpacks(uint32 batch, uint48 open, uint48 close, uint40 first, uint16 count) public view {
        (open, close) = (open % 2 ** 44, close % 2 ** 44);
        uint256 word = batch + open * uint256(2 ** 32) + close * uint256(2 ** 76) + first * uint256(2 ** 120) + count
            * uint256(2 ** 160);
        PublicData.Header memory header = lib.unpackHeader(word);
        vm.assertEq(header.batch, batch, "batch");
        vm.assertEq(header.open, open, "open");
        vm.assertEq(header.close, close, "close");
        vm.assertEq(header.firstOperation, first, "firstOperation");
        vm.assertEq(header.operationCount, count, "operationCount");
    }

    function testFuzz_header_refusesBitsAbove(uint256 bit) public {
        bit = bound(bit, 176, 255);
        vm.assertEq(lib.unpackHeader(2 ** 176 - 1).operationCount, 2 ** 16 - 1, "highest bit of the count");
        vm.expectRevert(abi.encodeWithSelector(PublicData.MalformedHeader.selector, 5 | 1 << bit));
        lib.unpackHeader(5 | 1 << bit);
    }

    function testFuzz_payout_roundTrips(address owner, uint24 asset, uint48 amount) public pure {
        asset = asset % 2 ** 18;
        uint256 word = PublicData.packPayout(owner, asset, amount);
        vm.assertEq(
            word, uint160(owner) + asset * uint256(2 ** 160) + amount * uint256(2 ** 178), "form of a row word (5.1.3)"
        );
        (address gotOwner, uint256 gotAsset, uint256 gotAmount) = PublicData.unpackPayout(word);
        vm.assertEq(gotOwner, owner, "owner");
        vm.assertEq(gotAsset, asset, "asset");
        vm.assertEq(gotAmount, amount, "amount");
    }

    function testFuzz_payout_refusesBitsAbove(uint256 bit) public {
        lib.extendPayouts(0, 2 ** 226 - 1);
        bit = bound(bit, 226, 255);
        vm.expectRevert(abi.encodeWithSelector(PublicData.MalformedPayout.selector, 9 | 1 << bit));
        lib.extendPayouts(0, 9 | 1 << bit);
    }

    function testFuzz_operation_roundTrips(uint256 kind, uint24 account, uint24 asset, uint48 amount) public pure {
        kind = bound(kind, 0, 7);
        asset = asset % 2 ** 18;
        uint256 word = OperationQueue.pack(kind, account, asset, amount);
        vm.assertEq(
            word, kind + account * uint256(8) + asset * uint256(2 ** 27) + amount * uint256(2 ** 45), "form of 5.1.2"
        );
        (uint256 gotKind, uint256 gotAccount, uint256 gotAsset, uint256 gotAmount) = OperationQueue.unpack(word);
        vm.assertEq(gotKind, kind, "kind");
        vm.assertEq(gotAccount, account, "account");
        vm.assertEq(gotAsset, asset, "asset");
        vm.assertEq(gotAmount, amount, "amount");
    }
}

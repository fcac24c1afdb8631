// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Protocol} from "./generated/Protocol.sol";
import {IRiskRows} from "./interfaces/IRiskRows.sol";
import {IRiskTable} from "./interfaces/IRiskTable.sol";
import {Poseidon} from "./libraries/Poseidon.sol";
import {RiskInputs} from "./libraries/RiskInputs.sol";

/// @title Works out the risk root of inputs (C# `RiskTree`), so that a root can be refuted whose rows nobody shows.
contract RiskTable is IRiskTable {
    uint256 private constant ELEMENTS = 18;
    /// @dev Five rows are six chunks of the sponge without a rest; the sixteenth is two, padded by zeros.
    uint256 private constant ROWS_AT_ONCE = 5;
    uint256 private constant PARTS = 3;

    struct Progress {
        uint256 sponge;
        uint256 rows;
    }

    IRiskRows public immutable riskRows;
    address private immutable _part0;
    address private immutable _part1;
    address private immutable _part2;

    mapping(bytes32 inputsHash => mapping(uint256 bucket => Progress)) private _progress;

    error WrongTables(bytes32 hash);

    /// @param parts Contracts whose code, each without its first byte (STOP), is Poseidon's tables one after the other.
    constructor(IRiskRows riskRows_, address[PARTS] memory parts) {
        riskRows = riskRows_;
        (_part0, _part1, _part2) = (parts[0], parts[1], parts[2]);
        bytes memory tables;
        for (uint256 i = 0; i < PARTS; i++) {
            tables = bytes.concat(tables, _dataOf(parts[i]));
        }
        require(keccak256(tables) == Poseidon.TABLES_HASH, WrongTables(keccak256(tables)));
    }

    /// @inheritdoc IRiskTable
    function advance(bytes calldata inputs, uint256 bucket, uint256 rows) external returns (uint256 done) {
        require(bucket < 4 ** Protocol.DEPTH_RISK_BUCKETS, InvalidBucket(bucket));
        bytes32 hash = keccak256(inputs);
        Progress storage stored = _progress[hash][bucket];
        done = stored.rows;
        require(done < Protocol.BOUND_ROWS_PER_BUCKET, BucketComplete(bucket));
        rows = Math.min(rows, Protocol.BOUND_ROWS_PER_BUCKET);
        uint256 sponge = done == 0 ? Protocol.TAG_BUCKET : stored.sponge;

        uint256 tables = _load();
        do {
            uint256 count = Math.min(ROWS_AT_ONCE, Protocol.BOUND_ROWS_PER_BUCKET - done);
            sponge = _absorb(tables, sponge, inputs, bucket * Protocol.BOUND_ROWS_PER_BUCKET + done, count);
            done += count;
        } while (done < rows);
        (stored.sponge, stored.rows) = (sponge, done);
        emit BucketAdvanced(hash, bucket, done);
    }

    /// @inheritdoc IRiskTable
    function progress(bytes32 inputsHash, uint256 bucket) external view returns (uint256) {
        return _progress[inputsHash][bucket].rows;
    }

    /// @inheritdoc IRiskTable
    function rootOf(bytes calldata inputs) external view returns (uint256) {
        (RiskInputs.Problem problem, uint256[] memory indices) = RiskInputs.buckets(inputs);
        require(problem == RiskInputs.Problem.None, MalformedInputs(problem, 0));
        bytes32 hash = keccak256(inputs);
        uint256[] memory nodes = new uint256[](indices.length);
        for (uint256 i = 0; i < indices.length; i++) {
            Progress memory stored = _progress[hash][indices[i]];
            require(stored.rows == Protocol.BOUND_ROWS_PER_BUCKET, BucketIncomplete(indices[i]));
            nodes[i] = stored.sponge;
        }
        return _fold(indices, nodes);
    }

    /// @dev The sponge after `count` more rows from `first` on.
    function _absorb(uint256 tables, uint256 sponge, bytes calldata inputs, uint256 first, uint256 count)
        private
        view
        returns (uint256)
    {
        uint256[ELEMENTS * ROWS_AT_ONCE] memory elements;
        for (uint256 i = 0; i < count; i++) {
            (RiskInputs.Problem problem,, uint256[ELEMENTS] memory row) = riskRows.rowOf(inputs, first + i);
            require(problem == RiskInputs.Problem.None, MalformedInputs(problem, first + i));
            for (uint256 j = 0; j < ELEMENTS; j++) {
                elements[ELEMENTS * i + j] = row[j];
            }
        }
        uint256 at;
        assembly ("memory-safe") {
            at := elements
        }
        uint256 chunk = Protocol.BOUND_SPONGE_RATE;
        for (uint256 i = 0; i < ELEMENTS * count; i += chunk) {
            sponge = Poseidon.absorb15(tables, sponge, at + 32 * i);
        }
        return sponge;
    }

    /// @dev The root of the quad tree over the buckets, level by level; what is not there is empty.
    function _fold(uint256[] memory indices, uint256[] memory nodes) private view returns (uint256 empty) {
        uint256 tables = _load();
        uint256 count = nodes.length;
        for (uint256 level = 0; level < Protocol.DEPTH_RISK_BUCKETS; level++) {
            uint256 parents = 0;
            for (uint256 i = 0; i < count;) {
                uint256 parent = indices[i] / 4;
                uint256[4] memory children = [empty, empty, empty, empty];
                for (; i < count && indices[i] / 4 == parent; i++) {
                    children[indices[i] % 4] = nodes[i];
                }
                nodes[parents] = Poseidon.hash4(tables, children[0], children[1], children[2], children[3]);
                indices[parents++] = parent;
            }
            count = parents;
            empty = Poseidon.hash4(tables, empty, empty, empty, empty);
        }
        return count == 0 ? empty : nodes[0];
    }

    /// @dev Copies the tables into memory and returns where they begin.
    function _load() private view returns (uint256 at) {
        address[PARTS] memory parts = [_part0, _part1, _part2];
        bytes memory tables = new bytes(Poseidon.TABLES_SIZE);
        assembly ("memory-safe") {
            at := add(tables, 32)
            let to := at
            for { let i := 0 } lt(i, 3) { i := add(i, 1) } {
                let part := mload(add(parts, shl(5, i)))
                let size := sub(extcodesize(part), 1)
                extcodecopy(part, to, 1, size)
                to := add(to, size)
            }
        }
    }

    function _dataOf(address part) private view returns (bytes memory data) {
        require(part.code.length != 0, WrongTables(0));
        data = new bytes(part.code.length - 1);
        assembly ("memory-safe") {
            extcodecopy(part, add(data, 32), 1, mload(data))
        }
    }
}

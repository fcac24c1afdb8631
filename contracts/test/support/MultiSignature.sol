// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title The least multi-signature: k of n owners sign a call, and it makes the call. Stands for a Safe.
contract MultiSignature {
    uint256 public immutable threshold;
    uint256 public nonce;
    mapping(address account => bool) public isOwner;

    error TooFewSignatures(uint256 count, uint256 threshold);
    error NotASigner(address recovered);

    constructor(address[] memory owners, uint256 threshold_) {
        threshold = threshold_;
        for (uint256 i = 0; i < owners.length; i++) {
            isOwner[owners[i]] = true;
        }
    }

    function digestOf(address target, bytes calldata data) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), nonce, target, keccak256(data)));
    }

    /// @param signatures By ascending address.
    function execute(address target, bytes calldata data, bytes[] calldata signatures) external {
        require(signatures.length >= threshold, TooFewSignatures(signatures.length, threshold));
        bytes32 digest = digestOf(target, data);
        address last;
        for (uint256 i = 0; i < signatures.length; i++) {
            address signer = ECDSA.recover(digest, signatures[i]);
            require(isOwner[signer] && signer > last, NotASigner(signer));
            last = signer;
        }
        nonce++;
        (bool succeeded, bytes memory result) = target.call(data);
        if (!succeeded) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
    }
}

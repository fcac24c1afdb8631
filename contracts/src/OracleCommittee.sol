// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";

/// @title The oracle committee: k of n addresses vouch for the prices that a batch's risk inputs state (spec 10.6).
/// @dev What is signed names the vault's domain (chain, vault, circuit version) and the batch, so no signature serves two of either. The
/// owner replaces members; the vault asks this contract, for good, so a committee that cannot be replaced could stop it.
contract OracleCommittee is IOracleCommittee, Ownable2Step {
    uint256 private constant SIGNATURE_SIZE = 65; // r 32, s 32, v 1 (27 or 28)
    uint256 private constant MOST_MEMBERS = 32;

    /// @notice Milliseconds that a report may be older than the batch's opening.
    uint256 public immutable maxAge;
    /// @notice k: signatures of as many members attest.
    uint256 public threshold;
    /// @notice Of every address ever a member: the composition of the committee that it was last in.
    mapping(address member => uint256) private _composition;
    uint256 private _current;
    address[] private _members;

    event MembersSet(address[] members, uint256 threshold);

    error InvalidMembers();
    error InvalidThreshold(uint256 threshold, uint256 members);
    error InvalidMaxAge();
    error ReportAhead(uint256 reportTime, uint256 open);
    error ReportTooOld(uint256 reportTime, uint256 open);
    error TooFewSignatures(uint256 signatures, uint256 threshold);
    error MalformedSignatures(uint256 length);
    error InvalidSignature(uint256 index);
    error NotMember(address signer);
    error SignersNotAscending(address signer);

    /// @param newMembers Ascending, n of them.
    /// @param newThreshold k, a majority of n: fewer than half cannot attest, and any two sets of k share a member.
    constructor(address[] memory newMembers, uint256 newThreshold, uint256 newMaxAge) Ownable(msg.sender) {
        require(newMaxAge != 0, InvalidMaxAge());
        maxAge = newMaxAge;
        _setMembers(newMembers, newThreshold);
    }

    /// @notice Replaces the whole committee.
    function setMembers(address[] calldata newMembers, uint256 newThreshold) external onlyOwner {
        _setMembers(newMembers, newThreshold);
    }

    /// @inheritdoc IOracleCommittee
    /// @dev `attestations`: 65 bytes a signature, s in the lower half, by ascending address of the signer, so that none counts twice.
    function requireAttested(
        uint256 domain,
        uint32 batch,
        bytes32 riskInputsHash,
        uint256 riskRoot,
        uint256 open,
        uint64 reportTime,
        bytes calldata attestations
    ) external view {
        require(reportTime <= open, ReportAhead(reportTime, open));
        require(open - reportTime <= maxAge, ReportTooOld(reportTime, open));
        require(attestations.length % SIGNATURE_SIZE == 0, MalformedSignatures(attestations.length));
        uint256 count = attestations.length / SIGNATURE_SIZE;
        require(count >= threshold, TooFewSignatures(count, threshold));

        bytes32 hash = keccak256(abi.encode("rollup-risk-inputs", domain, batch, riskInputsHash, riskRoot, reportTime));
        address last = address(0);
        for (uint256 i = 0; i < count; i++) {
            bytes calldata signature = attestations[SIGNATURE_SIZE * i:SIGNATURE_SIZE * (i + 1)];
            (address signer, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(hash, signature);
            require(problem == ECDSA.RecoverError.NoError, InvalidSignature(i));
            require(isMember(signer), NotMember(signer));
            require(signer > last, SignersNotAscending(signer));
            last = signer;
        }
    }

    function isMember(address account) public view returns (bool) {
        return _composition[account] == _current;
    }

    function members() external view returns (address[] memory) {
        return _members;
    }

    function _setMembers(address[] memory newMembers, uint256 newThreshold) private {
        uint256 count = newMembers.length;
        require(newThreshold > count / 2 && newThreshold <= count, InvalidThreshold(newThreshold, count));
        require(count <= MOST_MEMBERS, InvalidMembers());

        _current++;
        address last = address(0);
        for (uint256 i = 0; i < count; i++) {
            require(newMembers[i] > last, InvalidMembers());
            last = newMembers[i];
            _composition[last] = _current;
        }
        _members = newMembers;
        threshold = newThreshold;
        emit MembersSet(newMembers, newThreshold);
    }
}

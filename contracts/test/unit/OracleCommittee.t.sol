// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {OracleCommittee} from "../../src/OracleCommittee.sol";
import {Test} from "../support/Test.sol";
import {VaultFixture} from "../support/VaultFixture.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";

/// @dev spec 10.6.
contract OracleCommitteeTest is Test {
    uint256 private constant DOMAIN = 0xd0;
    uint32 private constant BATCH = 7;
    bytes32 private constant INPUTS = keccak256("risk inputs");
    uint256 private constant RISK_ROOT = 0x415c;
    uint256 private constant OPEN = 1_790_000_010_000;
    uint64 private constant REPORT = 1_790_000_003_000;
    uint256 private constant MAX_AGE = 10_000;
    /// @dev Order of secp256k1.
    uint256 private constant N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    /// @dev Secrets of five members by ascending address, and of a stranger.
    uint256[] private secrets;
    uint256 private constant STRANGER = 0x57a6;
    OracleCommittee private committee;

    function setUp() public {
        secrets = _sorted(5);
        committee = new OracleCommittee(_addresses(secrets), 3, MAX_AGE);
    }

    function test_kMembersAttest() public view {
        _require(_sign(_pick(0, 1, 2)));
        _require(_sign(_pick(1, 3, 4)));
        _require(_sign(secrets));
        vm.assertEq(committee.threshold(), 3, "k");
        vm.assertEq(committee.members().length, 5, "n");
        vm.assertEq(committee.members()[4], vm.addr(secrets[4]), "the last member");
    }

    /// @dev spec/vectors/ethereum.json, made by ethers.
    function test_whatIsSignedIsThatOfTheVectors() public view {
        string memory file = vm.readFile("../spec/vectors/ethereum.json");
        for (uint256 i = 0; i < 3; i++) {
            string memory at = string(abi.encodePacked(".receipts[", bytes1(uint8(48 + i)), "]."));
            bytes32 hash = vm.parseJsonBytes32(file, string.concat(at, "attested"));
            bytes memory signatures;
            for (uint256 j = 0; j < 3; j++) {
                (uint8 v, bytes32 r, bytes32 s) = vm.sign(secrets[j], hash);
                signatures = abi.encodePacked(signatures, r, s, v);
            }
            uint64 time = uint64(vm.parseJsonUint(file, string.concat(at, "time")));
            committee.requireAttested(
                vm.parseJsonUint(file, string.concat(at, "domain")),
                uint32(vm.parseJsonUint(file, string.concat(at, "batch"))),
                vm.parseJsonBytes32(file, string.concat(at, "riskInputsHash")),
                vm.parseJsonUint(file, string.concat(at, "riskRoot")),
                time,
                time,
                signatures
            );
        }
    }

    function test_fewerDoNot() public {
        bytes memory three = _sign(_pick(0, 1, 2));
        bytes memory two = new bytes(130);
        for (uint256 i = 0; i < two.length; i++) {
            two[i] = three[i];
        }
        _refuse(two, abi.encodeWithSelector(OracleCommittee.TooFewSignatures.selector, 2, 3));
        _refuse("", abi.encodeWithSelector(OracleCommittee.TooFewSignatures.selector, 0, 3));
    }

    function test_noMemberCountsTwice() public {
        _refuse(_sign(_pick(0, 1, 1)), abi.encodeWithSelector(OracleCommittee.SignersNotAscending.selector, _at(1)));
        _refuse(_sign(_pick(0, 2, 1)), abi.encodeWithSelector(OracleCommittee.SignersNotAscending.selector, _at(1)));
    }

    function test_strangersDoNotCount() public {
        uint256[] memory signers = _pick(0, 1, 2);
        signers[2] = STRANGER;
        _refuse(_sign(signers), abi.encodeWithSelector(OracleCommittee.NotMember.selector, vm.addr(STRANGER)));
        signers = secrets; // k members beside a stranger do not help either
        signers[0] = STRANGER;
        _refuse(_sign(signers), abi.encodeWithSelector(OracleCommittee.NotMember.selector, vm.addr(STRANGER)));
    }

    function test_eachSignedFieldIsBound() public {
        bytes memory signatures = _sign(_pick(0, 1, 2));
        _require(signatures);
        _refuseOther(DOMAIN + 1, BATCH, INPUTS, RISK_ROOT, REPORT, signatures);
        _refuseOther(DOMAIN, BATCH + 1, INPUTS, RISK_ROOT, REPORT, signatures);
        _refuseOther(DOMAIN, BATCH, keccak256("other inputs"), RISK_ROOT, REPORT, signatures);
        _refuseOther(DOMAIN, BATCH, INPUTS, RISK_ROOT + 1, REPORT, signatures);
        _refuseOther(DOMAIN, BATCH, INPUTS, RISK_ROOT, REPORT + 1, signatures);
    }

    function test_theReportIsNeitherOldNorAhead() public {
        bytes memory signatures = _sign(_pick(0, 1, 2));
        committee.requireAttested(DOMAIN, BATCH, INPUTS, RISK_ROOT, REPORT, REPORT, signatures);
        committee.requireAttested(DOMAIN, BATCH, INPUTS, RISK_ROOT, REPORT + MAX_AGE, REPORT, signatures);
        vm.expectRevert(abi.encodeWithSelector(OracleCommittee.ReportAhead.selector, REPORT, REPORT - 1));
        committee.requireAttested(DOMAIN, BATCH, INPUTS, RISK_ROOT, REPORT - 1, REPORT, signatures);
        uint256 late = REPORT + MAX_AGE + 1;
        vm.expectRevert(abi.encodeWithSelector(OracleCommittee.ReportTooOld.selector, REPORT, late));
        committee.requireAttested(DOMAIN, BATCH, INPUTS, RISK_ROOT, late, REPORT, signatures);
    }

    function test_aSignatureHasOneForm() public {
        bytes memory signatures = _sign(_pick(0, 1, 2));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secrets[1], _hash());
        bytes memory high = abi.encodePacked(r, bytes32(N - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        bytes memory changed = _with(signatures, 65, high);
        vm.assertEq(ecrecover(_hash(), v == 27 ? 28 : 27, r, bytes32(N - uint256(s))), _at(1), "the same signer");
        _refuse(changed, abi.encodeWithSelector(OracleCommittee.InvalidSignature.selector, 1));
        changed = _with(signatures, 65 + 64, abi.encodePacked(v - 27));
        _refuse(changed, abi.encodeWithSelector(OracleCommittee.InvalidSignature.selector, 1));
        changed = abi.encodePacked(signatures, uint8(0));
        _refuse(changed, abi.encodeWithSelector(OracleCommittee.MalformedSignatures.selector, 196));
        changed = _with(signatures, 0, new bytes(65));
        _refuse(changed, abi.encodeWithSelector(OracleCommittee.InvalidSignature.selector, 0));
        _require(signatures);
    }

    function testFuzz_aChangedSignatureIsRefused(uint256 at, uint8 by) public {
        bytes memory signatures = _sign(_pick(0, 1, 2));
        at = bound(at, 0, signatures.length - 1);
        signatures[at] ^= bytes1(uint8(bound(by, 1, 255)));
        try committee.requireAttested(DOMAIN, BATCH, INPUTS, RISK_ROOT, OPEN, REPORT, signatures) {
            revert("accepted");
        } catch (bytes memory reason) {
            bytes4 selector = bytes4(reason);
            bool isNamed =
                selector == OracleCommittee.InvalidSignature.selector || selector == OracleCommittee.NotMember.selector;
            vm.assertTrue(isNamed, "reason");
        }
    }

    function test_theOwnerReplacesTheMembers() public {
        bytes memory before = _sign(_pick(0, 1, 2));
        uint256[] memory next = new uint256[](3);
        (next[0], next[1], next[2]) = (secrets[1], secrets[2], secrets[4]);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(0xbad)));
        vm.prank(address(0xbad));
        committee.setMembers(_addresses(next), 2);

        committee.setMembers(_addresses(next), 2);
        vm.assertEq(committee.isMember(_at(0)), false, "gone");
        vm.assertEq(committee.isMember(_at(1)), true, "still here");
        _refuse(before, abi.encodeWithSelector(OracleCommittee.NotMember.selector, _at(0)));
        _require(_sign(next));
    }

    function test_aCommitteeIsAMajorityOfDistinctMembers() public {
        address[] memory members = _addresses(secrets);
        _expectInvalid(members, 2, abi.encodeWithSelector(OracleCommittee.InvalidThreshold.selector, 2, 5));
        _expectInvalid(members, 6, abi.encodeWithSelector(OracleCommittee.InvalidThreshold.selector, 6, 5));
        _expectInvalid(new address[](0), 0, abi.encodeWithSelector(OracleCommittee.InvalidThreshold.selector, 0, 0));
        members[3] = members[2];
        _expectInvalid(members, 3, abi.encodeWithSelector(OracleCommittee.InvalidMembers.selector));
        members = _addresses(secrets);
        members[0] = address(0);
        _expectInvalid(members, 3, abi.encodeWithSelector(OracleCommittee.InvalidMembers.selector));
        address[] memory many = new address[](33);
        for (uint160 i = 0; i < 33; i++) {
            many[i] = address(i + 1);
        }
        _expectInvalid(many, 17, abi.encodeWithSelector(OracleCommittee.InvalidMembers.selector));
        vm.expectRevert(abi.encodeWithSelector(OracleCommittee.InvalidMaxAge.selector));
        new OracleCommittee(_addresses(secrets), 3, 0);
        committee.setMembers(_addresses(secrets), 5);
        vm.assertEq(committee.threshold(), 5, "all of them");
    }

    // ---- help ----

    function _hash() private pure returns (bytes32) {
        return keccak256(abi.encode("rollup-risk-inputs", DOMAIN, BATCH, INPUTS, RISK_ROOT, REPORT));
    }

    function _require(bytes memory signatures) private view {
        committee.requireAttested(DOMAIN, BATCH, INPUTS, RISK_ROOT, OPEN, REPORT, signatures);
    }

    function _refuse(bytes memory signatures, bytes memory reason) private {
        vm.expectRevert(reason);
        _require(signatures);
    }

    /// @dev Of another message the signatures are somebody else's.
    function _refuseOther(
        uint256 domain,
        uint32 batch,
        bytes32 inputs,
        uint256 riskRoot,
        uint64 time,
        bytes memory signatures
    ) private view {
        try committee.requireAttested(domain, batch, inputs, riskRoot, OPEN, time, signatures) {
            revert("accepted");
        } catch (bytes memory reason) {
            vm.assertEq(bytes32(bytes4(reason)), bytes32(OracleCommittee.NotMember.selector), "reason");
        }
    }

    function _expectInvalid(address[] memory members, uint256 threshold, bytes memory reason) private {
        vm.expectRevert(reason);
        committee.setMembers(members, threshold);
    }

    function _sign(uint256[] memory signers) private pure returns (bytes memory signatures) {
        for (uint256 i = 0; i < signers.length; i++) {
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(signers[i], _hash());
            signatures = abi.encodePacked(signatures, r, s, v);
        }
    }

    function _pick(uint256 a, uint256 b, uint256 c) private view returns (uint256[] memory picked) {
        picked = new uint256[](3);
        (picked[0], picked[1], picked[2]) = (secrets[a], secrets[b], secrets[c]);
    }

    function _at(uint256 place) private view returns (address) {
        return vm.addr(secrets[place]);
    }

    function _with(bytes memory data, uint256 at, bytes memory part) private pure returns (bytes memory changed) {
        changed = bytes.concat(data);
        for (uint256 i = 0; i < part.length; i++) {
            changed[at + i] = part[i];
        }
    }

    function _addresses(uint256[] memory keys) private pure returns (address[] memory addresses) {
        addresses = new address[](keys.length);
        for (uint256 i = 0; i < keys.length; i++) {
            addresses[i] = vm.addr(keys[i]);
        }
    }

    function _sorted(uint256 count) private pure returns (uint256[] memory keys) {
        keys = new uint256[](count);
        for (uint256 i = 0; i < count; i++) {
            uint256 key = 0x1000 + 17 * i;
            uint256 at = i;
            for (; at > 0 && vm.addr(keys[at - 1]) > vm.addr(key); at--) {
                keys[at] = keys[at - 1];
            }
            keys[at] = key;
        }
    }
}

/// @dev The vault and the committee as they are deployed.
contract OracleCommitteeOfAVaultTest is VaultFixture {
    uint256 private constant SECRET = 0x0c0e;

    function test_theVaultTakesABatchThatTheCommitteeVouchesFor() public {
        address[] memory members = new address[](1);
        members[0] = vm.addr(SECRET);
        OracleCommittee committee = new OracleCommittee(members, 1, 10_000);
        vault.setCommittee(committee);

        IRollupVault.Submission memory submission = _submission(_draft(), "inputs");
        submission.reportTime = uint64(START * 1000 - 1000 - 700); // the draft opens a second ago
        vm.expectRevert(abi.encodeWithSelector(OracleCommittee.TooFewSignatures.selector, 0, 1));
        _commitSubmission(submission);
        submission.attestations = _attest(submission, 2);
        vm.expectRevert(); // the signature is of another message, so of somebody else's key
        _commitSubmission(submission);
        submission.attestations = _attest(submission, 1);
        _commitSubmission(submission);
        vm.assertEq(vault.lastCommitted(), 1, "committed");

        vm.warp(START + 60);
        submission = _submission(_draft(), "inputs");
        submission.reportTime = uint64((START + 59) * 1000 - 10_001);
        submission.attestations = _attest(submission, 2);
        vm.expectRevert(
            abi.encodeWithSelector(OracleCommittee.ReportTooOld.selector, submission.reportTime, (START + 59) * 1000)
        );
        _commitSubmission(submission);
        submission.reportTime++;
        submission.attestations = _attest(submission, 2);
        _commitSubmission(submission);
        vm.assertEq(vault.lastCommitted(), 2, "committed");
    }

    function _attest(IRollupVault.Submission memory s, uint32 batch) private view returns (bytes memory) {
        bytes32 hash = keccak256(
            abi.encode("rollup-risk-inputs", vault.domain(), batch, keccak256(s.riskInputs), s.riskRoot, s.reportTime)
        );
        (uint8 v, bytes32 r, bytes32 t) = vm.sign(SECRET, hash);
        return abi.encodePacked(r, t, v);
    }

    function _commitSubmission(IRollupVault.Submission memory submission) private {
        vm.prank(operator, operator);
        vault.commitBatch(submission);
    }
}

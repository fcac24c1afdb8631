// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {Field} from "../../src/libraries/Field.sol";
import {PublicData} from "../../src/libraries/PublicData.sol";
import {Keys} from "../support/Keys.sol";
import {MockCommittee} from "../support/MockCommittee.sol";
import {VaultFixture} from "../support/VaultFixture.sol";

/// @dev spec 6.3. Each refusal changes one thing of a draft that is then accepted unchanged.
contract CommitTest is VaultFixture {
    Draft private draft;

    function setUp() public override {
        super.setUp();
        _register(alice, 100);
        _register(bob, 200);
        _register(bob, 0);
        Draft memory good = _draft();
        _consume(good, registrationWords(2, alice, 100));
        _consume(good, registrationWords(3, bob, 200));
        _withdraw(good, 1, alice, CASH, 42);
        draft = good;
    }

    function test_commit_recordsTheBatch() public {
        bytes32 dataHash = keccak256(abi.encodePacked(draft.words));
        uint256 z = uint256(keccak256(abi.encode(draft.commitment, dataHash))) % Field.R;
        uint256 y = 0;
        for (uint256 i = 0; i < draft.words.length; i++) {
            y = addmod(y, mulmod(draft.words[i], Keys.power(z, i + 1), Field.R), Field.R);
        }
        vm.expectEmit();
        emit IRollupVault.BatchCommitted(1, draft.words[3], draft.riskRoot, dataHash);
        _commit(draft);

        IRollupVault.Batch memory record = vault.batches(1);
        vm.assertEq(record.root, draft.words[3], "root");
        vm.assertEq(record.riskRoot, draft.riskRoot, "riskRoot");
        vm.assertEq(record.commitment, draft.commitment, "commitment");
        vm.assertEq(record.challenge, z, "challenge");
        vm.assertEq(record.evaluation, y, "evaluation");
        bytes32 payouts = keccak256(abi.encode(bytes32(0), draft.words[_rowAt(1)]));
        payouts = keccak256(abi.encode(payouts, 1 << 226 | uint256(100) << 178)); // cash that two accounts take
        payouts = keccak256(abi.encode(payouts, 1 << 226 | uint256(200) << 178));
        vm.assertEq(record.payouts, payouts, "payouts");
        vm.assertEq(record.close, START * 1000, "close");
        vm.assertEq(record.committedAt, START, "committedAt");
        vm.assertEq(record.proveBy, START + PROOF_DEADLINE, "proveBy");
        vm.assertEq(record.riskInputsHash, keccak256("risk inputs"), "riskInputsHash");
        vm.assertEq(record.operationEnd, 2, "operationEnd");
        vm.assertEq(uint256(record.status), uint256(IRollupVault.BatchStatus.Committed), "status");
        vm.assertEq(vault.lastCommitted(), 1, "lastCommitted");
        vm.assertEq(vault.lastFinal(), 0, "lastFinal");
        vm.assertEq(vault.queueHead(), 2, "queueHead");
    }

    function test_commit_onlyByTheOperatorAtTopLevel() public {
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotOperator.selector, anyone));
        vm.prank(anyone, anyone);
        vault.commitBatch(_submission(draft, ""));

        bytes memory notTopLevel = abi.encodeWithSelector(IRollupVault.NotTopLevel.selector, operator);
        vm.expectRevert(notTopLevel);
        vm.prank(operator, anyone);
        vault.commitBatch(_submission(draft, ""));

        vm.etch(operator, hex"ef0100000000000000000000000000000000000000abcd"); // delegated by EIP-7702
        _expectRefused(draft, notTopLevel);
        vm.etch(operator, "");
        _commit(draft);
    }

    /// @dev All of these decode to the same arguments, which a stricter reader of L1 could refuse.
    function test_commit_refusesInputThatNoEncoderWrites() public {
        IRollupVault.Submission memory submission = _submission(draft, hex"010203");
        submission.attestations = hex"0405";
        bytes memory good = abi.encodeCall(vault.commitBatch, (submission));
        uint256 head = 4 + 32; // offsets of the struct's members count from here
        uint256 wordsAt = 9 * 32;
        uint256 inputsAt = wordsAt + 32 + 42 * 32;
        uint256 bouncedAt = inputsAt + 64;
        uint256 attestationsAt = bouncedAt + 32;
        vm.assertEq(good.length, head + attestationsAt + 64, "layout");

        _expectMalformed(bytes.concat(good, hex"00"));
        bytes memory bad = bytes.concat(good);
        bad[head + inputsAt + 32 + 3] = 0x01; // padding
        _expectMalformed(bad);
        bad[head + inputsAt + 32 + 3] = 0x00;
        bad[head + inputsAt + 32 + 31] = 0x01;
        _expectMalformed(bad);
        bad = bytes.concat(good);
        bad[head + attestationsAt + 32 + 2] = 0x01;
        _expectMalformed(bad);
        bad = bytes.concat(good, _slice(good, head + attestationsAt, 64)); // attestations behind the rest
        _point(bad, 1 + 8, good.length - head);
        _expectMalformed(bad);
        bad = bytes.concat(good); // bounced, an empty array, overlapping the zeros of an unused row
        _point(bad, 1 + 4, wordsAt + 32 + 32 * _rowAt(0));
        _expectMalformed(bad);
        bad = bytes.concat(good, _slice(good, head + wordsAt, 43 * 32)); // words behind the rest
        _point(bad, 1, good.length - head);
        _expectMalformed(bad);
        bad = bytes.concat(good, _slice(good, head + inputsAt, 64)); // risk inputs behind the rest
        _point(bad, 1 + 3, good.length - head);
        _expectMalformed(bad);
        bad = bytes.concat(good, _slice(good, head, good.length - head)); // the whole struct again
        _point(bad, 0, good.length - 4);
        _expectMalformed(bad);

        _call(good);
        vm.assertEq(vault.lastCommitted(), 1, "as encoded it is taken");
    }

    function testFuzz_commit_takesBytesOfAnyLength(bytes calldata riskInputs, bytes calldata attestations) public {
        IRollupVault.Submission memory submission = _submission(draft, riskInputs);
        submission.attestations = attestations;
        vm.prank(operator, operator);
        vault.commitBatch(submission);
        vm.assertEq(vault.batches(1).riskInputsHash, keccak256(riskInputs), "their hash is kept");
    }

    function test_commit_keepsReceiptsThatNeverFall() public {
        IRollupVault.Submission memory submission = _submission(draft, "inputs");
        (submission.receiptNumber, submission.receiptHash) = (7, keccak256("seven"));
        vm.prank(operator, operator);
        vault.commitBatch(submission);
        vm.assertEq(vault.batches(1).receiptNumber, 7, "number");
        vm.assertEq(vault.batches(1).receiptHash, keccak256("seven"), "hash");

        submission = _submission(_draft(), "inputs");
        (submission.receiptNumber, submission.receiptHash) = (6, keccak256("seven"));
        _expectRefused(submission, abi.encodeWithSelector(IRollupVault.ReceiptsFall.selector, 6, 7));
        (submission.receiptNumber, submission.receiptHash) = (7, keccak256("another"));
        _expectRefused(submission, abi.encodeWithSelector(IRollupVault.ReceiptsFall.selector, 7, 7));
        submission.receiptHash = keccak256("seven");
        vm.prank(operator, operator);
        vault.commitBatch(submission);
        submission = _submission(_draft(), "inputs");
        (submission.receiptNumber, submission.receiptHash) = (8, keccak256("eight"));
        vm.prank(operator, operator);
        vault.commitBatch(submission);
        vm.assertEq(vault.batches(3).receiptNumber, 8, "it rises");
    }

    function test_commit_asksTheCommittee() public {
        MockCommittee committee = new MockCommittee();
        vault.setCommittee(committee);
        IRollupVault.Submission memory submission = _submission(draft, "inputs");
        (submission.reportTime, submission.attestations) = (uint64(START * 1000 - 1500), "signatures");
        bytes32 attested = keccak256(
            abi.encode(
                vault.domain(),
                uint32(1),
                keccak256("inputs"),
                draft.riskRoot,
                START * 1000 - 1000,
                submission.reportTime,
                bytes("signatures")
            )
        );
        _expectRefused(submission, abi.encodeWithSelector(MockCommittee.NotAttested.selector, attested));
        committee.attest(attested);
        vm.prank(operator, operator);
        vault.commitBatch(submission);
        vm.assertEq(vault.lastCommitted(), 1, "attested");
    }

    function test_commit_refusesEveryOtherWordCount() public {
        Draft memory bad = draft;
        uint256[] memory good = bad.words;
        bad.words = _resized(good, 41);
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.WordCount.selector, 41, 42));
        bad.words = _resized(good, 43);
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.WordCount.selector, 43, 42));
        bad.words = good;
        _commit(bad);
    }

    function test_commit_refusesPublicInputsPlusR() public {
        Draft memory bad = draft;
        bad.commitment += Field.R;
        _expectRefused(bad, abi.encodeWithSelector(Field.NotInField.selector, bad.commitment));
        bad.commitment -= Field.R;
        bad.riskRoot += Field.R;
        _expectRefused(bad, abi.encodeWithSelector(Field.NotInField.selector, bad.riskRoot));
        bad.riskRoot -= Field.R;
        _commit(bad);
    }

    /// @dev The named words and the operations are compared first, so their errors differ; no word is taken as w + r.
    function testFuzz_commit_refusesWordsPlusR(uint256 at) public {
        at = bound(at, 18, 41);
        Draft memory bad = draft;
        bad.words[at] += Field.R;
        _expectRefused(bad, abi.encodeWithSelector(PublicData.WordNotInField.selector, at, bad.words[at]));
        bad.words[at] -= Field.R;
        bad.words[3] += Field.R;
        _expectRefused(bad, abi.encodeWithSelector(PublicData.WordNotInField.selector, 3, bad.words[3]));
        bad.words[3] -= Field.R;
        _commit(bad);
    }

    /// @dev Each word outside the rows and operations that is accepted with a flipped bit changes the evaluation.
    function testFuzz_commit_oneBitOfOneWordChangesTheEvaluation(uint256 at, uint256 bit) public {
        at = bound(at, 16, 41); // new root, ranking root, or a block's word
        if (at < 18) at -= 13;
        bit = bound(bit, 0, 255);
        Draft memory bad = draft;
        bad.words[at] ^= 1 << bit;
        bool inField = bad.words[at] < Field.R;
        if (!inField) {
            _expectRefused(bad, abi.encodeWithSelector(PublicData.WordNotInField.selector, at, bad.words[at]));
        }
        uint256 good = _evaluationOf(draft);
        if (inField) vm.assertNotEq(_evaluationOf(bad), good, "evaluation");
        _commit(draft);
        vm.assertEq(vault.batches(1).evaluation, good, "evaluation of the words as they were");
    }

    function test_commit_bindsTheHeader() public {
        uint256 now_ = START * 1000;
        Draft memory bad = draft;
        bad.words[0] += 1;
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.WrongDomain.selector, bad.words[0], vault.domain()));
        bad.words[0] -= 1;
        bad.words[2] += 1;
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.WrongOldRoot.selector, GENESIS + 1, GENESIS));
        bad.words[2] -= 1;
        uint256 good = bad.words[1];
        bad.words[1] = header(2, now_ - 1000, now_, 0, 2);
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.WrongBatch.selector, 2, 1));
        bad.words[1] = header(0, now_ - 1000, now_, 0, 2);
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.WrongBatch.selector, 0, 1));
        bad.words[1] = header(1, now_ - 1000, now_, 1, 2);
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.WrongFirstOperation.selector, 1, 0));
        bad.words[1] = good | 1 << 176;
        _expectRefused(bad, abi.encodeWithSelector(PublicData.MalformedHeader.selector, bad.words[1]));
        bad.words[1] = good;
        _commit(bad);
    }

    function test_commit_bindsTheTimes() public {
        uint256 now_ = START * 1000;
        Draft memory next = draft;
        next.words[1] = header(1, now_ - 1000, now_ - 2000, 0, 2);
        _expectRefused(
            next, abi.encodeWithSelector(IRollupVault.EpochClosesBeforeOpen.selector, now_ - 1000, now_ - 2000)
        );
        next.words[1] = header(1, now_ - MAX_EPOCH - 1, now_, 0, 2);
        _expectRefused(next, abi.encodeWithSelector(IRollupVault.EpochTooLong.selector, MAX_EPOCH + 1, MAX_EPOCH));
        uint256 latest = now_ + CLOCK_TOLERANCE;
        next.words[1] = header(1, now_, latest + 1, 0, 2);
        _expectRefused(next, abi.encodeWithSelector(IRollupVault.EpochClosesInFuture.selector, latest + 1, latest));
        uint256 earliest = now_ - PROOF_DEADLINE * 1000;
        next.words[1] = header(1, earliest - 1, earliest, 0, 2);
        _expectRefused(next, abi.encodeWithSelector(IRollupVault.EpochTooOld.selector, earliest - 1, earliest));
        next.words[1] = header(1, latest - MAX_EPOCH, latest, 0, 2);
        _commit(next);

        next = _draft();
        next.words[1] = header(2, latest - 1, latest, 2, 0);
        _expectRefused(next, abi.encodeWithSelector(IRollupVault.EpochOpensEarly.selector, latest - 1, latest));
        next.words[1] = header(2, latest, latest, 2, 0);
        _commit(next);
    }

    function test_commit_chainsTheRoots() public {
        _commit(draft);
        Draft memory next = _draft();
        vm.assertEq(next.words[2], draft.words[3], "old root");
        next.words[2] = GENESIS;
        _expectRefused(next, abi.encodeWithSelector(IRollupVault.WrongOldRoot.selector, GENESIS, draft.words[3]));
        next.words[2] = draft.words[3];
        _commit(next);
    }

    function test_commit_boundsTheBatchesThatWait() public {
        // operator (160 bits), frozen and paused (8 each), lastCommitted (32), lastFinal (32) share slot 8.
        uint256 slot = uint160(operator) | uint256(4096) << 176;
        vm.store(address(vault), bytes32(uint256(8)), bytes32(slot));
        vm.assertEq(vault.lastCommitted(), 4096, "slot of lastCommitted");
        Draft memory next = _draft();
        _expectRefused(next, abi.encodeWithSelector(IRollupVault.TooManyPendingBatches.selector, 4096));
        vm.store(address(vault), bytes32(uint256(8)), bytes32(slot | uint256(1) << 208));
        vm.assertEq(vault.lastFinal(), 1, "slot of lastFinal");
        next.words[1] = header(4097, START * 1000, START * 1000, 0, 0);
        _commit(next);
    }

    // ---- operations ----

    function test_operations_refusesMoreThanAreQueuedOrFit() public {
        Draft memory bad = draft;
        bad.words[1] += 1 << 160;
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.TooManyOperations.selector, 3, 2));
        bad.words[1] -= 1 << 160;
        _commit(bad);
        bad = _draft();
        _consume(bad, registrationWords(4, bob, 0));
        _consume(bad, registrationWords(5, bob, 0));
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.OperationsNotQueued.selector, 4, 3));
        bad = _draft();
        _consume(bad, registrationWords(4, bob, 0));
        _commit(bad);
    }

    function testFuzz_operations_refusesAnyOtherWord(uint256 at, uint256 bit) public {
        at = bound(at, 0, 9);
        bit = bound(bit, 0, 255);
        Draft memory bad = draft;
        bad.words[PublicData.OPERATIONS + at] ^= 1 << bit;
        (bytes32 prefix, bytes32 expected) = (_prefixOf(bad), vault.queuePrefix(2));
        vm.assume(bad.words[5] != 0 && bad.words[10] != 0); // a place is empty by its first word
        bytes memory reason = abi.encodeWithSelector(IRollupVault.WrongOperations.selector, prefix, expected);
        uint256 word = bad.words[PublicData.OPERATIONS + at / 5 * 5];
        if (at % 5 == 0 && word & 7 >= 3 && word & 7 <= 4) {
            // Now a request, which says that it was paid the key.
            uint256 key = bad.words[PublicData.OPERATIONS + at + 2];
            reason = abi.encodeWithSelector(IRollupVault.PaidTooMuch.selector, at / 5, key, word >> 45);
        }
        _expectRefused(bad, reason);
        bad.words[PublicData.OPERATIONS + at] ^= 1 << bit;
        vm.assertEq(_prefixOf(bad), expected, "prefix of the words as they were");
        _commit(bad);
    }

    function test_operations_refusesTheirOrder() public {
        Draft memory bad = draft;
        for (uint256 i = 5; i < 10; i++) {
            (bad.words[i], bad.words[i + 5]) = (bad.words[i + 5], bad.words[i]);
        }
        _expectRefused(
            bad, abi.encodeWithSelector(IRollupVault.WrongOperations.selector, _prefixOf(bad), vault.queuePrefix(2))
        );
        _commit(draft);
    }

    function test_operations_refusesWordsInUnusedPlaces() public {
        Draft memory bad = _draft();
        _consume(bad, registrationWords(2, alice, 100));
        bad.words[_operationAt(1)] = 1;
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.PlaceNotEmpty.selector, 1));
        bad.words[_operationAt(1)] = 0;
        for (uint256 i = 1; i < 5; i++) {
            bad.words[_operationAt(1) + i] = i;
            _expectRefused(bad, abi.encodeWithSelector(IRollupVault.PlaceNotEmpty.selector, 1));
            bad.words[_operationAt(1) + i] = 0;
        }
        _commit(bad);
        vm.assertEq(vault.queueHead(), 1, "one consumed");
    }

    function test_operations_refusesBouncesThatArePartlyPublished() public {
        Draft memory bad = _draft();
        _bounce(bad, registrationWords(2, alice, 100));
        bad.words[_operationAt(0) + 3] = 9;
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.PlaceNotEmpty.selector, 0));
        bad.words[_operationAt(0) + 3] = 0;
        _commit(bad);
    }

    function test_operations_bindsTheBouncedWords() public {
        Draft memory bad = _draft();
        uint256[5] memory first = registrationWords(2, alice, 100);
        uint256[5] memory second = registrationWords(3, bob, 200);
        _bounce(bad, first);
        _bounce(bad, second);
        uint256[5][] memory good = bad.bounced;
        bytes32 expected = vault.queuePrefix(2);

        bad.bounced = new uint256[5][](0);
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.BouncedCount.selector, 0, 1));
        bad.bounced = new uint256[5][](1);
        bad.bounced[0] = first;
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.BouncedCount.selector, 1, 2));
        bad.bounced = new uint256[5][](3);
        (bad.bounced[0], bad.bounced[1], bad.bounced[2]) = (first, second, second);
        _expectRefused(bad, abi.encodeWithSelector(IRollupVault.BouncedCount.selector, 3, 2));
        bad.bounced = new uint256[5][](2);
        (bad.bounced[0], bad.bounced[1]) = (second, first);
        _expectRefused(
            bad, abi.encodeWithSelector(IRollupVault.WrongOperations.selector, _prefix(second, first), expected)
        );
        uint256[5] memory dearer = registrationWords(3, bob, 201);
        (bad.bounced[0], bad.bounced[1]) = (first, dearer);
        _expectRefused(
            bad, abi.encodeWithSelector(IRollupVault.WrongOperations.selector, _prefix(first, dearer), expected)
        );
        bad.bounced = good;
        _commit(bad);
        vm.assertTrue(vault.registrations(2).bounced && vault.registrations(3).bounced, "both bounced");
        vm.assertEq(vault.registrations(4).bounced, false, "the third not");
    }

    function test_rows_refusesMalformedWithdrawals() public {
        Draft memory bad = draft;
        bad.words[_rowAt(2)] = 7 | 1 << 226;
        _expectRefused(bad, abi.encodeWithSelector(PublicData.MalformedPayout.selector, bad.words[_rowAt(2)]));
        bad.words[_rowAt(2)] = 0;
        _commit(bad);
    }

    // ---- support ----

    function _expectRefused(IRollupVault.Submission memory submission, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(operator, operator);
        vault.commitBatch(submission);
    }

    function _call(bytes memory input) private returns (bool done, bytes memory reason) {
        vm.prank(operator, operator);
        (done, reason) = address(vault).call(input);
    }

    function _expectMalformed(bytes memory input) private {
        (bool done, bytes memory reason) = _call(input);
        vm.assertEq(done, false, "refused");
        bytes memory expected = abi.encodeWithSelector(IRollupVault.MalformedInput.selector);
        vm.assertEq(keccak256(reason), keccak256(expected), "reason");
    }

    /// @dev Lets the offset of an argument point elsewhere.
    function _point(bytes memory input, uint256 argument, uint256 offset) private pure {
        assembly {
            mstore(add(add(input, 36), mul(32, argument)), offset)
        }
    }

    function _slice(bytes memory input, uint256 at, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 i = 0; i < length; i++) {
            part[i] = input[at + i];
        }
    }

    /// @dev By a vault that forgets it at once.
    function _evaluationOf(Draft memory candidate) private returns (uint256 evaluation) {
        try this.commitAndForget(candidate) {}
        catch (bytes memory reason) {
            return abi.decode(reason, (uint256));
        }
    }

    function commitAndForget(Draft memory candidate) external {
        _commit(candidate);
        uint256 evaluation = vault.batches(1).evaluation;
        assembly {
            mstore(0, evaluation)
            revert(0, 32)
        }
    }

    function _prefixOf(Draft memory candidate) private view returns (bytes32) {
        uint256[5][2] memory places;
        for (uint256 i = 0; i < 10; i++) {
            places[i / 5][i % 5] = candidate.words[PublicData.OPERATIONS + i];
        }
        return _prefix(places[0], places[1]);
    }

    function _prefix(uint256[5] memory first, uint256[5] memory second) private view returns (bytes32) {
        return keccak256(abi.encode(keccak256(abi.encode(bytes32(0), alice, first)), bob, second));
    }

    function _resized(uint256[] memory words, uint256 length) private pure returns (uint256[] memory result) {
        result = new uint256[](length);
        for (uint256 i = 0; i < length && i < words.length; i++) {
            result[i] = words[i];
        }
    }
}

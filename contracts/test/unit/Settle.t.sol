// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {PublicData} from "../../src/libraries/PublicData.sol";
import {ReentrantToken} from "../support/HostileTokens.sol";
import {MockVerifier} from "../support/MockVerifier.sol";
import {VaultFixture} from "../support/VaultFixture.sol";

/// @dev Proofs, finality and claims (spec 6.4, 6.5).
contract SettleTest is VaultFixture {
    uint256[] private none;

    // ---- prove ----

    function test_prove_byAnyoneWithTheInputsAsCommitted() public {
        _commit(_draft());
        IRollupVault.Proof memory proof = _proof(1);
        proof.a[0] ^= 1;
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.ProofRejected.selector, 1));
        vault.proveBatch(1, proof);
        proof.a[0] ^= 1;
        vm.expectEmit();
        emit IRollupVault.BatchProven(1);
        vm.prank(anyone);
        vault.proveBatch(1, proof);
        vm.assertEq(uint256(vault.batches(1).status), uint256(IRollupVault.BatchStatus.Proven), "status");
    }

    function test_prove_bindsEachPublicInput() public {
        _commit(_draft());
        IRollupVault.Batch memory record = vault.batches(1);
        uint256[4] memory inputs = [record.commitment, record.evaluation, record.challenge, record.riskRoot];
        for (uint256 i = 0; i < 4; i++) {
            inputs[i] ^= 1;
            IRollupVault.Proof memory other = verifier.proofOf(inputs);
            inputs[i] ^= 1;
            vm.expectRevert(abi.encodeWithSelector(IRollupVault.ProofRejected.selector, 1));
            vault.proveBatch(1, other);
        }
        vault.proveBatch(1, verifier.proofOf(inputs));
    }

    function test_prove_onlyWhatIsCommittedAndOnce() public {
        _commit(_draft());
        IRollupVault.Proof memory proof = _proof(1);
        _expectNotCommitted(2, IRollupVault.BatchStatus.None, proof);
        _expectNotCommitted(0, IRollupVault.BatchStatus.Final, proof);
        vault.proveBatch(1, proof);
        _expectNotCommitted(1, IRollupVault.BatchStatus.Proven, proof);
        vm.warp(START + CHALLENGE_WINDOW);
        vault.finalizeBatch(1, none);
        _expectNotCommitted(1, IRollupVault.BatchStatus.Final, proof);
    }

    function test_prove_inAnyOrder() public {
        for (uint256 i = 0; i < 3; i++) {
            _commit(_draft());
        }
        IRollupVault.Proof memory ofAnother = _proof(2);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.ProofRejected.selector, 3));
        vault.proveBatch(3, ofAnother);
        _prove(3);
        _prove(1);
        _prove(2);
        vm.warp(START + CHALLENGE_WINDOW);
        for (uint32 batch = 1; batch <= 3; batch++) {
            vault.finalizeBatch(batch, none);
        }
        vm.assertEq(vault.lastFinal(), 3, "lastFinal");
    }

    function test_prove_acceptsNoAnswerButOne() public {
        _commit(_draft());
        IRollupVault.Proof memory proof = _proof(1);
        MockVerifier.Behaviour[5] memory behaviours = [
            MockVerifier.Behaviour.AnswersTwo,
            MockVerifier.Behaviour.AnswersShort,
            MockVerifier.Behaviour.AnswersLong,
            MockVerifier.Behaviour.Reverts,
            MockVerifier.Behaviour.BurnsGas
        ];
        for (uint256 i = 0; i < behaviours.length; i++) {
            verifier.setBehaviour(behaviours[i]);
            vm.expectRevert(abi.encodeWithSelector(IRollupVault.ProofRejected.selector, 1));
            vault.proveBatch(1, proof);
        }
        verifier.setBehaviour(MockVerifier.Behaviour.Honest);
        vault.proveBatch(1, proof);
    }

    function test_prove_capsTheGasAProofCanBurn() public {
        _commit(_draft());
        IRollupVault.Proof memory proof = _proof(1);
        verifier.setBehaviour(MockVerifier.Behaviour.BurnsGas);
        uint256 before = gasleft();
        try vault.proveBatch(1, proof) {
            vm.assertTrue(false, "accepted");
        } catch {}
        uint256 burnt = before - gasleft();
        vm.assertGe(burnt, VERIFIER_GAS, "all that was forwarded");
        vm.assertLe(burnt, VERIFIER_GAS + 50_000, "and no more");
    }

    // ---- finalise ----

    function test_finalize_creditsWithdrawalsThenBounces() public {
        uint32 account = _registerFinal(alice, 1000);
        _deposit(bob, account, ETHER, 30);
        _register(bob, 77);
        Draft memory draft = _draft();
        _bounce(draft, depositWords(account, ETHER, 30));
        _bounce(draft, registrationWords(3, bob, 77));
        _withdraw(draft, 0, alice, CASH, 400);
        _withdraw(draft, 2, alice, CASH, 5);
        uint256[] memory payouts = new uint256[](4);
        payouts[0] = PublicData.packPayout(alice, CASH, 400);
        payouts[1] = PublicData.packPayout(alice, CASH, 5);
        payouts[2] = 2 << 226 | PublicData.packPayout(bob, ETHER, 30);
        payouts[3] = 2 << 226 | PublicData.packPayout(bob, CASH, 77);
        _commit(draft);
        _prove(2);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        vm.expectEmit();
        emit IRollupVault.Credited(alice, CASH, 400);
        vm.expectEmit();
        emit IRollupVault.Credited(alice, CASH, 5);
        vm.expectEmit();
        emit IRollupVault.Credited(bob, ETHER, 30);
        vm.expectEmit();
        emit IRollupVault.Credited(bob, CASH, 77);
        vm.expectEmit();
        emit IRollupVault.BatchFinalized(2, draft.words[3]);
        vm.prank(anyone);
        vault.finalizeBatch(2, payouts);
        vm.assertEq(vault.credits(alice, CASH), 405, "alice's cash");
        vm.assertEq(vault.credits(bob, CASH), 77, "bob's cash");
        vm.assertEq(vault.credits(bob, ETHER), 30, "bob's ether");
        vm.assertEq(vault.lastFinal(), 2, "lastFinal");
    }

    function test_finalize_refusesAllOtherPayouts() public {
        _endow(CASH, 400);
        _endow(ETHER, 6);
        Draft memory draft = _draft();
        _withdraw(draft, 0, alice, CASH, 400);
        _withdraw(draft, 1, bob, ETHER, 6);
        _commit(draft);
        _prove(1);
        vm.warp(START + CHALLENGE_WINDOW);
        uint256[] memory payouts = new uint256[](2);
        (payouts[0], payouts[1]) = (draft.words[_rowAt(0)], draft.words[_rowAt(1)]);
        bytes32 expected = _hash(payouts);

        _expectWrong(none, expected);
        uint256[] memory other = new uint256[](1);
        other[0] = payouts[0];
        _expectWrong(other, expected);
        other = new uint256[](2);
        (other[0], other[1]) = (payouts[1], payouts[0]);
        _expectWrong(other, expected);
        (other[0], other[1]) = (payouts[0], payouts[1] + (1 << 178));
        _expectWrong(other, expected);
        other = new uint256[](3);
        (other[0], other[1]) = (payouts[0], payouts[1]);
        _expectWrong(other, expected);
        vm.assertEq(vault.credits(alice, CASH), 0, "nothing credited yet");
        vault.finalizeBatch(1, payouts);
        vm.assertEq(vault.credits(alice, CASH), 400, "credited");
    }

    function test_finalize_inOrderProvenAfterTheWindow() public {
        _commit(_draft());
        _commit(_draft());
        _prove(2);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.WrongBatch.selector, 2, 1));
        vault.finalizeBatch(2, none);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotProven.selector, 1, IRollupVault.BatchStatus.Committed));
        vault.finalizeBatch(1, none);
        _prove(1);
        vm.warp(START + CHALLENGE_WINDOW - 1);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.ChallengeWindowOpen.selector, 1, START + CHALLENGE_WINDOW));
        vault.finalizeBatch(1, none);
        vm.warp(START + CHALLENGE_WINDOW);
        vault.finalizeBatch(1, none);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.WrongBatch.selector, 1, 2));
        vault.finalizeBatch(1, none);
        vault.finalizeBatch(2, none);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotProven.selector, 3, IRollupVault.BatchStatus.None));
        vault.finalizeBatch(3, none);
    }

    // ---- claim ----

    function test_claim_paysOnceWhoeverCalls() public {
        _creditAlice(CASH, 400, 0);
        uint256 before = cash.balanceOf(alice);
        vm.expectEmit();
        emit IRollupVault.Claimed(alice, CASH, 400);
        vm.prank(anyone);
        vault.claim(alice, CASH);
        vm.assertEq(cash.balanceOf(alice) - before, 400, "paid");
        vm.assertEq(cash.balanceOf(address(vault)), 600, "kept");
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NothingToClaim.selector, alice, 0));
        vault.claim(alice, CASH);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NothingToClaim.selector, anyone, 0));
        vault.claim(anyone, CASH);
    }

    function test_claim_paysLotsInTokenUnits() public {
        _creditAlice(ETHER, 6, 0);
        uint256 before = etherToken.balanceOf(alice);
        vault.claim(alice, ETHER);
        vm.assertEq(etherToken.balanceOf(alice) - before, 6 * uint256(ETHER_LOT), "paid");
    }

    function test_claim_waitsUntilTheAssetIsListed() public {
        _creditAlice(8, 6, 0);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AssetNotListed.selector, 8));
        vault.claim(alice, 8);
        etherToken.mint(address(vault), 60);
        vault.listAsset(8, address(etherToken), 10);
        vault.claim(alice, 8);
        vm.assertEq(etherToken.balanceOf(address(vault)), 0, "all paid");
    }

    function test_claim_keepsTheCreditIfTheTokenRefuses() public {
        ReentrantToken token = new ReentrantToken();
        vault.listAsset(12, address(token), 1);
        _creditAlice(12, 6, 0);
        token.arm(address(token), abi.encodeWithSignature("refuse()"));
        vm.expectRevert(bytes(""));
        vault.claim(alice, 12);
        vm.assertEq(vault.credits(alice, 12), 6, "still credited");
        token.arm(address(0), "");
        vault.claim(alice, 12);
        vm.assertEq(token.balanceOf(alice), 6, "paid");
    }

    function testFuzz_claim_sumsCredits(uint48 first, uint48 second) public {
        uint256 total = uint256(first) + second;
        vm.assume(total != 0);
        _creditAlice(CASH, first, second);
        uint256 before = cash.balanceOf(alice);
        vault.claim(alice, CASH);
        vm.assertEq(cash.balanceOf(alice) - before, total, "paid");
    }

    // ---- support ----

    /// @dev One batch with one or two withdrawals of an account that deposited 1000 atoms.
    function _creditAlice(uint32 asset, uint256 first, uint256 second) private {
        _registerFinal(alice, 1000);
        Draft memory draft = _draft();
        _withdraw(draft, 0, alice, asset, first);
        if (second != 0) _withdraw(draft, 1, alice, asset, second);
        if (asset != CASH || first + second > 1000) _endow(asset, first + second);
        _settle(draft);
    }

    function _hash(uint256[] memory payouts) private pure returns (bytes32 hash) {
        for (uint256 i = 0; i < payouts.length; i++) {
            hash = keccak256(abi.encode(hash, payouts[i]));
        }
    }

    function _expectWrong(uint256[] memory payouts, bytes32 expected) private {
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.WrongPayouts.selector, _hash(payouts), expected));
        vault.finalizeBatch(1, payouts);
    }

    function _expectNotCommitted(uint32 batch, IRollupVault.BatchStatus status, IRollupVault.Proof memory proof)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotCommitted.selector, batch, status));
        vault.proveBatch(batch, proof);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Challenges} from "../../src/Challenges.sol";
import {RollupVault} from "../../src/RollupVault.sol";
import {IRiskRules} from "../../src/interfaces/IRiskRules.sol";
import {IRiskTable} from "../../src/interfaces/IRiskTable.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {IRowVerifier} from "../../src/interfaces/IRowVerifier.sol";
import {PublicData} from "../../src/libraries/PublicData.sol";
import {RiskInputs} from "../../src/libraries/RiskInputs.sol";
import {ChallengesFixture} from "../support/ChallengesFixture.sol";
import {GasSnapshots} from "../support/GasSnapshots.sol";
import {FeeToken, ReentrantToken} from "../support/HostileTokens.sol";
import {InputBytes} from "../support/InputBytes.sol";
import {MockRowVerifier} from "../support/MockRowVerifier.sol";
import {Registries} from "../support/Registries.sol";

/// @dev spec 10.1.
contract ChallengesBondTest is ChallengesFixture {
    function test_depositBond_isAnybodys() public {
        vm.expectEmit();
        emit Challenges.BondDeposited(anyone, 55, BOND + 55);
        vm.prank(anyone);
        challenges.depositBond(55);
        vm.assertEq(challenges.bond(), BOND + 55, "bond");
        vm.assertEq(cash.balanceOf(address(challenges)), BOND + 55, "held");
        _expect(abi.encodeWithSelector(Challenges.InvalidAmount.selector, 0));
        challenges.depositBond(0);
        vm.prank(anyone);
        _expect(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, anyone, 1e12 - 55, type(uint128).max)
        );
        challenges.depositBond(type(uint128).max);
    }

    function test_withdrawBond_afterItsDelay() public {
        vm.startPrank(guarantor);
        _expect(abi.encodeWithSelector(Challenges.NothingAnnounced.selector));
        challenges.withdrawBond();
        vm.expectEmit();
        emit Challenges.WithdrawalAnnounced(400, START + WITHDRAWAL_DELAY);
        challenges.announceWithdrawal(400);
        vm.warp(START + WITHDRAWAL_DELAY - 1);
        _expect(abi.encodeWithSelector(Challenges.TooEarly.selector, START + WITHDRAWAL_DELAY));
        challenges.withdrawBond();
        vm.warp(START + WITHDRAWAL_DELAY);
        vm.expectEmit();
        emit Challenges.BondWithdrawn(400, BOND - 400);
        challenges.withdrawBond();
        _expect(abi.encodeWithSelector(Challenges.NothingAnnounced.selector));
        challenges.withdrawBond();
        vm.stopPrank();

        uint256 before = cash.balanceOf(guarantor);
        challenges.claim(guarantor);
        vm.assertEq(cash.balanceOf(guarantor) - before, 400, "paid");
        vm.assertEq(cash.balanceOf(address(challenges)), BOND - 400, "left");
    }

    function test_withdrawBond_theLatestAnnouncementCounts() public {
        vm.startPrank(guarantor);
        challenges.announceWithdrawal(400);
        vm.warp(START + 100);
        challenges.announceWithdrawal(BOND);
        vm.warp(START + WITHDRAWAL_DELAY);
        _expect(abi.encodeWithSelector(Challenges.TooEarly.selector, START + 100 + WITHDRAWAL_DELAY));
        challenges.withdrawBond();
        vm.warp(START + 100 + WITHDRAWAL_DELAY);
        challenges.withdrawBond();
        vm.assertEq(challenges.bond(), 0, "all of it");
    }

    function test_announceWithdrawal_ofNoMoreThanThereIs() public {
        vm.startPrank(guarantor);
        _expect(abi.encodeWithSelector(Challenges.InvalidAmount.selector, 0));
        challenges.announceWithdrawal(0);
        _expect(abi.encodeWithSelector(Challenges.InvalidAmount.selector, BOND + 1));
        challenges.announceWithdrawal(BOND + 1);
        challenges.announceWithdrawal(BOND);
    }

    function test_theBondIsTheGuarantorsAlone() public {
        bytes memory reason = abi.encodeWithSelector(Challenges.NotGuarantor.selector, operator);
        vm.startPrank(operator);
        _expect(reason);
        challenges.announceWithdrawal(1);
        _expect(reason);
        challenges.withdrawBond();
        _expect(reason);
        challenges.addSequencer(operator);
    }

    function test_withdrawBond_notWhileABatchIsPending() public {
        _announceAndWait();
        _commit(_draft());
        vm.prank(guarantor);
        _expect(abi.encodeWithSelector(Challenges.StillPending.selector, 0, 1, 0));
        challenges.withdrawBond();
        _prove(1);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        vault.finalizeBatch(1, new uint256[](0));
        vm.prank(guarantor);
        challenges.withdrawBond();
    }

    function test_withdrawBond_notWhileAChallengeIsOpen() public {
        _announceAndWait();
        _commit(_draft());
        vm.prank(challenger);
        challenges.challengeUnproven(1);
        _prove(1);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        vault.finalizeBatch(1, new uint256[](0));
        vm.prank(guarantor);
        _expect(abi.encodeWithSelector(Challenges.StillPending.selector, 1, 1, 1));
        challenges.withdrawBond();
        challenges.settleUnproven(1);
        vm.prank(guarantor);
        challenges.withdrawBond();
    }

    function test_forfeitBond_onceFrozenItIsTheUsers() public {
        _announceAndWait();
        _expect(abi.encodeWithSelector(Challenges.VaultNotFrozen.selector));
        challenges.forfeitBond();
        _commit(_draft());
        vm.warp(block.timestamp + PROOF_DEADLINE + 1);
        vault.freeze();
        vm.prank(guarantor);
        _expect(abi.encodeWithSelector(Challenges.VaultFrozen.selector));
        challenges.withdrawBond();
        vm.expectEmit();
        emit Challenges.BondForfeited(BOND);
        challenges.forfeitBond();
        _expect(abi.encodeWithSelector(Challenges.NoBond.selector));
        challenges.forfeitBond();
        uint256 before = cash.balanceOf(address(vault));
        challenges.forwardSurplus();
        vm.assertEq(cash.balanceOf(address(vault)) - before, BOND, "all of it");
    }

    function test_forfeitBond_waitsForChallengers() public {
        _commit(_draft());
        vm.prank(challenger);
        challenges.challengeUnproven(1);
        vm.warp(START + URGENT + 1);
        vault.freeze();
        _expect(abi.encodeWithSelector(Challenges.StillPending.selector, 0, 1, 1));
        challenges.forfeitBond();
        challenges.settleUnproven(1);
        vm.assertEq(challenges.credits(challenger), STAKE + BOND / 2, "the challenger's share");
        _expect(abi.encodeWithSelector(Challenges.NoBond.selector));
        challenges.forfeitBond();
    }

    function test_forwardSurplus_toTheInsuranceFund() public {
        _expect(abi.encodeWithSelector(Challenges.NothingToForward.selector));
        challenges.forwardSurplus();
        cash.mint(address(challenges), 77); // sent by mistake
        vm.expectEmit();
        emit Challenges.SurplusForwarded(77);
        challenges.forwardSurplus();
        vm.assertEq(vault.queueTail(), 1, "a deposit");
        vm.assertEq(cash.balanceOf(address(vault)), 77, "in the vault");
        vm.assertEq(cash.balanceOf(address(challenges)), BOND, "the bond stays");
        cash.mint(address(challenges), 2 ** 48 + 5); // more than one deposit may hold
        challenges.forwardSurplus();
        challenges.forwardSurplus();
        vm.assertEq(cash.balanceOf(address(vault)), 77 + 2 ** 48 + 5, "in two");
    }

    function test_claim_onlyWhatIsCredited() public {
        _expect(abi.encodeWithSelector(Challenges.NothingToClaim.selector, guarantor));
        challenges.claim(guarantor);
    }

    function test_addSequencer() public {
        address key = address(0x4e4);
        vm.startPrank(guarantor);
        _expect(abi.encodeWithSelector(Challenges.InvalidConfiguration.selector, "sequencer"));
        challenges.addSequencer(address(0));
        vm.assertEq(challenges.isSequencer(key), false, "before");
        vm.expectEmit();
        emit Challenges.SequencerAdded(key);
        challenges.addSequencer(key);
        vm.assertEq(challenges.isSequencer(key), true, "after");
        vm.assertEq(challenges.isSequencer(vm.addr(SEQUENCER)), true, "the first stays");
    }

    function test_aTokenThatTakesAFeeIsRefused() public {
        FeeToken token = new FeeToken();
        Challenges other = _over(address(token));
        token.mint(anyone, 1000);
        vm.startPrank(anyone);
        token.approve(address(other), 1000);
        _expect(abi.encodeWithSelector(Challenges.TransferMismatch.selector, 500, 499));
        other.depositBond(500);
        token.setFee(0);
        other.depositBond(500);
    }

    function test_aTokenThatCallsBackChangesNothing() public {
        ReentrantToken token = new ReentrantToken();
        Challenges other = _over(address(token));
        token.mint(anyone, 5000);
        vm.startPrank(anyone);
        token.approve(address(other), 5000);
        bytes memory reason = abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        bytes[4] memory calls = [
            abi.encodeCall(Challenges.depositBond, (1)),
            abi.encodeCall(Challenges.claim, (guarantor)),
            abi.encodeCall(Challenges.forwardSurplus, ()),
            abi.encodeCall(Challenges.settleUnproven, (1))
        ];
        for (uint256 i = 0; i < calls.length; i++) {
            token.arm(address(other), calls[i]);
            _expect(reason);
            other.depositBond(500);
        }
        token.arm(address(0), "");
        other.depositBond(500);
        vm.stopPrank();
        vm.startPrank(guarantor);
        other.announceWithdrawal(400);
        vm.warp(START + WITHDRAWAL_DELAY);
        other.withdrawBond();
        vm.stopPrank();
        token.arm(address(other), abi.encodeCall(Challenges.claim, (guarantor)));
        _expect(reason);
        other.claim(guarantor);
        token.arm(address(0), "");
        other.claim(guarantor);
        vm.assertEq(token.balanceOf(guarantor), 400, "once");
    }

    function test_configuration_isChecked() public {
        Challenges.Configuration memory c = challengesConfiguration();
        c.vault = IRollupVault(address(0xdead));
        _expectInvalid(c, "vault");
        c = challengesConfiguration();
        c.riskTable = IRiskTable(address(0xdead));
        _expectInvalid(c, "riskTable");
        c = challengesConfiguration();
        c.riskRules = IRiskRules(address(0xdead));
        _expectInvalid(c, "riskRules");
        c = challengesConfiguration();
        c.rowVerifier = IRowVerifier(address(0xdead));
        _expectInvalid(c, "rowVerifier");
        c = challengesConfiguration();
        c.guarantor = address(0);
        _expectInvalid(c, "guarantor");
        c = challengesConfiguration();
        c.sequencer = address(0);
        _expectInvalid(c, "sequencer");
        c = challengesConfiguration();
        c.challengeBond = 0;
        _expectInvalid(c, "challengeBond");
        c = challengesConfiguration();
        c.urgentDeadline = 0;
        _expectInvalid(c, "urgentDeadline");
        c.urgentDeadline = PROOF_DEADLINE;
        _expectInvalid(c, "urgentDeadline");
        c = challengesConfiguration();
        c.withdrawalDelay = CHALLENGE_WINDOW - 1;
        _expectInvalid(c, "withdrawalDelay");
        c.withdrawalDelay = 365 days + 1;
        _expectInvalid(c, "withdrawalDelay");
        c = challengesConfiguration();
        c.verifierGas = 0;
        _expectInvalid(c, "verifierGas");
        new Challenges(challengesConfiguration());
    }

    function test_aDevelopmentKeyIsForLocalChains() public {
        rowVerifier.setDevelopmentKey(true);
        new Challenges(challengesConfiguration());
        vm.chainId(1);
        _expect(abi.encodeWithSelector(Challenges.DevelopmentKey.selector, 1));
        new Challenges(challengesConfiguration());
        rowVerifier.setDevelopmentKey(false);
        new Challenges(challengesConfiguration());
    }

    function _announceAndWait() private {
        vm.prank(guarantor);
        challenges.announceWithdrawal(BOND);
        vm.warp(START + WITHDRAWAL_DELAY);
    }

    function _expectInvalid(Challenges.Configuration memory config, string memory field) private {
        _expect(abi.encodeWithSelector(Challenges.InvalidConfiguration.selector, field));
        new Challenges(config);
    }

    /// @dev Challenges of a vault whose cash is `token`.
    function _over(address token) private returns (Challenges) {
        IRollupVault.Configuration memory config = configuration();
        config.cashToken = IERC20Metadata(token);
        Challenges.Configuration memory c = challengesConfiguration();
        c.vault = new RollupVault(config);
        return new Challenges(c);
    }

    function _expect(bytes memory reason) private {
        vm.expectRevert(reason);
    }
}

/// @dev spec 10.2.
contract ChallengeUnprovenTest is ChallengesFixture {
    function test_notProvenInTime_freezesAndPays() public {
        _commit(_draft());
        uint256 before = cash.balanceOf(challenger);
        vm.expectEmit();
        emit Challenges.UnprovenChallenged(1, challenger, START + URGENT);
        _challenge(1);
        vm.assertEq(vault.batches(1).proveBy, START + URGENT, "shortened");
        vm.assertEq(before - cash.balanceOf(challenger), STAKE, "staked");
        vm.warp(START + URGENT);
        vm.expectRevert(abi.encodeWithSelector(Challenges.ProofStillDue.selector, 1, START + URGENT));
        challenges.settleUnproven(1);
        vm.warp(START + URGENT + 1);
        vm.expectEmit();
        emit Challenges.Upheld(Challenges.Offence.Unproven, 1, challenger, BOND / 2);
        vm.prank(anyone);
        challenges.settleUnproven(1);

        vm.assertEq(vault.frozen(), true, "frozen");
        vm.assertEq(challenges.bond(), 0, "bond");
        challenges.claim(challenger);
        vm.assertEq(cash.balanceOf(challenger), before + BOND / 2, "stake and half the bond");
        challenges.forwardSurplus();
        vm.assertEq(cash.balanceOf(address(vault)), BOND - BOND / 2, "the users' half");
        vm.assertEq(cash.balanceOf(address(challenges)), 0, "nothing is left");
        vm.expectRevert(abi.encodeWithSelector(Challenges.NotChallenged.selector, 1));
        challenges.settleUnproven(1);
    }

    function test_provenInTime_theStakeIsTheGuarantors() public {
        _commit(_draft());
        _challenge(1);
        _prove(1);
        vm.warp(START + URGENT);
        vm.expectEmit();
        emit Challenges.UnprovenAnswered(1, guarantor, true);
        challenges.settleUnproven(1);
        vm.assertEq(challenges.credits(guarantor), STAKE, "stake");
        vm.assertEq(challenges.credits(challenger), 0, "none for the challenger");
        vm.assertEq(challenges.bond(), BOND, "bond");
        vm.assertEq(vault.frozen(), false, "not frozen");
        vm.assertEq(challenges.openDemands(), 0, "closed");
    }

    /// @dev So that a proof that comes after its time, before the challenge ends, does not take the stake.
    function test_provenAndEndedTooLate_theStakeGoesBack() public {
        _commit(_draft());
        _challenge(1);
        vm.warp(START + URGENT + 1);
        _prove(1);
        vm.expectEmit();
        emit Challenges.UnprovenAnswered(1, challenger, false);
        challenges.settleUnproven(1);
        vm.assertEq(challenges.credits(challenger), STAKE, "stake");
        vm.assertEq(challenges.bond(), BOND, "bond");
        vm.assertEq(vault.frozen(), false, "not frozen");
    }

    function test_whoeverFreezes_theChallengerIsPaid() public {
        _commit(_draft());
        _challenge(1);
        vm.warp(START + URGENT + 1);
        vm.prank(operator);
        vault.freeze();
        challenges.settleUnproven(1);
        vm.assertEq(challenges.credits(challenger), STAKE + BOND / 2, "stake and half the bond");
    }

    function test_theDeadlineNeverGetsLater() public {
        _commit(_draft());
        uint256 due = START + PROOF_DEADLINE;
        vm.warp(due - 60);
        _challenge(1);
        vm.assertEq(vault.batches(1).proveBy, due, "as it was");
        vm.warp(due);
        vm.expectRevert(abi.encodeWithSelector(Challenges.ProofStillDue.selector, 1, due));
        challenges.settleUnproven(1);
        vm.warp(due + 1);
        challenges.settleUnproven(1);
        vm.assertEq(vault.frozen(), true, "frozen");
    }

    function test_whatIsOverdueAlreadyIsUpheldAtOnce() public {
        _commit(_draft());
        vm.warp(START + PROOF_DEADLINE + 1);
        _challenge(1);
        challenges.settleUnproven(1);
        vm.assertEq(vault.frozen(), true, "frozen");
        vm.assertEq(challenges.credits(challenger), STAKE + BOND / 2, "stake and half the bond");
    }

    function test_onlyTheOldestUnprovenBatch() public {
        _commit(_draft());
        _commit(_draft());
        _commit(_draft());
        _prove(2);
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(Challenges.EarlierUnproven.selector, 1));
        challenges.challengeUnproven(3);
        _challenge(1);
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(Challenges.AlreadyChallenged.selector, 1));
        challenges.challengeUnproven(1);
        _prove(1);
        _challenge(3);
        vm.assertEq(challenges.openDemands(), 2, "open");
    }

    function test_onlyACommittedBatch() public {
        _expectNotCommitted(0, IRollupVault.BatchStatus.Final);
        _expectNotCommitted(1, IRollupVault.BatchStatus.None);
        _expectNotCommitted(type(uint32).max, IRollupVault.BatchStatus.None);
        _commit(_draft());
        _prove(1);
        _expectNotCommitted(1, IRollupVault.BatchStatus.Proven);
        vm.warp(START + CHALLENGE_WINDOW);
        vault.finalizeBatch(1, new uint256[](0));
        _expectNotCommitted(1, IRollupVault.BatchStatus.Final);
        _commit(_draft());
        _challenge(2);
    }

    function test_notOnceTheVaultIsFrozen() public {
        _commit(_draft());
        vm.warp(START + PROOF_DEADLINE + 1);
        vault.freeze();
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(Challenges.VaultFrozen.selector));
        challenges.challengeUnproven(1);
    }

    function test_theStakeMustArrive() public {
        _commit(_draft());
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(challenges), 0, STAKE)
        );
        challenges.challengeUnproven(1);
        vm.assertEq(vault.batches(1).proveBy, START + PROOF_DEADLINE, "not shortened");
    }

    function test_anAnnouncedWithdrawalDoesNotOutliveTheBond() public {
        vm.prank(guarantor);
        challenges.announceWithdrawal(BOND);
        _commit(_draft());
        _challenge(1);
        vm.warp(START + URGENT + 1);
        challenges.settleUnproven(1);
        (uint256 amount,) = challenges.withdrawal();
        vm.assertEq(amount, 0, "announced");
    }

    /// @dev Whenever what happens, the contract holds what it owes and a stake goes to one of the two.
    function testFuzz_nothingIsLost(uint256 proveAt, uint256 settleAt, bool proves, uint96 more) public {
        cash.mint(guarantor, more);
        if (more != 0) {
            vm.prank(guarantor);
            challenges.depositBond(more);
        }
        uint256 all = BOND + more;
        _commit(_draft());
        _challenge(1);
        if (proves) {
            vm.warp(bound(proveAt, START, START + PROOF_DEADLINE));
            _prove(1);
        }
        uint256 at = bound(settleAt, block.timestamp, START + 2 * PROOF_DEADLINE);
        bool inTime = at <= START + URGENT;
        if (!proves && inTime) at = START + URGENT + 1;
        vm.warp(at);
        challenges.settleUnproven(1);
        vm.assertEq(challenges.credits(guarantor), proves && inTime ? STAKE : 0, "guarantor");
        uint256 reward = proves ? 0 : all / 2;
        vm.assertEq(challenges.credits(challenger), reward + (proves && inTime ? 0 : STAKE), "challenger");
        vm.assertEq(challenges.bond(), proves ? all : 0, "bond");
        vm.assertEq(vault.frozen(), !proves, "frozen");
        vm.assertEq(cash.balanceOf(address(challenges)), all + STAKE, "all is here");
    }

    function _challenge(uint32 batch) private {
        vm.prank(challenger);
        challenges.challengeUnproven(batch);
    }

    function _expectNotCommitted(uint32 batch, IRollupVault.BatchStatus status) private {
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(Challenges.NotCommitted.selector, batch, status));
        challenges.challengeUnproven(batch);
    }
}

/// @dev spec 10.3. Instruments of the inputs: 3 and 5 perpetuals, 7 spot, 21, 22 and 30 options, 40 settled at 9,100,009.
contract ChallengeRowTest is ChallengesFixture {
    function test_aRowThatDoesNotFollowFromTheInputs() public {
        uint32 batch = _commitInputs();
        uint256[18] memory row = _rowOf(21);
        row[7] += 1;
        vm.expectEmit();
        emit Challenges.RowRefuted(batch, 21, RiskInputs.Problem.None);
        vm.expectEmit();
        emit Challenges.Upheld(Challenges.Offence.Row, batch, challenger, BOND / 2);
        vm.expectEmit();
        emit IRollupVault.Frozen(IRollupVault.FreezeReason.Challenge, 0, 0);
        _challenge(batch, 21, row);
        vm.assertEq(vault.frozen(), true, "frozen");
        vm.assertEq(challenges.credits(challenger), BOND / 2, "reward");
        vm.assertEq(challenges.bond(), 0, "bond");
    }

    function test_everyElementOfEveryKind() public {
        uint32 batch = _commitInputs();
        _tell(40, 9_100_009);
        uint256[6] memory ids = [uint256(3), 7, 21, 22, 40, 4];
        for (uint256 i = 0; i < ids.length; i++) {
            _expectAsExpected(batch, ids[i]);
        }
        for (uint256 element = 0; element < 18; element++) {
            uint256 id = ids[element % ids.length];
            uint256[18] memory row = _rowOf(id);
            row[element] ^= 1;
            // As if nothing had happened, so that the next one finds a vault that is not frozen.
            uint256 state = vm.snapshotState();
            _challenge(batch, id, row);
            vm.assertEq(vault.frozen(), true, "frozen");
            vm.revertToState(state);
        }
        vm.assertEq(vault.frozen(), false, "as it was");
    }

    function test_aProvenBatchToo() public {
        uint32 batch = _commitInputs();
        _prove(batch);
        uint256[18] memory row = _rowOf(3);
        row[0] += 1;
        _challenge(batch, 3, row);
        vm.assertEq(vault.frozen(), true, "frozen");
    }

    function test_aRowAsItShouldBeIsNoReason() public {
        uint32 batch = _commitInputs();
        _expectAsExpected(batch, 21);
        _expectAsExpected(batch, 3);
        _expectAsExpected(batch, 4); // not listed: zeros
        _expectAsExpected(batch, 0);
    }

    function test_theProofMustBeOfThisRowUnderThisRoot() public {
        uint32 first = _commitInputs();
        _setBatch(2);
        uint32 second = _commitInputs();
        uint256[18] memory row = _rowOf(21);
        row[7] += 1;
        IRollupVault.Proof memory other = _rowProof(first, 21, row);
        bytes memory reason = abi.encodeWithSelector(Challenges.RowProofRejected.selector, 21);
        vm.startPrank(challenger);
        vm.expectRevert(reason);
        challenges.challengeRow(second, inputs, 21, row, other);
        other = _rowProof(second, 22, row);
        vm.expectRevert(reason);
        challenges.challengeRow(second, inputs, 21, row, other);
        row[7] += 1;
        other = _rowProof(second, 21, row);
        row[7] -= 1;
        vm.expectRevert(reason);
        challenges.challengeRow(second, inputs, 21, row, other);
        other = _rowProof(second, 21, row);
        challenges.challengeRow(second, inputs, 21, row, other);
    }

    function test_onlyTheVerifiersOneWordCounts() public {
        uint32 batch = _commitInputs();
        uint256[18] memory row = _rowOf(21);
        row[7] += 1;
        IRollupVault.Proof memory proof = _rowProof(batch, 21, row);
        bytes memory reason = abi.encodeWithSelector(Challenges.RowProofRejected.selector, 21);
        for (uint256 how = 1; how <= uint256(MockRowVerifier.Behaviour.BurnsGas); how++) {
            rowVerifier.setBehaviour(MockRowVerifier.Behaviour(how));
            vm.prank(challenger);
            vm.expectRevert(reason);
            challenges.challengeRow(batch, inputs, 21, row, proof);
        }
        rowVerifier.setBehaviour(MockRowVerifier.Behaviour.Honest);
        _challenge(batch, 21, row);
    }

    function test_theInputsAreThoseOfTheBatch() public {
        uint32 batch = _commitInputs();
        bytes32 expected = keccak256(inputs);
        uint256[18] memory row = _rowOf(21);
        row[7] += 1;
        IRollupVault.Proof memory proof = _rowProof(batch, 21, row);
        inputs[100] ^= 0x01;
        vm.expectRevert(abi.encodeWithSelector(Challenges.WrongRiskInputs.selector, keccak256(inputs), expected));
        challenges.challengeRow(batch, inputs, 21, row, proof);
        inputs[100] ^= 0x01;
        challenges.challengeRow(batch, inputs, 21, row, proof);
    }

    function test_malformedInputsNeedNoProof() public {
        inputs[0] = 0x03;
        uint32 batch = _commitInputs();
        vm.expectEmit();
        emit Challenges.RowRefuted(batch, 0, RiskInputs.Problem.Version);
        _challengeWithoutProof(batch, 0);
        vm.assertEq(vault.frozen(), true, "frozen");
        vm.assertEq(challenges.credits(challenger), BOND / 2, "reward");
    }

    function test_whatIsWrongWithAnInstrumentIsSaidOfIt() public {
        inputs[286 + 5] = 0x04; // flags of the first, 3
        uint32 batch = _commitInputs();
        vm.prank(challenger);
        IRollupVault.Proof memory none;
        uint256[18] memory row = _rowOf(21);
        vm.expectRevert(abi.encodeWithSelector(Challenges.RowAsExpected.selector, 21));
        challenges.challengeRow(batch, inputs, 21, row, none);
        vm.expectEmit();
        emit Challenges.RowRefuted(batch, 3, RiskInputs.Problem.InstrumentFlags);
        _challengeWithoutProof(batch, 3);
    }

    function test_emptyInputs() public {
        inputs = "";
        uint32 batch = _commitInputs();
        _challengeWithoutProof(batch, 0);
        vm.assertEq(vault.frozen(), true, "frozen");
    }

    function test_inputsOfAnotherBatchNeedNoProof() public {
        _setBatch(2);
        uint32 first = _commitInputs();
        uint32 second = _commitInputs();
        _expectAsExpected(second, 0);
        _challengeWithoutProof(first, 0);
        vm.assertEq(vault.frozen(), true, "frozen");
    }

    function test_aSettledInstrumentIsWorthWhatTheVaultWasTold() public {
        uint32 batch = _commitInputs();
        uint256 state = vm.snapshotState();
        _challengeWithoutProof(batch, 40); // it was told nothing
        vm.assertEq(vault.frozen(), true, "frozen");
        vm.revertToState(state);
        _tell(40, 9_100_008);
        _challengeWithoutProof(batch, 40);
        vm.assertEq(vault.frozen(), true, "frozen");
        vm.revertToState(state);
        _tell(40, 9_100_009);
        _expectAsExpected(batch, 40);
    }

    function test_onlyABatchThatIsNotFinal() public {
        uint256[18] memory row = _rowOf(21);
        _expectNotChallengeable(0, IRollupVault.BatchStatus.Final);
        _expectNotChallengeable(1, IRollupVault.BatchStatus.None);
        uint32 batch = _commitInputs();
        row[7] += 1;
        IRollupVault.Proof memory proof = _rowProof(batch, 21, row);
        _prove(batch);
        vm.warp(START + CHALLENGE_WINDOW);
        vault.finalizeBatch(batch, new uint256[](0));
        vm.expectRevert(
            abi.encodeWithSelector(Challenges.NotChallengeable.selector, batch, IRollupVault.BatchStatus.Final)
        );
        challenges.challengeRow(batch, inputs, 21, row, proof);
    }

    function test_onceFrozenThereIsNothingToChallenge() public {
        uint32 batch = _commitInputs();
        uint256[18] memory row = _rowOf(21);
        row[7] += 1;
        _challenge(batch, 21, row);
        IRollupVault.Proof memory proof = _rowProof(batch, 21, row);
        vm.expectRevert(abi.encodeWithSelector(Challenges.VaultFrozen.selector));
        challenges.challengeRow(batch, inputs, 21, row, proof);
    }

    function test_withoutABondTheVaultFreezesAllTheSame() public {
        vm.prank(guarantor);
        challenges.announceWithdrawal(BOND);
        vm.warp(START + WITHDRAWAL_DELAY);
        vm.prank(guarantor);
        challenges.withdrawBond();
        uint32 batch = _commitInputs();
        uint256[18] memory row = _rowOf(21);
        row[7] += 1;
        _challenge(batch, 21, row);
        vm.assertEq(vault.frozen(), true, "frozen");
        vm.assertEq(challenges.credits(challenger), 0, "no reward");
    }

    /// @dev A row is refuted if and only if it differs.
    /// forge-config: default.fuzz.runs = 64
    /// forge-config: ci.fuzz.runs = 1000
    /// forge-config: long.fuzz.runs = 1000
    function testFuzz_oneChangedBit(uint256 which, uint256 element, uint256 bit) public {
        uint256[3] memory ids = [uint256(3), 7, 22];
        uint256 id = ids[bound(which, 0, 2)];
        uint32 batch = _commitInputs();
        uint256[18] memory row = _rowOf(id);
        row[bound(element, 0, 17)] ^= 1 << bound(bit, 0, 255);
        _expectAsExpected(batch, id);
        _challenge(batch, id, row);
        vm.assertEq(vault.frozen(), true, "frozen");
    }

    function _tell(uint32 instrument, uint64 payoff) private {
        uint32[] memory instruments = new uint32[](1);
        uint64[] memory payoffs = new uint64[](1);
        (instruments[0], payoffs[0]) = (instrument, payoff);
        vm.prank(operator);
        vault.settle(instruments, payoffs);
    }

    function _challenge(uint32 batch, uint256 id, uint256[18] memory row) private {
        IRollupVault.Proof memory proof = _rowProof(batch, id, row);
        vm.prank(challenger);
        challenges.challengeRow(batch, inputs, id, row, proof);
    }

    function _challengeWithoutProof(uint32 batch, uint256 id) private {
        uint256[18] memory row;
        IRollupVault.Proof memory proof;
        vm.prank(challenger);
        challenges.challengeRow(batch, inputs, id, row, proof);
    }

    /// @dev The true row, truly proven.
    function _expectAsExpected(uint32 batch, uint256 id) private {
        uint256[18] memory row = _rowOf(id);
        IRollupVault.Proof memory proof = _rowProof(batch, id, row);
        vm.expectRevert(abi.encodeWithSelector(Challenges.RowAsExpected.selector, id));
        challenges.challengeRow(batch, inputs, id, row, proof);
    }

    function _expectNotChallengeable(uint32 batch, IRollupVault.BatchStatus status) private {
        uint256[18] memory row;
        IRollupVault.Proof memory proof;
        vm.expectRevert(abi.encodeWithSelector(Challenges.NotChallengeable.selector, batch, status));
        challenges.challengeRow(batch, inputs, 21, row, proof);
    }
}

/// @dev spec 10.4. The inputs list instruments in buckets 0, 1 and 2.
contract ChallengeRiskRootTest is ChallengesFixture {
    function test_aRootWhoseRowsNobodyShows() public {
        uint32 batch = _commitInputs(); // the draft's root is made up
        _complete();
        vm.expectEmit();
        emit Challenges.Upheld(Challenges.Offence.RiskRoot, batch, challenger, BOND / 2);
        vm.prank(challenger);
        challenges.challengeRiskRoot(batch, inputs);
        vm.assertEq(vault.frozen(), true, "frozen");
        vm.assertEq(challenges.credits(challenger), BOND / 2, "reward");
        vm.expectRevert(abi.encodeWithSelector(Challenges.VaultFrozen.selector));
        challenges.challengeRiskRoot(batch, inputs);
    }

    function test_theRootThatFollowsIsNoReason() public {
        _complete();
        IRollupVault.Submission memory submission = _submission(_draft(), inputs);
        submission.riskRoot = riskTable.rootOf(inputs);
        vm.prank(operator, operator);
        vault.commitBatch(submission);
        vm.expectRevert(abi.encodeWithSelector(Challenges.RootAsExpected.selector, submission.riskRoot));
        challenges.challengeRiskRoot(1, inputs);
        vm.assertEq(vault.frozen(), false, "not frozen");
    }

    function test_notBeforeEveryBucketIsWorkedOut() public {
        uint32 batch = _commitInputs();
        riskTable.advance(inputs, 0, 16);
        riskTable.advance(inputs, 1, 16);
        riskTable.advance(inputs, 2, 15);
        vm.expectRevert(abi.encodeWithSelector(IRiskTable.BucketIncomplete.selector, 2));
        challenges.challengeRiskRoot(batch, inputs);
        riskTable.advance(inputs, 2, 16);
        challenges.challengeRiskRoot(batch, inputs);
    }

    function test_onlyTheInputsOfABatchThatIsNotFinal() public {
        _complete();
        uint32 batch = _commitInputs();
        bytes32 expected = keccak256(inputs);
        inputs[20] ^= 0x01;
        vm.expectRevert(abi.encodeWithSelector(Challenges.WrongRiskInputs.selector, keccak256(inputs), expected));
        challenges.challengeRiskRoot(batch, inputs);
        inputs[20] ^= 0x01;
        _prove(batch);
        vm.warp(START + CHALLENGE_WINDOW);
        uint256 state = vm.snapshotState();
        challenges.challengeRiskRoot(batch, inputs);
        vm.revertToState(state);
        vault.finalizeBatch(batch, new uint256[](0));
        vm.expectRevert(
            abi.encodeWithSelector(Challenges.NotChallengeable.selector, batch, IRollupVault.BatchStatus.Final)
        );
        challenges.challengeRiskRoot(batch, inputs);
    }

    function _complete() private {
        for (uint256 bucket = 0; bucket < 3; bucket++) {
            riskTable.advance(inputs, bucket, 16);
        }
    }
}

/// @dev spec 10.7. What breaks a rule is held by `RiskRulesTest`; here, what becomes of it.
contract ChallengeSuccessionTest is ChallengesFixture {
    using InputBytes for bytes;

    uint256 private constant OBSERVED = (START + 5000) * 1000;

    function setUp() public override {
        super.setUp();
        inputs = inputs.observed(OBSERVED);
    }

    function test_anInstrumentLeftOutFreezesAndPays() public {
        (uint32 batch, bytes memory previous) = _commitTwo(inputs.without(21), OBSERVED + 1);
        vm.expectEmit();
        emit Challenges.RuleBroken(batch, 21, IRiskRules.Rule.Listing);
        vm.expectEmit();
        emit Challenges.Upheld(Challenges.Offence.Succession, batch, challenger, BOND / 2);
        vm.expectEmit();
        emit IRollupVault.Frozen(IRollupVault.FreezeReason.Challenge, 0, 0);
        _challenge(batch, previous, 21);
        vm.assertEq(vault.frozen(), true, "frozen");
        vm.assertEq(challenges.credits(challenger), BOND / 2, "reward");
        vm.assertEq(challenges.bond(), 0, "bond");
        vm.expectRevert(abi.encodeWithSelector(Challenges.VaultFrozen.selector)); // and once is all
        challenges.challengeSuccession(batch, previous, inputs, 21);
    }

    function test_theRefutedRuleIsSaid() public {
        bytes memory other = inputs.put(InputBytes.at(21) + InputBytes.STRIKE, hex"0000000000000001");
        _expectRule(IRiskRules.Rule.Terms, other, OBSERVED + 1, 21);
        _expectRule(IRiskRules.Rule.ObservationTime, inputs, OBSERVED, 0);
        _expectRule(IRiskRules.Rule.Parameters, inputs.put(14, hex"00000001"), OBSERVED + 1, 0);
        _expectRule(IRiskRules.Rule.ScanRange, inputs.put(136, hex"000dbba0"), OBSERVED + 1, 0);
    }

    /// @dev The control: what should be is refused, with any instrument, with and without the inputs before.
    function test_whatBreaksNoRuleIsNoReason() public {
        (uint32 batch, bytes memory previous) = _commitTwo(inputs, OBSERVED + 1);
        uint256[5] memory ids = [uint256(0), 3, 4, 21, 40];
        for (uint256 i = 0; i < ids.length; i++) {
            _expectNone(batch, previous, ids[i]);
            _expectNone(batch, "", ids[i]);
        }
        vm.assertEq(vault.frozen(), false, "not frozen");
        vm.assertEq(challenges.bond(), BOND, "bond");
    }

    function test_theFirstBatchHasNoneBefore() public {
        inputs = inputs.put(14, hex"00000001");
        uint32 batch = _commitInputs();
        vm.expectRevert(abi.encodeWithSelector(Challenges.WrongRiskInputs.selector, keccak256(inputs), bytes32(0)));
        challenges.challengeSuccession(batch, inputs, inputs, 0);
        _challenge(batch, "", 0);
        vm.assertEq(vault.frozen(), true, "frozen");
    }

    function test_theInputsAreThoseOfBothBatches() public {
        (uint32 batch, bytes memory previous) = _commitTwo(inputs.without(21), OBSERVED + 1);
        bytes memory other = previous.put(InputBytes.at(3) + 14, hex"77");
        vm.expectRevert(
            abi.encodeWithSelector(Challenges.WrongRiskInputs.selector, keccak256(other), keccak256(previous))
        );
        challenges.challengeSuccession(batch, other, inputs, 21);
        other = inputs.put(InputBytes.at(3) + 14, hex"77");
        vm.expectRevert(
            abi.encodeWithSelector(Challenges.WrongRiskInputs.selector, keccak256(other), keccak256(inputs))
        );
        challenges.challengeSuccession(batch, previous, other, 21);
        vm.expectRevert(
            abi.encodeWithSelector(Challenges.WrongRiskInputs.selector, keccak256(inputs), keccak256(previous))
        );
        challenges.challengeSuccession(batch, inputs, inputs, 21);
        _challenge(batch, previous, 21);
    }

    /// @dev The batch before may be final; the one that is challenged may not.
    function test_onlyABatchThatIsNotFinal() public {
        (uint32 batch, bytes memory previous) = _commitTwo(inputs.without(21), OBSERVED + 1);
        _prove(batch - 1);
        _prove(batch);
        vm.warp(START + CHALLENGE_WINDOW);
        vault.finalizeBatch(batch - 1, new uint256[](0));
        uint256 state = vm.snapshotState();
        _challenge(batch, previous, 21);
        vm.assertEq(vault.frozen(), true, "proven, and frozen");
        vm.assertEq(vault.lastFinal(), batch - 1, "at the one before");
        vm.revertToState(state);
        vault.finalizeBatch(batch, new uint256[](0));
        _expectNotChallengeable(batch, IRollupVault.BatchStatus.Final, previous);
        _expectNotChallengeable(0, IRollupVault.BatchStatus.Final, "");
        _expectNotChallengeable(3, IRollupVault.BatchStatus.None, "");
        _expectNotChallengeable(type(uint32).max, IRollupVault.BatchStatus.None, "");
    }

    /// @dev They are for `challengeRow`, which takes them by themselves.
    function test_malformedInputsAreNoReasonHere() public {
        (uint32 batch, bytes memory previous) = _commitTwo(inputs.without(21).put(0, hex"03"), OBSERVED + 1);
        _expectNone(batch, previous, 21);
        uint256[18] memory row;
        IRollupVault.Proof memory proof;
        challenges.challengeRow(batch, inputs, 21, row, proof);
        vm.assertEq(vault.frozen(), true, "frozen");
    }

    /// @dev A tightening at once, with batches on their way: for the grace, those of before are accepted.
    function test_parametersInFlightAreNoReason() public {
        uint256 changed = OBSERVED / 1000 - 60;
        vm.warp(changed);
        registry.tighten(1, registry.valueOf(1) + 500);
        (uint32 batch, bytes memory previous) = _commitTwo(inputs, OBSERVED + 1);
        vm.warp(changed + 20 minutes); // challenged later, judged by the time of observation
        _expectNone(batch, previous, 0);
        inputs = inputs.ofBatch(3).observed((changed + Registries.GRACE) * 1000);
        _challenge(_commitInputs(), "", 0);
        vm.assertEq(vault.frozen(), true, "after the grace they are");
    }

    function _commitTwo(bytes memory second, uint256 observedAt) private returns (uint32 batch, bytes memory previous) {
        previous = inputs;
        _commitInputs();
        inputs = second.ofBatch(2).observed(observedAt);
        batch = _commitInputs();
    }

    function _expectRule(IRiskRules.Rule rule, bytes memory second, uint256 observedAt, uint256 id) private {
        uint256 state = vm.snapshotState();
        (uint32 batch, bytes memory previous) = _commitTwo(second, observedAt);
        vm.expectEmit();
        emit Challenges.RuleBroken(batch, id, rule);
        _challenge(batch, previous, id);
        vm.assertEq(vault.frozen(), true, "frozen");
        vm.revertToState(state);
    }

    function _challenge(uint32 batch, bytes memory previous, uint256 id) private {
        vm.prank(challenger);
        challenges.challengeSuccession(batch, previous, inputs, id);
    }

    function _expectNone(uint32 batch, bytes memory previous, uint256 id) private {
        vm.expectRevert(abi.encodeWithSelector(Challenges.NoRuleBroken.selector, id));
        challenges.challengeSuccession(batch, previous, inputs, id);
    }

    function _expectNotChallengeable(uint32 batch, IRollupVault.BatchStatus status, bytes memory previous) private {
        vm.expectRevert(abi.encodeWithSelector(Challenges.NotChallengeable.selector, batch, status));
        challenges.challengeSuccession(batch, previous, inputs, 21);
    }
}

/// @dev spec 10.8. A draft opens one second before it is committed.
contract ChallengeStaleTest is ChallengesFixture {
    using InputBytes for bytes;

    uint256 private constant OPEN = START * 1000 - 1000;

    function test_pricesOfAfterTheOpeningOrLongBefore() public {
        _expectStale(OPEN + 1);
        _expectStale(OPEN - MAX_REPORT_AGE - 1);
        _expectStale(OPEN - 365 days * 1000);
    }

    function test_pricesInTimeAreNoReason() public {
        uint256[3] memory times = [OPEN, OPEN - 1, OPEN - MAX_REPORT_AGE];
        for (uint256 i = 0; i < times.length; i++) {
            uint256 state = vm.snapshotState();
            (uint32 batch, uint256[] memory words) = _commitObserved(times[i]);
            vm.expectRevert(abi.encodeWithSelector(Challenges.NotStale.selector, OPEN));
            challenges.challengeStale(batch, words, inputs);
            vm.revertToState(state);
        }
    }

    /// @dev So the opening is the batch's own.
    function test_theWordsAreThoseOfTheBatch() public {
        (uint32 batch, uint256[] memory words) = _commitObserved(OPEN + 1);
        uint256[] memory others = new uint256[](words.length);
        for (uint256 i = 0; i < words.length; i++) {
            others[i] = words[i];
        }
        others[1] ^= 1 << 32; // another opening
        _expectWrongWords(batch, others);
        others[1] ^= 1 << 32;
        others[words.length - 1] ^= 1;
        _expectWrongWords(batch, others);
        _expectWrongWords(batch, new uint256[](0));
        _expectWrongWords(batch, new uint256[](words.length));
        inputs = inputs.observed(OPEN + 2);
        vm.expectRevert(
            abi.encodeWithSelector(
                Challenges.WrongRiskInputs.selector, keccak256(inputs), keccak256(inputs.observed(OPEN + 1))
            )
        );
        challenges.challengeStale(batch, words, inputs);
        inputs = inputs.observed(OPEN + 1);
        vm.prank(challenger);
        challenges.challengeStale(batch, words, inputs);
    }

    function test_malformedInputsAreNoReasonHere() public {
        inputs = inputs.put(0, hex"03");
        (uint32 batch, uint256[] memory words) = _commitObserved(OPEN + 1);
        vm.expectRevert(abi.encodeWithSelector(Challenges.NotStale.selector, OPEN));
        challenges.challengeStale(batch, words, inputs);
    }

    function test_onlyABatchThatIsNotFinal() public {
        (uint32 batch, uint256[] memory words) = _commitObserved(OPEN + 1);
        _expectNotChallengeable(0, IRollupVault.BatchStatus.Final, words);
        _expectNotChallengeable(2, IRollupVault.BatchStatus.None, words);
        _prove(batch);
        vm.warp(START + CHALLENGE_WINDOW);
        vault.finalizeBatch(batch, new uint256[](0));
        _expectNotChallengeable(batch, IRollupVault.BatchStatus.Final, words);
    }

    function _commitObserved(uint256 time) private returns (uint32 batch, uint256[] memory words) {
        inputs = inputs.observed(time);
        words = _draft().words;
        batch = _commitInputs();
    }

    function _expectStale(uint256 time) private {
        uint256 state = vm.snapshotState();
        (uint32 batch, uint256[] memory words) = _commitObserved(time);
        vm.expectEmit();
        emit Challenges.Upheld(Challenges.Offence.Stale, batch, challenger, BOND / 2);
        vm.expectEmit();
        emit IRollupVault.Frozen(IRollupVault.FreezeReason.Challenge, 0, 0);
        vm.prank(challenger);
        challenges.challengeStale(batch, words, inputs);
        vm.assertEq(vault.frozen(), true, "frozen");
        vm.assertEq(challenges.credits(challenger), BOND / 2, "reward");
        vm.expectRevert(abi.encodeWithSelector(Challenges.VaultFrozen.selector));
        challenges.challengeStale(batch, words, inputs);
        vm.revertToState(state);
    }

    function _expectWrongWords(uint32 batch, uint256[] memory words) private {
        IRollupVault.Batch memory record = vault.batches(batch);
        uint256 z = PublicData.challenge(record.commitment, keccak256(abi.encodePacked(words)));
        vm.assertNotEq(z, record.challenge, "others");
        vm.expectRevert(abi.encodeWithSelector(Challenges.WrongWords.selector, z, record.challenge));
        challenges.challengeStale(batch, words, inputs);
    }

    function _expectNotChallengeable(uint32 batch, IRollupVault.BatchStatus status, uint256[] memory words) private {
        vm.expectRevert(abi.encodeWithSelector(Challenges.NotChallengeable.selector, batch, status));
        challenges.challengeStale(batch, words, inputs);
    }
}

/// @dev spec 10.5.
contract ChallengeReceiptsTest is ChallengesFixture {
    uint256 private constant OTHER = 0x07e4;

    function test_doubleReceipt() public {
        Challenges.Receipt memory first = _receipt(7, "order", 1);
        Challenges.Receipt memory second = _receipt(7, "another order", 1);
        vm.expectEmit();
        emit Challenges.Upheld(Challenges.Offence.DoubleReceipt, 0, challenger, BOND / 2);
        _challengeDouble(first, SEQUENCER, second, SEQUENCER, "");
        vm.assertEq(challenges.credits(challenger), BOND / 2, "reward");
        vm.assertEq(challenges.bond(), 0, "bond");
        vm.assertEq(vault.frozen(), false, "the vault goes on");
        _challengeDouble(first, SEQUENCER, second, SEQUENCER, abi.encodeWithSelector(Challenges.NoBond.selector));
        challenges.forwardSurplus();
        vm.assertEq(cash.balanceOf(address(vault)), BOND - BOND / 2, "the users' half");
    }

    function test_doubleReceipt_everyFieldMakesAnother() public {
        Challenges.Receipt memory first = _receipt(7, "order", 1);
        Challenges.Receipt memory second = _receipt(7, "order", 1);
        _challengeDouble(
            first, SEQUENCER, second, SEQUENCER, abi.encodeWithSelector(Challenges.NoContradiction.selector)
        );
        second.number = 9;
        _challengeDouble(
            first, SEQUENCER, second, SEQUENCER, abi.encodeWithSelector(Challenges.NoContradiction.selector)
        );
        uint256 state = vm.snapshotState();
        second = _receipt(7, "order", 2);
        _challengeDouble(first, SEQUENCER, second, SEQUENCER, "");
        vm.revertToState(state);
        second = _receipt(7, "order", 1);
        second.previous = keccak256("another chain");
        _challengeDouble(first, SEQUENCER, second, SEQUENCER, "");
    }

    function test_doubleReceipt_eachNamesTheOneBefore() public {
        Challenges.Receipt memory first = _receipt(7, "order", 1);
        Challenges.Receipt memory second = _receipt(8, "next order", 2);
        second.previous = challenges.receiptHash(first);
        bytes memory reason = abi.encodeWithSelector(Challenges.NoContradiction.selector);
        _challengeDouble(first, SEQUENCER, second, SEQUENCER, reason);
        second.previous = keccak256("another receipt");
        _challengeDouble(second, SEQUENCER, first, SEQUENCER, reason); // the wrong way round
        first.number = type(uint64).max;
        second.number = 0;
        _challengeDouble(first, SEQUENCER, second, SEQUENCER, reason);
        (first.number, second.number) = (7, 8);
        _challengeDouble(first, SEQUENCER, second, SEQUENCER, "");
        vm.assertEq(challenges.bond(), 0, "bond");
    }

    function test_doubleReceipt_bothAreTheSequencers() public {
        Challenges.Receipt memory first = _receipt(7, "order", 1);
        Challenges.Receipt memory second = _receipt(7, "another order", 1);
        bytes memory reason = abi.encodeWithSelector(Challenges.NotSequencer.selector, vm.addr(OTHER));
        _challengeDouble(first, OTHER, second, SEQUENCER, reason);
        _challengeDouble(first, SEQUENCER, second, OTHER, reason);
        vm.prank(guarantor);
        challenges.addSequencer(vm.addr(OTHER));
        _challengeDouble(first, SEQUENCER, second, OTHER, "");
    }

    /// @dev spec/vectors/ethereum.json, made by ethers: the sequencer's C# is held to the same.
    function test_hashesAreThoseOfTheVectors() public {
        string memory file = vm.readFile("../spec/vectors/ethereum.json");
        for (uint256 i = 0; i < 3; i++) {
            string memory at = string(abi.encodePacked(".receipts[", bytes1(uint8(48 + i)), "]."));
            vm.chainId(vm.parseJsonUint(file, string.concat(at, "chainId")));
            Challenges.Configuration memory config = challengesConfiguration();
            config.vault = IRollupVault(vm.parseJsonAddress(file, string.concat(at, "vault")));
            vm.etch(address(config.vault), address(vault).code);
            Challenges other = new Challenges(config);
            Challenges.Receipt memory receipt = Challenges.Receipt({
                version: uint32(vm.parseJsonUint(file, string.concat(at, "version"))),
                number: uint64(vm.parseJsonUint(file, string.concat(at, "number"))),
                orderHash: vm.parseJsonBytes32(file, string.concat(at, "orderHash")),
                time: uint64(vm.parseJsonUint(file, string.concat(at, "time"))),
                previous: vm.parseJsonBytes32(file, string.concat(at, "previous"))
            });
            vm.assertEq(other.domainOf(receipt.version), vm.parseJsonUint(file, string.concat(at, "domain")), "domain");
            vm.assertEq(other.receiptHash(receipt), vm.parseJsonBytes32(file, string.concat(at, "hash")), "hash");
        }
    }

    /// @dev An upgrade changes the domain, and ends nothing that was signed before.
    function test_doubleReceipt_ofAnyVersion() public {
        vm.assertEq(challenges.domainOf(VERSION), vault.domain(), "this version's domain");
        Challenges.Receipt memory first = _receipt(7, "order", 1);
        Challenges.Receipt memory second = _receipt(7, "another order", 1);
        (first.version, second.version) = (VERSION + 1, VERSION + 1);
        vm.assertNotEq(challenges.domainOf(VERSION + 1), vault.domain(), "another's");
        bytes memory firstSignature = _sign(SEQUENCER, challenges.receiptHash(first));
        bytes memory secondSignature = _sign(SEQUENCER, challenges.receiptHash(second));
        second.version = VERSION;
        (bool done, bytes memory reason) = address(challenges)
            .call(abi.encodeCall(Challenges.challengeDoubleReceipt, (first, firstSignature, second, secondSignature)));
        vm.assertEq(done, false, "signed for another version");
        vm.assertEq(bytes32(bytes4(reason)), bytes32(Challenges.NotSequencer.selector), "reason");
        second.version = VERSION + 1;
        challenges.challengeDoubleReceipt(first, firstSignature, second, secondSignature);
        vm.assertEq(challenges.bond(), 0, "bond");
    }

    function test_doubleReceipt_ofThisVaultAlone() public {
        Challenges.Receipt memory first = _receipt(7, "order", 1);
        Challenges.Receipt memory second = _receipt(7, "another order", 1);
        bytes32 elsewhere = keccak256(
            abi.encode(
                "rollup-receipt", vault.domain() + 1, second.number, second.orderHash, second.time, second.previous
            )
        );
        bytes memory good = _sign(SEQUENCER, challenges.receiptHash(first));
        bytes memory other = _sign(SEQUENCER, elsewhere);
        // The signature is of another message, so of somebody else's key.
        (bool done, bytes memory reason) =
            address(challenges).call(abi.encodeCall(Challenges.challengeDoubleReceipt, (first, good, second, other)));
        vm.assertEq(done, false, "refused");
        vm.assertEq(bytes32(bytes4(reason)), bytes32(Challenges.NotSequencer.selector), "reason");
        vm.assertEq(
            challenges.receiptHash(second),
            keccak256(
                abi.encode("rollup-receipt", vault.domain(), uint256(7), second.orderHash, second.time, second.previous)
            ),
            "the hash of the specification"
        );
    }

    function test_doubleReceipt_aSignatureHasOneForm() public {
        Challenges.Receipt memory first = _receipt(7, "order", 1);
        Challenges.Receipt memory second = _receipt(7, "another order", 1);
        bytes memory good = _sign(SEQUENCER, challenges.receiptHash(first));
        bytes memory short = new bytes(64);
        for (uint256 i = 0; i < 64; i++) {
            short[i] = good[i];
        }
        bytes memory other = _sign(SEQUENCER, challenges.receiptHash(second));
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 64));
        challenges.challengeDoubleReceipt(first, short, second, other);
        challenges.challengeDoubleReceipt(first, good, second, other);
    }

    function test_contradictedReceipt() public {
        (Challenges.Link[] memory links, bytes32 previous, bytes32 last) = _chain(5, 4);
        uint32 batch = _commitReceipts(8, last);
        Challenges.Receipt memory left = Challenges.Receipt(VERSION, 5, keccak256("left out"), links[0].time, previous);
        vm.expectEmit();
        emit Challenges.Upheld(Challenges.Offence.ContradictedReceipt, batch, challenger, BOND / 2);
        _challengeContradicted(left, SEQUENCER, batch, previous, links, "");
        vm.assertEq(challenges.credits(challenger), BOND / 2, "reward");
        vm.assertEq(vault.frozen(), false, "the vault goes on");
        _challengeContradicted(
            left, SEQUENCER, batch, previous, links, abi.encodeWithSelector(Challenges.NoBond.selector)
        );
    }

    /// @dev Also of a batch that is final, and of the last receipt itself.
    function test_contradictedReceipt_ofTheLastNumber() public {
        (Challenges.Link[] memory links, bytes32 previous, bytes32 last) = _chain(8, 1);
        uint32 batch = _commitReceipts(8, last);
        _prove(batch);
        vm.warp(START + CHALLENGE_WINDOW);
        vault.finalizeBatch(batch, new uint256[](0));
        Challenges.Receipt memory late = Challenges.Receipt(VERSION, 8, links[0].orderHash, links[0].time + 1, previous);
        _challengeContradicted(late, SEQUENCER, batch, previous, links, "");
    }

    function test_contradictedReceipt_notIfItIsOnTheChain() public {
        (Challenges.Link[] memory links, bytes32 previous, bytes32 last) = _chain(5, 4);
        uint32 batch = _commitReceipts(8, last);
        Challenges.Receipt memory kept = Challenges.Receipt(VERSION, 5, links[0].orderHash, links[0].time, previous);
        _challengeContradicted(
            kept, SEQUENCER, batch, previous, links, abi.encodeWithSelector(Challenges.ReceiptOnChain.selector)
        );
        vm.assertEq(challenges.bond(), BOND, "bond");
    }

    function test_contradictedReceipt_theLinksLeadToWhatWasCommitted() public {
        (Challenges.Link[] memory links, bytes32 previous, bytes32 last) = _chain(5, 4);
        uint32 batch = _commitReceipts(8, last);
        Challenges.Receipt memory left = Challenges.Receipt(VERSION, 5, keccak256("left out"), links[0].time, previous);
        for (uint256 i = 0; i < 4; i++) {
            links[i].time++;
            _expectWrongLinks(left, batch, previous, links);
            links[i].time--;
            links[i].orderHash ^= bytes32(uint256(1));
            _expectWrongLinks(left, batch, previous, links);
            links[i].orderHash ^= bytes32(uint256(1));
        }
        _expectWrongLinks(left, batch, keccak256("elsewhere"), links);
        _challengeContradicted(left, SEQUENCER, batch, previous, links, "");
    }

    function test_contradictedReceipt_asManyLinksAsNumbers() public {
        (Challenges.Link[] memory links, bytes32 previous, bytes32 last) = _chain(5, 4);
        uint32 batch = _commitReceipts(8, last);
        Challenges.Receipt memory left = Challenges.Receipt(VERSION, 4, keccak256("left out"), 1, previous);
        _challengeContradicted(
            left, SEQUENCER, batch, previous, links, abi.encodeWithSelector(Challenges.WrongLinkCount.selector, 4, 5)
        );
        left.number = 5;
        Challenges.Link[] memory none;
        _challengeContradicted(
            left, SEQUENCER, batch, previous, none, abi.encodeWithSelector(Challenges.WrongLinkCount.selector, 0, 4)
        );
        _challengeContradicted(left, SEQUENCER, batch, previous, links, "");
    }

    function test_contradictedReceipt_onlyOfNumbersThatWereCommitted() public {
        (Challenges.Link[] memory links, bytes32 previous, bytes32 last) = _chain(5, 4);
        uint32 batch = _commitReceipts(8, last);
        Challenges.Receipt memory left = Challenges.Receipt(VERSION, 9, keccak256("left out"), 1, previous);
        bytes4 reason = Challenges.ReceiptNotCovered.selector;
        _challengeContradicted(left, SEQUENCER, batch, previous, links, abi.encodeWithSelector(reason, 9, 8));
        left.number = 0;
        _challengeContradicted(left, SEQUENCER, batch, previous, links, abi.encodeWithSelector(reason, 0, 8));
        left.number = type(uint64).max;
        _challengeContradicted(
            left, SEQUENCER, batch, previous, links, abi.encodeWithSelector(reason, type(uint64).max, 8)
        );
        left.number = 5;
        _challengeContradicted(left, SEQUENCER, batch + 1, previous, links, abi.encodeWithSelector(reason, 5, 0));
        _challengeContradicted(
            left,
            OTHER,
            batch,
            previous,
            links,
            abi.encodeWithSelector(Challenges.NotSequencer.selector, vm.addr(OTHER))
        );
        _challengeContradicted(left, SEQUENCER, batch, previous, links, "");
    }

    /// forge-config: ci.fuzz.runs = 1000
    /// forge-config: long.fuzz.runs = 1000
    function testFuzz_contradictedReceipt_anyPlace(uint256 at, uint256 count, uint64 number) public {
        count = bound(count, 1, 40);
        number = uint64(bound(number, 1, type(uint64).max - 40));
        (Challenges.Link[] memory links, bytes32 previous, bytes32 last) = _chain(number, count);
        uint32 batch = _commitReceipts(number + uint64(count) - 1, last);
        at = bound(at, 0, count - 1);
        Challenges.Link[] memory tail = new Challenges.Link[](count - at);
        for (uint256 i = 0; i < count; i++) {
            if (i >= at) tail[i - at] = links[i];
            else previous = _hash(number + i, links[i], previous);
        }
        Challenges.Receipt memory receipt =
            Challenges.Receipt(VERSION, number + uint64(at), tail[0].orderHash, tail[0].time, previous);
        _challengeContradicted(
            receipt, SEQUENCER, batch, previous, tail, abi.encodeWithSelector(Challenges.ReceiptOnChain.selector)
        );
        receipt.time++;
        _challengeContradicted(receipt, SEQUENCER, batch, previous, tail, "");
        vm.assertEq(challenges.bond(), 0, "bond");
    }

    function _receipt(uint64 number, bytes memory order, uint64 time) private pure returns (Challenges.Receipt memory) {
        return Challenges.Receipt(VERSION, number, keccak256(order), time, keccak256("before"));
    }

    function _hash(uint256 number, Challenges.Link memory link, bytes32 previous) private view returns (bytes32) {
        return keccak256(abi.encode("rollup-receipt", vault.domain(), number, link.orderHash, link.time, previous));
    }

    /// @dev `count` receipts from `number` on.
    function _chain(uint64 number, uint256 count)
        private
        view
        returns (Challenges.Link[] memory links, bytes32 previous, bytes32 last)
    {
        previous = keccak256("genesis");
        last = previous;
        links = new Challenges.Link[](count);
        for (uint64 i = 0; i < count; i++) {
            links[i] = Challenges.Link(keccak256(abi.encode("order", i)), 1000 + i);
            last = _hash(uint256(number) + i, links[i], last);
        }
    }

    /// @param reason Empty if it is upheld.
    function _challengeDouble(
        Challenges.Receipt memory first,
        uint256 firstSecret,
        Challenges.Receipt memory second,
        uint256 secondSecret,
        bytes memory reason
    ) private {
        bytes memory firstSignature = _sign(firstSecret, challenges.receiptHash(first));
        bytes memory secondSignature = _sign(secondSecret, challenges.receiptHash(second));
        if (reason.length != 0) vm.expectRevert(reason);
        vm.prank(challenger);
        challenges.challengeDoubleReceipt(first, firstSignature, second, secondSignature);
    }

    /// @param reason Empty if it is upheld.
    function _challengeContradicted(
        Challenges.Receipt memory receipt,
        uint256 secret,
        uint32 batch,
        bytes32 previous,
        Challenges.Link[] memory links,
        bytes memory reason
    ) private {
        bytes memory signature = _sign(secret, challenges.receiptHash(receipt));
        if (reason.length != 0) vm.expectRevert(reason);
        vm.prank(challenger);
        challenges.challengeContradictedReceipt(receipt, signature, batch, previous, links);
    }

    function _expectWrongLinks(
        Challenges.Receipt memory receipt,
        uint32 batch,
        bytes32 previous,
        Challenges.Link[] memory links
    ) private {
        bytes32 last = previous;
        for (uint256 i = 0; i < links.length; i++) {
            last = _hash(receipt.number + i, links[i], last);
        }
        bytes32 expected = vault.batches(batch).receiptHash;
        _challengeContradicted(
            receipt,
            SEQUENCER,
            batch,
            previous,
            links,
            abi.encodeWithSelector(Challenges.WrongLinks.selector, last, expected)
        );
    }
}

/// @dev Gas of whole transactions, with their data.
/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
/// forge-config: long.isolate = true
contract ChallengesGasTest is ChallengesFixture, GasSnapshots {
    using InputBytes for bytes;

    function test_gas_challengeUnproven() public {
        _commit(_draft());
        vm.prank(challenger);
        challenges.challengeUnproven(1);
        _snapshot("challengeUnproven");
        vm.warp(START + URGENT + 1);
        challenges.settleUnproven(1);
        _snapshot("settleUnprovenUpheld");
        challenges.claim(challenger);
        _snapshot("challengesClaim");
        challenges.forwardSurplus();
        _snapshot("forwardSurplusFrozen");
    }

    function test_gas_answeredInTime() public {
        _commit(_draft());
        vm.prank(challenger);
        challenges.challengeUnproven(1);
        _prove(1);
        challenges.settleUnproven(1);
        _snapshot("settleUnprovenAnswered");
    }

    function test_gas_depositBond() public {
        vm.prank(anyone);
        challenges.depositBond(5);
        _snapshot("depositBond");
    }

    /// @dev Less the pairing: a proof of the row costs about 195,000 and 7,000 for each of 20 public inputs more.
    function test_gas_challengeRow() public {
        _measureRow(3, "challengeRowPerpetual");
    }

    function test_gas_challengeRowOfAnOption() public {
        _measureRow(21, "challengeRowOption");
    }

    function test_gas_challengeRowOfATableOf98() public {
        inputs = vm.parseJsonBytesArray(vm.readFile("../spec/vectors/risk-rows.json"), ".inputs")[1];
        _setBatch(1);
        _measureRow(98, "challengeRowOptionOf98");
    }

    function test_gas_challengeRiskRoot() public {
        uint32 batch = _commitInputs();
        riskTable.advance(inputs, 1, 5);
        _snapshot("riskTableAdvanceEmptyRows");
        riskTable.advance(inputs, 1, 10);
        _snapshot("riskTableAdvanceTwoOptions");
        riskTable.advance(inputs, 1, 16);
        riskTable.advance(inputs, 0, 16);
        riskTable.advance(inputs, 2, 16);
        vm.prank(challenger);
        challenges.challengeRiskRoot(batch, inputs);
        _snapshot("challengeRiskRoot");
    }

    function test_gas_challengeSuccession() public {
        _measureSuccession(200, "challengeSuccessionOf200");
    }

    function test_gas_challengeSuccessionOfAsManyAsThereMayBe() public {
        _measureSuccession(4096, "challengeSuccessionOf4096");
    }

    function test_gas_challengeStale() public {
        inputs = inputs.options(200);
        uint256[] memory words = _draft().words;
        uint32 batch = _commitInputs();
        vm.prank(challenger);
        challenges.challengeStale(batch, words, inputs);
        _snapshot("challengeStaleOf200");
    }

    function test_gas_challengeDoubleReceipt() public {
        Challenges.Receipt memory first = Challenges.Receipt(VERSION, 7, keccak256("order"), 1, keccak256("before"));
        Challenges.Receipt memory second = Challenges.Receipt(VERSION, 7, keccak256("another"), 1, keccak256("before"));
        bytes memory firstSignature = _sign(SEQUENCER, challenges.receiptHash(first));
        bytes memory secondSignature = _sign(SEQUENCER, challenges.receiptHash(second));
        vm.prank(challenger);
        challenges.challengeDoubleReceipt(first, firstSignature, second, secondSignature);
        _snapshot("challengeDoubleReceipt");
    }

    function test_gas_challengeContradictedReceiptOfAThousandLinks() public {
        Challenges.Link[] memory links = new Challenges.Link[](1000);
        bytes32 last = keccak256("before");
        for (uint64 i = 0; i < 1000; i++) {
            links[i] = Challenges.Link(keccak256(abi.encode(i)), 1000 + i);
            last = keccak256(abi.encode("rollup-receipt", vault.domain(), i + 1, links[i].orderHash, 1000 + i, last));
        }
        uint32 batch = _commitReceipts(1000, last);
        Challenges.Receipt memory left =
            Challenges.Receipt(VERSION, 1, keccak256("left out"), 1000, keccak256("before"));
        bytes memory signature = _sign(SEQUENCER, challenges.receiptHash(left));
        vm.prank(challenger);
        challenges.challengeContradictedReceipt(left, signature, batch, keccak256("before"), links);
        _snapshot("challengeContradictedReceipt1000");
    }

    /// @dev All options, and the last one left out.
    function _measureSuccession(uint16 count, string memory name) private {
        bytes memory sample = inputs;
        bytes memory previous = sample.observed(START * 1000).options(count);
        inputs = previous;
        _commitInputs();
        inputs = sample.ofBatch(2).observed(START * 1000 + 1).options(count - 1);
        uint32 batch = _commitInputs();
        vm.prank(challenger);
        challenges.challengeSuccession(batch, previous, inputs, count);
        _snapshot(name);
    }

    function _measureRow(uint256 id, string memory name) private {
        uint32 batch = _commitInputs();
        uint256[18] memory row = _rowOf(id);
        row[7] += 1;
        IRollupVault.Proof memory proof = _rowProof(batch, id, row);
        vm.prank(challenger);
        challenges.challengeRow(batch, inputs, id, row, proof);
        _snapshot(name);
        vm.assertEq(vault.frozen(), true, "frozen");
    }
}

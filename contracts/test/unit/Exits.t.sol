// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Exits} from "../../src/Exits.sol";
import {IExitVerifier} from "../../src/interfaces/IExitVerifier.sol";
import {IExits} from "../../src/interfaces/IExits.sol";
import {IRiskRows} from "../../src/interfaces/IRiskRows.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {RiskInputs} from "../../src/libraries/RiskInputs.sol";
import {ExitsFixture} from "../support/ExitsFixture.sol";
import {MockExitVerifier} from "../support/MockExitVerifier.sol";

/// @dev spec 6.10.
contract ExitsTest is ExitsFixture {
    // ---- registration ----

    function test_register_onlyAfterAFreezeAgainstTheLastFinalRoots() public {
        Holder memory holder = Holder(5, alice, 700, 0, 0);
        _endow(CASH, 1000);
        _settle(_draft());
        uint256[9] memory inputs = _inputs(holder);
        IRollupVault.Proof memory proof = exitVerifier.proofOf(inputs);
        vm.expectRevert(abi.encodeWithSelector(IExits.NotFrozen.selector));
        exits.registerExit(0, proof, inputs);
        vm.assertEq(exits.windowEnd(), 0, "no window yet");
        _commit(_draft()); // not final: void
        _freeze();
        vm.assertEq(exits.windowEnd(), block.timestamp + EXIT_WINDOW, "window");

        for (uint256 i = 0; i < 2; i++) {
            uint256[9] memory other = _inputs(holder);
            other[i] = i == 0 ? vault.batches(2).root : vault.batches(2).riskRoot;
            IRollupVault.Proof memory ofOther = exitVerifier.proofOf(other);
            vm.expectRevert(abi.encodeWithSelector(IExits.WrongRoots.selector, other[0], other[1]));
            exits.registerExit(0, ofOther, other);
        }
        vm.expectEmit();
        emit IExits.ExitRegistered(5, alice, 700, false);
        vm.prank(anyone);
        exits.registerExit(0, proof, inputs);
        vm.expectRevert(abi.encodeWithSelector(IExits.AlreadyRegistered.selector, 5));
        exits.registerExit(0, proof, inputs);
        vm.assertEq(exits.claims(CASH), 700, "claims");
        vm.assertEq(exits.registered(5), keccak256(abi.encode(_claim(holder))), "registered");
    }

    function testFuzz_register_refusesAnyOtherInput(uint256 at, uint256 bit) public {
        _freezeWith(1000, 0);
        Holder memory holder = Holder(5, alice, 700, 60_000, 30);
        uint256[9] memory inputs = _inputs(holder);
        IRollupVault.Proof memory proof = exitVerifier.proofOf(inputs);
        (at, bit) = (bound(at, 0, 8), bound(bit, 0, 255));
        inputs[at] ^= 1 << bit;
        try exits.registerExit(0, proof, inputs) {
            vm.assertTrue(false, "accepted");
        } catch (bytes memory reason) {
            bytes4 selector = bytes4(reason);
            bool expected = selector == (at < 2 ? IExits.WrongRoots.selector : IExits.ProofRejected.selector)
                || (at >= 2 && at <= 4 && selector == IExits.MalformedInputs.selector);
            vm.assertTrue(expected, "reason");
        }
        inputs[at] ^= 1 << bit;
        exits.registerExit(0, proof, inputs);
    }

    function test_register_refusesWhatNoCircuitProves() public {
        _freezeWith(1000, 0);
        uint256[9] memory good = _inputs(Holder(5, alice, 700, 0, 0));
        uint256[4] memory bad = [uint256(5), good[2] | 1 << 184, 2 ** 84, 2 ** 83]; // no owner, too long, equity, spot value
        for (uint256 i = 0; i < 4; i++) {
            uint256[9] memory inputs = _inputs(Holder(5, alice, 700, 0, 0));
            inputs[i < 2 ? 2 : i + 1] = bad[i];
            IRollupVault.Proof memory proof = exitVerifier.proofOf(inputs);
            vm.expectRevert(abi.encodeWithSelector(IExits.MalformedInputs.selector));
            exits.registerExit(0, proof, inputs);
        }
        exits.registerExit(0, exitVerifier.proofOf(good), good);
    }

    function test_register_takesProofsOfEveryVersionOnceAnAccount() public {
        MockExitVerifier second = new MockExitVerifier(2);
        vm.expectRevert(abi.encodeWithSelector(IExits.NotUpgrades.selector, address(this)));
        exits.addVerifier(second);
        vault.setUpgrades(address(cash));
        vm.prank(address(cash));
        exits.addVerifier(second);
        vm.assertEq(address(exits.verifiers(1)), address(second), "second");
        _freezeWith(1000, 0);
        uint256[9] memory inputs = _inputs(Holder(5, alice, 700, 0, 0));
        IRollupVault.Proof memory first = exitVerifier.proofOf(inputs);
        IRollupVault.Proof memory ofSecond = second.proofOf(inputs);
        vm.expectRevert(abi.encodeWithSelector(IExits.ProofRejected.selector, 5));
        exits.registerExit(1, first, inputs);
        vm.expectRevert(abi.encodeWithSelector(IExits.UnknownVersion.selector, 2));
        exits.registerExit(2, first, inputs);
        exits.registerExit(1, ofSecond, inputs);
        vm.expectRevert(abi.encodeWithSelector(IExits.AlreadyRegistered.selector, 5));
        exits.registerExit(0, first, inputs);
        inputs = _inputs(Holder(6, bob, 300, 0, 0));
        exits.registerExit(0, exitVerifier.proofOf(inputs), inputs);
    }

    // ---- payment ----

    function test_pay_allToEverybodyIfThereIsEnough() public {
        _freezeWith(1000, 50);
        Holder memory first = Holder(5, alice, 700, 60_000, 30);
        Holder memory second = Holder(6, bob, 300, 40_000, 20);
        _registerExit(first);
        _registerExit(second);
        uint256[7] memory claim = _claim(first);
        vm.expectRevert(abi.encodeWithSelector(IExits.WindowOpen.selector, exits.windowEnd()));
        exits.payExit(claim);
        _endWindow();
        uint256[7] memory other = _claim(Holder(5, alice, 701, 60_000, 30));
        vm.expectRevert(
            abi.encodeWithSelector(
                IExits.WrongClaim.selector, keccak256(abi.encode(other)), keccak256(abi.encode(claim))
            )
        );
        exits.payExit(other);
        vm.expectEmit();
        emit IExits.ExitPaid(5, alice);
        vm.prank(anyone);
        exits.payExit(claim);
        vm.expectRevert(
            abi.encodeWithSelector(IExits.WrongClaim.selector, keccak256(abi.encode(claim)), bytes32(uint256(1)))
        );
        exits.payExit(claim);
        exits.payExit(_claim(second));
        vm.assertEq(vault.credits(alice, CASH), 700, "alice's cash");
        vm.assertEq(vault.credits(alice, ETHER), 30, "alice's ether");
        vm.assertEq(vault.credits(bob, CASH), 300, "bob's cash");
        vm.assertEq(vault.credits(bob, ETHER), 20, "bob's ether");
        vault.claim(alice, CASH);
        vault.claim(alice, ETHER);
        vm.assertEq(vault.ledger(CASH).inTree, 0, "nothing left");
        vm.assertEq(vault.ledger(ETHER).inTree, 0, "no ether left");
    }

    function test_pay_nothingThatWasNotRegistered() public {
        _freezeWith(1000, 50);
        _endWindow();
        uint256[7] memory claim = _claim(Holder(5, alice, 700, 0, 0));
        vm.expectRevert(abi.encodeWithSelector(IExits.WrongClaim.selector, keccak256(abi.encode(claim)), bytes32(0)));
        exits.payExit(claim);
        _registerExit(Holder(5, alice, 700, 0, 0));
        exits.payExit(claim);
    }

    function test_pay_theSameShareToAllWhoeverComesFirst() public {
        _freezeWith(1000, 0);
        Holder memory first = Holder(5, alice, 900, 0, 0);
        Holder memory second = Holder(6, bob, 600, 0, 0);
        Holder memory debtor = Holder(7, anyone, -500, 0, 0); // has nothing but a debt
        _registerExit(first);
        _registerExit(second);
        _registerExit(debtor);
        _endWindow();
        exits.payExit(_claim(second));
        exits.payExit(_claim(debtor));
        exits.payExit(_claim(first));
        vm.assertEq(vault.credits(alice, CASH), 600, "two thirds");
        vm.assertEq(vault.credits(bob, CASH), 400, "two thirds of the other");
        vm.assertEq(vault.credits(anyone, CASH), 0, "nothing for a debt");
    }

    function test_pay_roundsDown() public {
        _freezeWith(1000, 0);
        _registerExit(Holder(5, alice, 700, 0, 0));
        _registerExit(Holder(6, bob, 801, 0, 0));
        _endWindow();
        exits.payExit(_claim(Holder(5, alice, 700, 0, 0)));
        exits.payExit(_claim(Holder(6, bob, 801, 0, 0)));
        vm.assertEq(vault.credits(alice, CASH), 466, "700 of 1501");
        vm.assertEq(vault.credits(bob, CASH), 533, "801 of 1501");
    }

    function test_pay_whatATokenHasLost() public {
        _freezeWith(0, 50);
        _registerExit(Holder(5, alice, 0, 60_000, 30));
        _registerExit(Holder(6, bob, 0, 40_000, 20));
        vm.prank(address(vault));
        etherToken.transfer(anyone, 25 * uint256(ETHER_LOT));
        _endWindow();
        exits.payExit(_claim(Holder(5, alice, 0, 60_000, 30)));
        exits.payExit(_claim(Holder(6, bob, 0, 40_000, 20)));
        vm.assertEq(vault.credits(alice, ETHER), 15, "half");
        vm.assertEq(vault.credits(bob, ETHER), 10, "half of the other");
        vault.claim(alice, ETHER);
        vault.claim(bob, ETHER);
        vm.assertEq(etherToken.balanceOf(address(vault)), 0, "all is paid");
    }

    function test_pay_donationsChangeNothing() public {
        _freezeWith(1000, 0);
        _registerExit(Holder(5, alice, 1500, 0, 0));
        cash.mint(address(vault), 10_000);
        _endWindow();
        exits.payExit(_claim(Holder(5, alice, 1500, 0, 0)));
        vm.assertEq(vault.credits(alice, CASH), 1000, "what accounts held");
    }

    function test_pay_theLateFromWhatTheOthersLeave() public {
        _freezeWith(1000, 0);
        _registerExit(Holder(5, alice, 600, 0, 0));
        _endWindow();
        vm.expectEmit();
        emit IExits.ExitRegistered(6, bob, 300, true);
        _registerExit(Holder(6, bob, 300, 0, 0));
        _registerExit(Holder(7, anyone, 300, 0, 0));
        vm.assertEq(exits.claims(CASH), 600, "of the window");
        exits.payExit(_claim(Holder(6, bob, 300, 0, 0)));
        exits.payExit(_claim(Holder(7, anyone, 300, 0, 0)));
        exits.payExit(_claim(Holder(5, alice, 600, 0, 0)));
        vm.assertEq(vault.credits(alice, CASH), 600, "who came in time");
        vm.assertEq(vault.credits(bob, CASH), 300, "the first of the late");
        vm.assertEq(vault.credits(anyone, CASH), 100, "what was left");
    }

    /// @dev Sum paid <= holdings, nobody more than the claim, and in proportion to one unit.
    function testFuzz_pay_isProRata(uint48 holdings, uint64 first, uint64 second, bool swapped) public {
        _freezeWith(holdings, 0);
        Holder memory a = Holder(5, alice, int256(uint256(first)), 0, 0);
        Holder memory b = Holder(6, bob, int256(uint256(second)), 0, 0);
        _registerExit(a);
        _registerExit(b);
        _endWindow();
        exits.payExit(_claim(swapped ? b : a));
        exits.payExit(_claim(swapped ? a : b));
        uint256 sum = uint256(first) + second;
        uint256 available = holdings < sum ? holdings : sum;
        vm.assertEq(vault.credits(alice, CASH), sum == 0 ? 0 : uint256(first) * available / sum, "first");
        vm.assertEq(vault.credits(bob, CASH), sum == 0 ? 0 : uint256(second) * available / sum, "second");
    }

    // ---- debts in cash and spot ----

    function test_debt_isTakenFromSpotAtItsValue() public {
        _freezeWith(1000, 50);
        Holder memory debtor = Holder(5, alice, -24_000, 60_000, 30); // 36,000 of 60,000 are left
        _registerExit(debtor);
        vm.assertEq(exits.claims(CASH), 0, "no cash");
        vm.assertEq(exits.claims(ETHER), 18, "kept");
        vm.assertEq(exits.withheld(ETHER), 12, "withheld");
        _registerExit(Holder(6, bob, -40_000, 40_000, 20)); // exactly nothing left
        vm.assertEq(exits.claims(ETHER), 18, "still");
        vm.assertEq(exits.withheld(ETHER), 32, "all withheld");
        _endWindow();
        exits.payExit(_claim(debtor));
        exits.payExit(_claim(Holder(6, bob, -40_000, 40_000, 20)));
        vm.assertEq(vault.credits(alice, ETHER), 18, "alice");
        vm.assertEq(vault.credits(bob, ETHER), 0, "bob");
    }

    function testFuzz_debt_keepsTheFloorOfTheShare(uint64 debt, uint64 value, uint40 lots) public {
        vm.assume(lots != 0);
        _freezeWith(0, lots);
        _registerExit(Holder(5, alice, -int256(uint256(debt)), value, lots));
        uint256 kept = debt == 0 ? lots : value > debt ? uint256(lots) * (value - debt) / value : 0;
        vm.assertEq(exits.claims(ETHER), kept, "kept");
        vm.assertEq(exits.withheld(ETHER), lots - kept, "withheld");
    }

    function test_withheld_isSoldAtTheFrozenMarkAndAddsToTheCash() public {
        _freezeWith(26_000, 30);
        _registerExit(Holder(5, alice, -24_000, 60_000, 30)); // 12 lots withheld
        _registerExit(Holder(6, bob, 50_000, 0, 0));
        vm.expectRevert(abi.encodeWithSelector(IExits.NoMark.selector, ETHER));
        exits.buyWithheld(ETHER, 12);
        exits.setMark(ETHER, "risk inputs");
        vm.assertEq(exits.marks(ETHER), 2000, "mark");
        vm.prank(anyone);
        cash.approve(address(vault), 24_000);
        cash.mint(anyone, 24_000);
        vm.expectRevert(abi.encodeWithSelector(IExits.NotWithheld.selector, 13, 12));
        exits.buyWithheld(ETHER, 13);
        vm.expectRevert(abi.encodeWithSelector(IExits.NotWithheld.selector, 0, 12));
        exits.buyWithheld(ETHER, 0);
        vm.expectEmit();
        emit IExits.WithheldSold(ETHER, anyone, 12, 24_000);
        vm.prank(anyone);
        exits.buyWithheld(ETHER, 12);
        vm.assertEq(vault.credits(anyone, ETHER), 12, "bought");
        vm.assertEq(cash.balanceOf(anyone), 0, "paid");
        _endWindow();
        vm.expectRevert(abi.encodeWithSelector(IExits.WindowOver.selector, exits.windowEnd()));
        exits.buyWithheld(ETHER, 1);
        exits.payExit(_claim(Holder(6, bob, 50_000, 0, 0)));
        exits.payExit(_claim(Holder(5, alice, -24_000, 60_000, 30)));
        vm.assertEq(vault.credits(bob, CASH), 50_000, "whole again");
        vm.assertEq(vault.credits(alice, ETHER), 18, "what was hers");
        (uint256 liabilities, uint256 holdings) = vault.solvency(CASH);
        vm.assertEq(liabilities, 0, "no cash is left");
        vm.assertEq(holdings, 0, "nor held");
    }

    function test_mark_ofTheLastFinalBatchsInputsAlone() public {
        vm.expectRevert(abi.encodeWithSelector(IExits.NotFrozen.selector));
        exits.setMark(ETHER, "risk inputs");
        _freezeWith(0, 30);
        vm.expectRevert(
            abi.encodeWithSelector(IExits.WrongRiskInputs.selector, keccak256("other"), keccak256("risk inputs"))
        );
        exits.setMark(ETHER, "other");
        riskRows.answer(RiskInputs.Problem.Surface, BASE_BIAS + 2000);
        vm.expectRevert(abi.encodeWithSelector(IExits.NoMark.selector, ETHER));
        exits.setMark(ETHER, "risk inputs");
        riskRows.answer(RiskInputs.Problem.None, BASE_BIAS);
        vm.expectRevert(abi.encodeWithSelector(IExits.NoMark.selector, ETHER));
        exits.setMark(ETHER, "risk inputs");
        riskRows.answer(RiskInputs.Problem.None, BASE_BIAS + 1);
        vm.expectEmit();
        emit IExits.MarkSet(ETHER, 1);
        exits.setMark(ETHER, "risk inputs");
    }

    // ---- access ----

    function test_vault_listensToExitsAloneAndOnlyFrozen() public {
        _endow(CASH, 1000);
        vm.startPrank(address(exits));
        bytes memory notFrozen = abi.encodeWithSelector(IRollupVault.NotFrozen.selector);
        vm.expectRevert(notFrozen);
        vault.creditExit(alice, CASH, 1);
        vm.expectRevert(notFrozen);
        vault.exchange(alice, ETHER, 1, 1);
        vm.stopPrank();
        _endow(ETHER, 2);
        _freeze();
        bytes memory notExits = abi.encodeWithSelector(IRollupVault.NotExits.selector, anyone);
        vm.startPrank(anyone);
        vm.expectRevert(notExits);
        vault.creditExit(anyone, CASH, 1);
        vm.expectRevert(notExits);
        vault.exchange(anyone, ETHER, 1, 1);
        vm.stopPrank();
        vm.startPrank(address(exits));
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vault.creditExit(alice, CASH, 1001);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vault.exchange(alice, ETHER, 3, 5);
        vault.creditExit(alice, CASH, 1000);
        vault.exchange(alice, ETHER, 2, 5);
        vm.stopPrank();
        vm.assertEq(vault.ledger(CASH).inTree, 5, "cash of the exchange");
    }

    function test_setExits_onceByTheOwner() public {
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AlreadySet.selector, address(exits)));
        vault.setExits(IExits(address(cash)));
        vault = _newVault(configuration());
        vm.expectRevert(abi.encodeWithSignature("OwnableUnauthorizedAccount(address)", anyone));
        vm.prank(anyone);
        vault.setExits(exits);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotAContract.selector, anyone));
        vault.setExits(IExits(anyone));
        vm.expectEmit();
        emit IRollupVault.ExitsSet(address(exits));
        vault.setExits(exits);
    }

    function test_constructor_refusesEachBadField() public {
        IRiskRows rows = IRiskRows(address(riskRows));
        bytes4 selector = IExits.InvalidConfiguration.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, "vault"));
        new Exits(IRollupVault(anyone), exitVerifier, rows, EXIT_WINDOW, VERIFIER_GAS);
        vm.expectRevert(abi.encodeWithSelector(selector, "verifier"));
        new Exits(vault, IExitVerifier(anyone), rows, EXIT_WINDOW, VERIFIER_GAS);
        vm.expectRevert(abi.encodeWithSelector(selector, "riskRows"));
        new Exits(vault, exitVerifier, IRiskRows(anyone), EXIT_WINDOW, VERIFIER_GAS);
        vm.expectRevert(abi.encodeWithSelector(selector, "exitWindow"));
        new Exits(vault, exitVerifier, rows, 0, VERIFIER_GAS);
        vm.expectRevert(abi.encodeWithSelector(selector, "verifierGas"));
        new Exits(vault, exitVerifier, rows, EXIT_WINDOW, 0);
        exitVerifier.setDevelopmentKey(true);
        _newExits(); // on a local chain
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(IExits.DevelopmentKey.selector, 1));
        new Exits(vault, exitVerifier, rows, EXIT_WINDOW, VERIFIER_GAS);
        exitVerifier.setDevelopmentKey(false);
        _newExits();
    }
}

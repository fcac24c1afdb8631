// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernanceSetup} from "../../script/GovernanceSetup.sol";
import {ParameterRegistry} from "../../src/ParameterRegistry.sol";
import {Upgrades} from "../../src/Upgrades.sol";
import {IExitVerifier} from "../../src/interfaces/IExitVerifier.sol";
import {IExits} from "../../src/interfaces/IExits.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {ISettlementVerifier} from "../../src/interfaces/ISettlementVerifier.sol";
import {Field} from "../../src/libraries/Field.sol";
import {ExitsFixture} from "../support/ExitsFixture.sol";
import {MockExitVerifier} from "../support/MockExitVerifier.sol";
import {MockVerifier} from "../support/MockVerifier.sol";
import {MultiSignature} from "../support/MultiSignature.sol";

/// @dev spec 6.11: pause, upgrades, and the timelock that owns it all.
contract GovernanceTest is ExitsFixture, GovernanceSetup {
    uint256 private constant DELAY = 2 days;
    uint256 private constant WINDOW = 3 hours + 24 hours + 30 minutes;

    address private immutable multisig = address(0x5afe);
    Upgrades private upgrades;
    MockVerifier private nextVerifier;

    function setUp() public override {
        super.setUp();
        upgrades = new Upgrades(vault, WINDOW);
        vault.setUpgrades(address(upgrades));
        nextVerifier = new MockVerifier();
    }

    function _upgrade() private returns (Upgrades.Upgrade memory) {
        return Upgrades.Upgrade(
            IRollupVault.Circuit(ISettlementVerifier(address(nextVerifier)), 8, 10, 6, 9), new MockExitVerifier(2)
        );
    }

    // ---- pause ----

    function test_pause_stopsDepositsAndCommitsAlone() public {
        uint32 account = _registerFinal(alice, 1000);
        _commit(_draft());
        vault.setGuardian(guardian);
        Draft memory draft = _draft();
        vm.expectEmit();
        emit IRollupVault.Paused(true);
        vm.prank(guardian);
        vault.setPaused(true);

        bytes memory reason = abi.encodeWithSelector(IRollupVault.VaultPaused.selector);
        uint256[5] memory words = registrationWords(3, bob, 0);
        vm.expectRevert(reason);
        vm.prank(bob);
        vault.register(words[2], words[3], words[4], 0);
        vm.expectRevert(reason);
        _deposit(alice, account, CASH, 1);
        _expectRefused(draft, reason);

        vm.prank(alice);
        vault.requestWithdrawal(account, CASH, 5);
        vm.prank(alice);
        vault.requestClose(account);
        _prove(2);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        vault.finalizeBatch(2, new uint256[](0));
        vm.warp(block.timestamp + OPERATION_DEADLINE + 1);
        vault.freeze();
        vault.refund(1, requestWords(alice, account, CASH, 5));
        _registerExit(Holder(account, alice, 1000, 0, 0));
        _endWindow();
        exits.payExit(_claim(Holder(account, alice, 1000, 0, 0)));
        vault.claim(alice, CASH);
        vm.assertEq(vault.credits(alice, CASH), 0, "out, in spite of the pause");
    }

    function test_pause_byTheGuardianAndEndedByTheOwner() public {
        bytes4 selector = IRollupVault.NotGuardian.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, address(this)));
        vault.setPaused(true); // the owner is not the guardian
        vm.expectRevert(abi.encodeWithSignature("OwnableUnauthorizedAccount(address)", anyone));
        vm.prank(anyone);
        vault.setGuardian(anyone);
        vault.setGuardian(guardian);
        vm.expectRevert(abi.encodeWithSelector(selector, anyone));
        vm.prank(anyone);
        vault.setPaused(true);
        vm.prank(guardian);
        vault.setPaused(true);
        vm.expectRevert(abi.encodeWithSelector(selector, anyone));
        vm.prank(anyone);
        vault.setPaused(false);
        vault.setPaused(false);
        vm.assertEq(vault.paused(), false, "the owner ends it");
        _commit(_draft());
    }

    // ---- upgrades ----

    function test_upgrade_afterTheWindowWithTheRootCarriedOver() public {
        Draft memory draft = _draft();
        _settle(draft);
        Upgrades.Upgrade memory upgrade = _upgrade();
        uint256 from = block.timestamp + WINDOW;
        vm.expectEmit();
        emit Upgrades.UpgradeProposed(upgrade, from);
        upgrades.propose(upgrade);
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(Upgrades.TooEarly.selector, from));
        upgrades.activate(upgrade);
        vm.warp(from);
        Upgrades.Upgrade memory other = _upgrade();
        bytes32 hash = keccak256(abi.encode(other));
        vm.expectRevert(abi.encodeWithSelector(Upgrades.NotProposed.selector, hash, keccak256(abi.encode(upgrade))));
        upgrades.activate(other);
        uint256 domain = vault.domain();
        upgrades.activate(upgrade);

        vm.assertEq(address(vault.verifier()), address(nextVerifier), "verifier");
        vm.assertEq(vault.blocks(), 8, "blocks");
        vm.assertEq(vault.rows(), 10, "rows");
        vm.assertEq(vault.operations(), 6, "operations");
        vm.assertEq(vault.wordCount(), 5 + 30 + 10 + 64, "words");
        bytes32 expected = keccak256(abi.encode("rollup-settlement", block.chainid, address(vault), uint256(9)));
        vm.assertEq(vault.domain(), uint256(expected) % Field.R, "domain of the version");
        vm.assertNotEq(vault.domain(), domain, "what was signed before is void");
        vm.assertEq(address(exits.verifiers(0)), address(exitVerifier), "old exits stay");
        vm.assertEq(address(exits.verifiers(1)), address(upgrade.exitVerifier), "new exits");

        Draft memory next = _draft();
        vm.assertEq(next.words[2], draft.words[3], "root");
        _commit(next);
        IRollupVault.Proof memory proof = _proof(2);
        verifier.setBehaviour(MockVerifier.Behaviour.Reverts); // the old verifier is not asked
        vault.proveBatch(2, proof);
        vm.expectRevert(
            abi.encodeWithSelector(Upgrades.NotProposed.selector, keccak256(abi.encode(upgrade)), bytes32(0))
        );
        upgrades.activate(upgrade);
    }

    function test_upgrade_notWhileBatchesWait() public {
        Upgrades.Upgrade memory upgrade = _upgrade();
        upgrades.propose(upgrade);
        vm.warp(block.timestamp + WINDOW);
        _commit(_draft());
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.BatchesPending.selector, 1));
        upgrades.activate(upgrade);
        _prove(1);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        vault.finalizeBatch(1, new uint256[](0));
        upgrades.activate(upgrade);
    }

    function test_upgrade_canBeCancelledAndIsProposedAnew() public {
        Upgrades.Upgrade memory upgrade = _upgrade();
        upgrades.propose(upgrade);
        upgrades.cancel();
        vm.warp(block.timestamp + WINDOW);
        vm.expectRevert(
            abi.encodeWithSelector(Upgrades.NotProposed.selector, keccak256(abi.encode(upgrade)), bytes32(0))
        );
        upgrades.activate(upgrade);
        upgrades.propose(upgrade);
        vm.expectRevert(abi.encodeWithSelector(Upgrades.TooEarly.selector, block.timestamp + WINDOW));
        upgrades.activate(upgrade);
        vm.warp(block.timestamp + WINDOW);
        upgrades.activate(upgrade);
    }

    function test_upgrade_byTheVaultsOwnerThroughTheWindowAlone() public {
        Upgrades.Upgrade memory upgrade = _upgrade();
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.NotUpgrades.selector, address(this)));
        vault.upgradeCircuit(upgrade.circuit);
        bytes memory reason = abi.encodeWithSelector(Upgrades.NotOwner.selector, anyone);
        vm.startPrank(anyone);
        vm.expectRevert(reason);
        upgrades.propose(upgrade);
        vm.expectRevert(reason);
        upgrades.cancel();
        vm.expectRevert(reason);
        upgrades.activate(upgrade);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.AlreadySet.selector, address(upgrades)));
        vault.setUpgrades(address(cash));
        vm.expectRevert(abi.encodeWithSelector(Upgrades.WindowTooShort.selector, WINDOW - 1, WINDOW));
        new Upgrades(vault, WINDOW - 1);
    }

    function test_upgrade_refusesACircuitThatCannotBe() public {
        Upgrades.Upgrade memory upgrade = _upgrade();
        upgrade.circuit.rows = 0;
        upgrades.propose(upgrade);
        vm.warp(block.timestamp + WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.InvalidConfiguration.selector, "rows"));
        upgrades.activate(upgrade);
        nextVerifier.setDevelopmentKey(true);
        vm.chainId(1);
        upgrade = _upgrade();
        upgrades.propose(upgrade);
        vm.warp(block.timestamp + WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.DevelopmentKey.selector, 1));
        upgrades.activate(upgrade);
        nextVerifier.setDevelopmentKey(false);
        upgrades.activate(upgrade);
    }

    /// @dev Else a domain came back, and with it what was signed for it.
    function test_upgrade_toAGreaterVersionAlone() public {
        Upgrades.Upgrade memory upgrade = _upgrade();
        uint32 current = vault.circuit().version;
        for (uint32 version = current - 1; version <= current; version++) {
            upgrade.circuit.version = version;
            vm.expectRevert(abi.encodeWithSelector(Upgrades.VersionNotGreater.selector, version, current));
            upgrades.propose(upgrade);
        }
        upgrade.circuit.version = current + 1;
        upgrades.propose(upgrade);
        vm.warp(block.timestamp + WINDOW);
        upgrades.activate(upgrade);
        vm.expectRevert(abi.encodeWithSelector(Upgrades.VersionNotGreater.selector, current + 1, current + 1));
        upgrades.propose(upgrade);
    }

    function test_upgrade_notOfAFrozenVault() public {
        Upgrades.Upgrade memory upgrade = _upgrade();
        upgrades.propose(upgrade);
        vm.warp(block.timestamp + WINDOW);
        _freeze();
        vm.expectRevert(abi.encodeWithSelector(IRollupVault.VaultFrozen.selector));
        upgrades.activate(upgrade);
    }

    // ---- timelock ----

    function test_timelock_ownsEverythingAndTheDeployerNothing() public {
        TimelockController timelock = _handOver();
        vm.assertEq(vault.owner(), address(timelock), "owner");
        vm.assertEq(timelock.getMinDelay(), DELAY, "delay");
        bytes32 proposer = timelock.PROPOSER_ROLE();
        bytes32 canceller = timelock.CANCELLER_ROLE();
        vm.assertTrue(timelock.hasRole(proposer, multisig) && timelock.hasRole(canceller, multisig), "multisig");
        vm.assertTrue(timelock.hasRole(timelock.EXECUTOR_ROLE(), address(0)), "anybody executes");
        vm.assertEq(timelock.hasRole(proposer, address(this)), false, "deployer proposes");
        vm.assertEq(timelock.hasRole(canceller, address(this)), false, "deployer cancels");
        vm.assertEq(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), address(this)), false, "deployer is admin");
        vm.assertEq(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), multisig), false, "multisig is admin");
        vm.expectRevert(abi.encodeWithSignature("OwnableUnauthorizedAccount(address)", address(this)));
        vault.setOperator(bob);
    }

    function test_timelock_actsAfterItsDelayAlone() public {
        TimelockController timelock = _handOver();
        bytes memory call = abi.encodeCall(vault.setOperator, (bob));
        vm.expectRevert(
            abi.encodeWithSignature(
                "AccessControlUnauthorizedAccount(address,bytes32)", anyone, timelock.PROPOSER_ROLE()
            )
        );
        vm.prank(anyone);
        timelock.schedule(address(vault), 0, call, 0, 0, DELAY);
        vm.expectRevert(abi.encodeWithSignature("TimelockInsufficientDelay(uint256,uint256)", DELAY - 1, DELAY));
        vm.prank(multisig);
        timelock.schedule(address(vault), 0, call, 0, 0, DELAY - 1);
        vm.prank(multisig);
        timelock.schedule(address(vault), 0, call, 0, 0, DELAY);
        vm.warp(block.timestamp + DELAY - 1);
        bytes32 id = timelock.hashOperation(address(vault), 0, call, 0, 0);
        vm.expectRevert(
            abi.encodeWithSignature("TimelockUnexpectedOperationState(bytes32,bytes32)", id, bytes32(uint256(1) << 2))
        );
        timelock.execute(address(vault), 0, call, 0, 0);
        vm.warp(block.timestamp + 1);
        vm.prank(anyone);
        timelock.execute(address(vault), 0, call, 0, 0);
        vm.assertEq(vault.operator(), bob, "operator");
    }

    /// @dev A proposer needs no key of its own: whatever contract calls will do, as a Safe does.
    function test_timelock_ofAContractThatSeveralSign() public {
        uint256[2] memory keys = [uint256(11), 12];
        if (vm.addr(keys[0]) > vm.addr(keys[1])) (keys[0], keys[1]) = (keys[1], keys[0]);
        address[] memory owners = new address[](3);
        (owners[0], owners[1], owners[2]) = (vm.addr(keys[0]), vm.addr(keys[1]), vm.addr(13));
        MultiSignature several = new MultiSignature(owners, 2);
        Ownable2Step[] memory owned = new Ownable2Step[](1);
        owned[0] = Ownable2Step(address(vault));
        TimelockController timelock = handOver(owned, address(several), address(this), DELAY);
        bytes memory call = abi.encodeCall(vault.setOperator, (bob));
        bytes memory proposal = abi.encodeCall(timelock.schedule, (address(vault), 0, call, 0, 0, DELAY));

        bytes32 digest = several.digestOf(address(timelock), proposal);
        bytes[] memory one = new bytes[](1);
        one[0] = _signed(keys[0], digest);
        vm.expectRevert(abi.encodeWithSelector(MultiSignature.TooFewSignatures.selector, 1, 2));
        several.execute(address(timelock), proposal, one);
        bytes[] memory same = new bytes[](2);
        (same[0], same[1]) = (one[0], one[0]);
        vm.expectRevert(abi.encodeWithSelector(MultiSignature.NotASigner.selector, owners[0]));
        several.execute(address(timelock), proposal, same);
        bytes[] memory two = new bytes[](2);
        (two[0], two[1]) = (one[0], _signed(keys[1], digest));
        several.execute(address(timelock), proposal, two);
        vm.warp(block.timestamp + DELAY);
        vm.prank(anyone);
        timelock.execute(address(vault), 0, call, 0, 0);
        vm.assertEq(vault.operator(), bob, "operator");

        // And cancels what it proposed.
        call = abi.encodeCall(vault.setOperator, (alice));
        proposal = abi.encodeCall(timelock.schedule, (address(vault), 0, call, 0, 0, DELAY));
        _execute(several, keys, address(timelock), proposal);
        bytes32 id = timelock.hashOperation(address(vault), 0, call, 0, 0);
        vm.assertTrue(timelock.isOperationPending(id), "pending");
        _execute(several, keys, address(timelock), abi.encodeCall(timelock.cancel, (id)));
        vm.assertEq(timelock.isOperationPending(id), false, "cancelled");
    }

    function _execute(MultiSignature several, uint256[2] memory keys, address target, bytes memory data) private {
        bytes32 digest = several.digestOf(target, data);
        bytes[] memory signatures = new bytes[](2);
        (signatures[0], signatures[1]) = (_signed(keys[0], digest), _signed(keys[1], digest));
        several.execute(target, data, signatures);
    }

    function _signed(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _handOver() private returns (TimelockController) {
        Ownable2Step[] memory owned = new Ownable2Step[](1);
        owned[0] = Ownable2Step(address(vault));
        return handOver(owned, multisig, address(this), DELAY);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ParameterRegistry} from "../../src/ParameterRegistry.sol";
import {Test} from "../support/Test.sol";

/// @dev spec 6.12. The values are the defaults of C# `RiskParameters`.
contract ParameterRegistryTest is Test {
    uint256 private constant PERP_CONTINGENCY = 1;
    uint256 private constant VOLATILITY_FLOOR = 10;
    uint256 private constant FIRST_MOVE = 20;
    uint32 private constant DELAY = 3 days;
    uint32 private constant INTERVAL = 1 hours;
    uint256 private constant START = 1_790_000_000;
    uint256 private constant GRACE = 10 minutes;

    address private immutable controller = address(0xc0);
    address private immutable anyone = address(0xa9);
    ParameterRegistry private registry;

    function setUp() public {
        vm.warp(START);
        registry = new ParameterRegistry(_values(), _rules(), 1 days, GRACE, _ranges());
        registry.setController(controller);
    }

    function _values() private pure returns (int32[30] memory) {
        return [
            int32(20_000),
            10_000,
            50_000,
            50,
            100_000,
            500_000,
            300_000,
            300_000,
            130_000,
            30,
            400_000,
            400_000,
            60,
            10_000,
            1_000,
            1,
            15_000,
            50_000,
            5_000,
            25_000,
            -4,
            210_000,
            -2,
            420_000,
            3,
            280_000,
            6,
            140_000,
            18,
            50_000
        ];
    }

    function _rules() private pure returns (ParameterRegistry.Rule[30] memory rules) {
        int32[30] memory values = _values();
        for (uint256 i = 0; i < 30; i++) {
            bool tightensUp = i != FIRST_MOVE;
            rules[i] =
                ParameterRegistry.Rule(values[i] - 100_000, values[i] + 200_000, 1000, DELAY, INTERVAL, tightensUp);
        }
        rules[FIRST_MOVE] = ParameterRegistry.Rule(-5, -3, 1, DELAY, INTERVAL, false);
    }

    function _ranges() private pure returns (ParameterRegistry.RangeRule[16] memory ranges) {
        ranges[1] = ParameterRegistry.RangeRule(150_000, 450_000);
        ranges[15] = ParameterRegistry.RangeRule(180_000, 180_000);
    }

    /// @dev As C# encodes and hashes its defaults: version 1, then 30 numbers of four bytes.
    function test_hash_isThatOfTheCanonicalBytes() public view {
        bytes memory expected = hex"0100004e20000027100000c35000000032000186a00007a120000493e0000493e00001fbd00000001e"
            hex"00061a8000061a800000003c00002710000003e80000000100003a980000c35000001388000061a8"
            hex"fffffffc00033450fffffffe000668a000000003000445c000000006000222e0000000120000c350";
        vm.assertEq(registry.canonicalBytes().length, 121, "length");
        vm.assertEq(keccak256(registry.canonicalBytes()), keccak256(expected), "bytes");
        vm.assertEq(registry.parametersHash(), sha256(expected), "hash");
        bytes memory inputs = bytes.concat(hex"02", hex"00000007", hex"0000019000000000", expected, hex"0000");
        vm.assertEq(registry.hashOf(inputs), sha256(expected), "of risk inputs");
    }

    function test_hash_refusesInputsThatEndEarly() public {
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.MalformedInputs.selector, 133));
        registry.hashOf(new bytes(133));
        vm.assertEq(registry.hashOf(new bytes(134)), sha256(new bytes(121)), "just long enough");
    }

    function test_hash_remembersWhatWasInForce() public {
        bytes32 first = registry.parametersHash();
        vm.warp(START + 100);
        vm.prank(controller);
        registry.tighten(PERP_CONTINGENCY, 10_500);
        bytes32 second = registry.parametersHash();
        vm.warp(START + 100 + INTERVAL);
        vm.prank(controller);
        registry.tighten(PERP_CONTINGENCY, 10_600);
        vm.assertTrue(first != second, "they differ");
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.NothingInForce.selector, START - 1));
        registry.hashAt(START - 1);
        vm.assertEq(registry.hashAt(START), first, "from the start");
        vm.assertEq(registry.hashAt(START + 99), first, "until the change");
        vm.assertEq(registry.hashAt(START + 100), second, "from it on");
        vm.assertEq(registry.hashAt(START + 99 + INTERVAL), second, "until the next");
        vm.assertEq(registry.hashAt(type(uint256).max), registry.parametersHash(), "and the last");
    }

    function test_hash_isAcceptedWhileInForceAndForTheGraceAfter() public {
        bytes32 first = registry.parametersHash();
        vm.warp(START + 1000);
        registry.tighten(PERP_CONTINGENCY, 10_500);
        bytes32 overwritten = registry.parametersHash();
        registry.tighten(PERP_CONTINGENCY, 10_600); // in the same second
        bytes32 second = registry.parametersHash();
        vm.warp(START + 5000);
        registry.tighten(PERP_CONTINGENCY, 10_700);
        bytes32 third = registry.parametersHash();
        vm.assertEq(registry.grace(), GRACE, "grace");
        vm.assertEq(registry.since(), START, "since");

        vm.assertTrue(!registry.isAccepted(first, START - 1), "nothing was in force");
        vm.assertTrue(!registry.isAccepted(first, 0), "nor at the beginning of time");
        vm.assertTrue(registry.isAccepted(first, START), "from the start");
        vm.assertTrue(registry.isAccepted(first, START + 999 + GRACE), "for the grace after the change");
        vm.assertTrue(!registry.isAccepted(first, START + 1000 + GRACE), "and no longer");
        vm.assertTrue(!registry.isAccepted(second, START + 999), "not before the change");
        vm.assertTrue(registry.isAccepted(second, START + 1000), "from it on");
        vm.assertTrue(registry.isAccepted(second, START + 4999 + GRACE), "for the grace after the next");
        vm.assertTrue(!registry.isAccepted(second, START + 5000 + GRACE), "and no longer either");
        vm.assertTrue(registry.isAccepted(overwritten, START + 1000), "what was in force within a second");
        vm.assertTrue(!registry.isAccepted(overwritten, START + 1000 + GRACE), "was so then");
        vm.assertTrue(registry.isAccepted(third, type(uint256).max), "the last, for ever");
        vm.assertTrue(!registry.isAccepted(bytes32(0), START + 5000), "another never");
        vm.assertTrue(!registry.isAccepted(keccak256("other"), START + 5000), "nor this");
    }

    function test_hash_wasInForceBetweenTwoTimes() public {
        bytes32 first = registry.parametersHash();
        vm.warp(START + 1000);
        registry.tighten(PERP_CONTINGENCY, 10_500);
        bytes32 second = registry.parametersHash();
        vm.assertTrue(registry.wasInForce(first, START + 999, START + 2000), "until the change");
        vm.assertTrue(!registry.wasInForce(first, START + 1000, START + 2000), "not from it on");
        vm.assertTrue(!registry.wasInForce(second, START, START + 999), "not before it");
        vm.assertTrue(registry.wasInForce(second, START, START + 1000), "from it on");
        vm.assertTrue(registry.wasInForce(first, 0, type(uint256).max), "all that ever was");
        vm.assertTrue(registry.wasInForce(second, 0, type(uint256).max), "both");
    }

    function test_ranges_withinTheBoundsThatWereInForce() public {
        uint256 end = START + 20;
        vm.assertTrue(registry.wasRangeInForce(1, 150_000, START, end), "the least");
        vm.assertTrue(registry.wasRangeInForce(1, 450_000, START, end), "the most");
        vm.assertTrue(!registry.wasRangeInForce(1, 149_999, START, end), "below");
        vm.assertTrue(!registry.wasRangeInForce(1, 450_001, START, end), "above");
        vm.assertTrue(registry.wasRangeInForce(1, 449_999, START - 9, START - 1), "no rule before the first");
        vm.assertTrue(registry.wasRangeInForce(1, 900_000, START - 9, START - 1), "so any range held");
        vm.assertTrue(registry.wasRangeInForce(2, 900_000, START, end), "a group without a rule");
        vm.assertTrue(!registry.wasRangeInForce(15, 180_001, START, end), "the last group has one");

        vm.warp(START + 100);
        registry.setRangeRule(1, ParameterRegistry.RangeRule(200_000, 300_000));
        vm.assertEq(registry.rangeRuleOf(1).least, 200_000, "now");
        vm.assertTrue(registry.wasRangeInForce(1, 450_000, START + 99, START + 300), "until the change");
        vm.assertTrue(!registry.wasRangeInForce(1, 450_000, START + 100, START + 300), "not from it on");
        vm.assertTrue(registry.wasRangeInForce(1, 300_000, START + 100, START + 300), "within the new");
        vm.warp(START + 200);
        registry.setRangeRule(1, ParameterRegistry.RangeRule(0, 0));
        vm.assertTrue(!registry.wasRangeInForce(1, 450_000, START + 100, START + 199), "until the rule was taken away");
        vm.assertTrue(registry.wasRangeInForce(1, 450_000, START + 100, START + 200), "none any more");
        vm.assertEq(registry.rangeRuleOf(1).most, 0, "none now");
        vm.assertEq(registry.rangeRuleOf(2).most, 0, "and never any");
    }

    function test_setRangeRule_refusesWhatIsNone() public {
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.InvalidRangeRule.selector, 16));
        registry.setRangeRule(16, ParameterRegistry.RangeRule(1, 2));
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.InvalidRangeRule.selector, 1));
        registry.setRangeRule(1, ParameterRegistry.RangeRule(200_001, 200_000));
        registry.setRangeRule(1, ParameterRegistry.RangeRule(200_000, 200_000));
        vm.assertEq(registry.rangeRuleOf(1).most, 200_000, "the control");
    }

    function test_tighten_atOnceInStepsAndIntervals() public {
        vm.startPrank(controller);
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.StepTooLarge.selector, 1001, 1000));
        registry.tighten(PERP_CONTINGENCY, 11_001);
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.NotTighter.selector, 9_999, 10_000));
        registry.tighten(PERP_CONTINGENCY, 9_999);
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.NotTighter.selector, 10_000, 10_000));
        registry.tighten(PERP_CONTINGENCY, 10_000);
        registry.tighten(PERP_CONTINGENCY, 11_000);
        vm.assertEq(registry.valueOf(PERP_CONTINGENCY), 11_000, "at once");
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.TooSoon.selector, START + INTERVAL));
        registry.tighten(PERP_CONTINGENCY, 11_001);
        registry.tighten(VOLATILITY_FLOOR, 400_001); // another parameter's time is its own
        vm.warp(START + INTERVAL);
        registry.tighten(PERP_CONTINGENCY, 11_001);
        vm.stopPrank();
        registry.tighten(PERP_CONTINGENCY, 11_002); // the owner does not wait
        vm.assertEq(registry.valueOf(PERP_CONTINGENCY), 11_002, "owner");
    }

    function test_tighten_downwardsWhereLessIsTighter() public {
        vm.startPrank(controller);
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.NotTighter.selector, int32(-3), int32(-4)));
        registry.tighten(FIRST_MOVE, -3);
        registry.tighten(FIRST_MOVE, -5);
        vm.assertTrue(registry.valueOf(FIRST_MOVE) == -5, "tighter");
        vm.warp(START + INTERVAL);
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.OutOfBounds.selector, int32(-6), int32(-5), int32(-3)));
        registry.tighten(FIRST_MOVE, -6);
    }

    function test_loosen_afterTheDelay() public {
        vm.startPrank(controller);
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.NotLooser.selector, 10_001, 10_000));
        registry.proposeLoosening(PERP_CONTINGENCY, 10_001);
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.NotLooser.selector, 10_000, 10_000));
        registry.proposeLoosening(PERP_CONTINGENCY, 10_000);
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.StepTooLarge.selector, 1001, 1000));
        registry.proposeLoosening(PERP_CONTINGENCY, 8_999);
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.NothingProposed.selector, PERP_CONTINGENCY));
        registry.loosen(PERP_CONTINGENCY);
        registry.proposeLoosening(PERP_CONTINGENCY, 9_000);
        vm.stopPrank();
        vm.warp(START + DELAY - 1);
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.TooSoon.selector, START + DELAY));
        registry.loosen(PERP_CONTINGENCY);
        vm.warp(START + DELAY);
        vm.prank(anyone);
        registry.loosen(PERP_CONTINGENCY);
        vm.assertEq(registry.valueOf(PERP_CONTINGENCY), 9_000, "loosened");
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.NothingProposed.selector, PERP_CONTINGENCY));
        registry.loosen(PERP_CONTINGENCY);
    }

    function test_loosen_isCancelledByATighteningOrByHand() public {
        registry.proposeLoosening(PERP_CONTINGENCY, 9_500);
        registry.tighten(PERP_CONTINGENCY, 10_100);
        vm.warp(START + DELAY);
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.NothingProposed.selector, PERP_CONTINGENCY));
        registry.loosen(PERP_CONTINGENCY);
        registry.proposeLoosening(PERP_CONTINGENCY, 9_500);
        registry.cancelLoosening(PERP_CONTINGENCY);
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.NothingProposed.selector, PERP_CONTINGENCY));
        registry.cancelLoosening(PERP_CONTINGENCY);
        vm.assertEq(registry.valueOf(PERP_CONTINGENCY), 10_100, "as tightened");
    }

    function test_access() public {
        bytes memory notAuthorised = abi.encodeWithSelector(ParameterRegistry.NotAuthorised.selector, anyone);
        bytes memory notOwner = abi.encodeWithSignature("OwnableUnauthorizedAccount(address)", controller);
        ParameterRegistry.Rule memory rule = registry.ruleOf(PERP_CONTINGENCY);
        vm.startPrank(anyone);
        vm.expectRevert(notAuthorised);
        registry.tighten(PERP_CONTINGENCY, 10_001);
        vm.expectRevert(notAuthorised);
        registry.proposeLoosening(PERP_CONTINGENCY, 9_999);
        vm.expectRevert(notAuthorised);
        registry.cancelLoosening(PERP_CONTINGENCY);
        vm.stopPrank();
        vm.startPrank(controller);
        vm.expectRevert(notOwner);
        registry.setRule(PERP_CONTINGENCY, rule);
        vm.expectRevert(notOwner);
        registry.setController(controller);
        vm.expectRevert(notOwner);
        registry.setRangeRule(1, ParameterRegistry.RangeRule(1, 2));
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.UnknownParameter.selector, 30));
        registry.tighten(30, 1);
        vm.stopPrank();
        registry.setController(address(0));
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.NotAuthorised.selector, controller));
        vm.prank(controller);
        registry.tighten(PERP_CONTINGENCY, 10_001);
    }

    function test_setRule_keepsTheValueWithinAndTheLeastDelay() public {
        registry.proposeLoosening(PERP_CONTINGENCY, 9_500);
        ParameterRegistry.Rule memory rule = registry.ruleOf(PERP_CONTINGENCY);
        bytes memory invalid = abi.encodeWithSelector(ParameterRegistry.InvalidRule.selector, PERP_CONTINGENCY);
        rule.least = 10_001;
        vm.expectRevert(invalid);
        registry.setRule(PERP_CONTINGENCY, rule);
        (rule.least, rule.most) = (9_000, 9_999);
        vm.expectRevert(invalid);
        registry.setRule(PERP_CONTINGENCY, rule);
        (rule.most, rule.step) = (10_000, 0);
        vm.expectRevert(invalid);
        registry.setRule(PERP_CONTINGENCY, rule);
        (rule.step, rule.delay) = (5, 1 days - 1);
        vm.expectRevert(invalid);
        registry.setRule(PERP_CONTINGENCY, rule);
        rule.delay = 1 days;
        registry.setRule(PERP_CONTINGENCY, rule);
        vm.assertEq(registry.proposalOf(PERP_CONTINGENCY).from, 0, "what was proposed lapses");
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.OutOfBounds.selector, 10_001, 9_000, 10_000));
        registry.tighten(PERP_CONTINGENCY, 10_001);
    }

    /// @dev Whatever the controller does in a week, a parameter stays within its bounds and moves by a step an interval at most.
    function testFuzz_controller_staysWithinTheRule(uint256 seed) public {
        vm.startPrank(controller);
        uint256 steps = 0;
        int256 last = registry.valueOf(PERP_CONTINGENCY);
        for (uint256 i = 0; i < 12; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            int32 value = int32(int256(bound(seed, 0, 230_000))) - 100_000;
            if (seed >> 128 & 1 == 0) value = int32(last) + int32(int256(bound(seed, 0, 2000))) - 1000;
            try registry.tighten(PERP_CONTINGENCY, value) {
                steps++;
            } catch {}
            try registry.proposeLoosening(PERP_CONTINGENCY, value) {} catch {}
            try registry.loosen(PERP_CONTINGENCY) {
                steps++;
            } catch {}
            int256 now_ = registry.valueOf(PERP_CONTINGENCY);
            int256 moved = now_ - last;
            vm.assertTrue(moved >= -1000 && moved <= 1000, "a step at most");
            vm.assertTrue(now_ >= -90_000 && now_ <= 210_000, "within the bounds");
            last = now_;
            vm.warp(block.timestamp + bound(seed >> 32, 1, 1 days));
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ParameterRegistry} from "../../src/ParameterRegistry.sol";
import {RiskRules} from "../../src/RiskRules.sol";
import {IRiskRules} from "../../src/interfaces/IRiskRules.sol";
import {InputBytes} from "../support/InputBytes.sol";
import {Registries} from "../support/Registries.sol";
import {SplitMix} from "../support/SplitMix.sol";
import {Test} from "../support/Test.sol";

/// @dev spec 10.7.
contract RiskRulesTest is Test {
    using InputBytes for bytes;
    using SplitMix for SplitMix.State;

    uint256 private constant SINCE = 1_790_000_000; // seconds
    uint256 private constant SECOND = 1000;
    uint256 private constant DAY = 86_400_000;
    uint256 private constant OBSERVED = (SINCE + 5000) * SECOND + 333;
    uint256 private constant MAX_AGE = 10_001; // milliseconds
    uint256 private constant PERP_CONTINGENCY = 1;

    ParameterRegistry private registry;
    RiskRules private rules;
    bytes private previous;
    bytes private next;

    function setUp() public {
        vm.warp(SINCE);
        bytes memory inputs = vm.parseJsonBytesArray(vm.readFile("../spec/vectors/risk-rows.json"), ".inputs")[0];
        registry = Registries.deploy(inputs);
        rules = new RiskRules(registry, MAX_AGE);
        previous = inputs.observed(OBSERVED);
        next = inputs.observed(OBSERVED + 1);
    }

    /// @dev The control of all that follow.
    function test_whatBreaksNone() public view {
        uint256[11] memory ids = [uint256(0), 3, 4, 5, 7, 21, 22, 30, 40, 2 ** 18, type(uint256).max];
        for (uint256 i = 0; i < ids.length; i++) {
            _expect(IRiskRules.Rule.None, previous, next, ids[i]);
            _expect(IRiskRules.Rule.None, "", next, ids[i]);
        }
    }

    function test_listing() public view {
        uint256[6] memory ids = [uint256(3), 5, 7, 21, 22, 30];
        for (uint256 i = 0; i < ids.length; i++) {
            bytes memory fewer = next.without(ids[i]);
            _expect(IRiskRules.Rule.Listing, previous, fewer, ids[i]);
            _expect(IRiskRules.Rule.None, previous, fewer, ids[(i + 1) % 6]);
            _expect(IRiskRules.Rule.None, "", fewer, ids[i]);
            _expect(IRiskRules.Rule.None, previous.without(ids[i]), next, ids[i]); // listed anew
        }
    }

    function test_listing_ofASettledOptionEndsThirtyDaysAfterItsExpiry() public view {
        bytes memory fewer = next.without(40);
        uint256 expiry = InputBytes.at(40) + InputBytes.EXPIRY;
        bytes memory old = previous.put(expiry, bytes.concat(bytes8(uint64(OBSERVED + 1 - 30 * DAY))));
        _expect(IRiskRules.Rule.None, old, fewer, 40);
        bytes memory late = previous.put(expiry, bytes.concat(bytes8(uint64(OBSERVED + 2 - 30 * DAY))));
        _expect(IRiskRules.Rule.Listing, late, fewer, 40);
        // Delisted and long expired, but not settled.
        old = old.put(InputBytes.at(40) + InputBytes.FLAGS, hex"02");
        _expect(IRiskRules.Rule.Listing, old, fewer, 40);
        // A settled perpetual has no expiry.
        bytes memory settled = previous.put(InputBytes.at(3) + InputBytes.FLAGS, hex"01");
        _expect(IRiskRules.Rule.Listing, settled, next.without(3), 3);
    }

    function test_terms() public view {
        _expectTerms(7, InputBytes.KIND, hex"02"); // spot to perpetual
        _expectTerms(21, InputBytes.KIND, hex"04"); // call to put
        _expectTerms(3, InputBytes.GROUP, hex"02");
        _expectTerms(7, InputBytes.GROUP, hex"01");
        _expectTerms(40, InputBytes.GROUP, hex"02");
        _expectTerms(21, InputBytes.STRIKE, hex"0000000000000001");
        _expectTerms(40, InputBytes.EXPIRY, bytes.concat(bytes8(uint64(OBSERVED - DAY))));
    }

    /// @dev Prices, open interest and flags may change.
    function test_terms_areNoMoreThanThat() public view {
        uint256 at = InputBytes.at(3);
        bytes memory changed = next.put(at + 7, bytes.concat(bytes8(uint64(7)), bytes8(uint64(8)), bytes8(uint64(9))));
        _expect(IRiskRules.Rule.None, previous, changed, 3);
        _expect(IRiskRules.Rule.None, previous, next.put(at + 31, bytes.concat(bytes8(uint64(10)))), 3); // funding
        _expect(IRiskRules.Rule.None, previous, next.put(at + InputBytes.FLAGS, hex"01"), 3);
        _expect(IRiskRules.Rule.None, previous, next.put(at + InputBytes.FLAGS, hex"02"), 3);
        _expect(IRiskRules.Rule.None, previous.put(at + InputBytes.FLAGS, hex"02"), next, 3); // delisted, and listed again
    }

    function test_settlement_isForGood() public view {
        uint256 flags = InputBytes.at(3) + InputBytes.FLAGS;
        bytes memory settled = previous.put(flags, hex"01");
        _expect(IRiskRules.Rule.Settlement, settled, next, 3);
        _expect(IRiskRules.Rule.Settlement, settled, next.put(flags, hex"02"), 3);
        _expect(IRiskRules.Rule.Settlement, previous.put(flags, hex"03"), next.put(flags, hex"02"), 3);
        _expect(IRiskRules.Rule.None, settled, next.put(flags, hex"01"), 3);
        _expect(IRiskRules.Rule.None, settled, next.put(flags, hex"03"), 3);
        _expect(IRiskRules.Rule.None, settled, next, 5);
    }

    function test_observationTime_isLaterEveryTime() public view {
        _expect(IRiskRules.Rule.ObservationTime, previous, previous, 0);
        _expect(IRiskRules.Rule.ObservationTime, next, previous, 0);
        _expect(IRiskRules.Rule.ObservationTime, next, previous, 21);
        _expect(IRiskRules.Rule.None, previous, next, 0);
        _expect(IRiskRules.Rule.None, "", previous, 0);
    }

    function test_parameters_fromTheGraceBeforeToTheLatestOpening() public {
        uint256 changed = SINCE + 6000;
        vm.warp(changed);
        registry.tighten(PERP_CONTINGENCY, registry.valueOf(PERP_CONTINGENCY) + 500);
        bytes memory tighter = next.put(14 + 4 * PERP_CONTINGENCY, bytes.concat(bytes4(uint32(10_500))));
        bytes32 hash = registry.parametersHash();
        vm.assertEq(registry.hashOf(tighter), hash, "the new ones");

        uint256 end = changed + Registries.GRACE; // seconds
        _expect(IRiskRules.Rule.None, "", next.observed(changed * SECOND), 0);
        _expect(IRiskRules.Rule.None, "", next.observed(end * SECOND - 1), 0);
        _expect(IRiskRules.Rule.Parameters, "", next.observed(end * SECOND), 0);
        _expect(IRiskRules.Rule.Parameters, previous, next.observed(end * SECOND), 21);
        // A batch may open 10.001 s later, and 11 whole seconds later the new ones were in force.
        _expect(IRiskRules.Rule.None, "", tighter.observed(end * SECOND), 0);
        _expect(IRiskRules.Rule.None, "", tighter.observed((changed - 11) * SECOND), 0);
        _expect(IRiskRules.Rule.Parameters, "", tighter.observed((changed - 11) * SECOND - 1), 0);
        _expect(IRiskRules.Rule.Parameters, "", next.put(14, hex"00000001"), 0); // never in force
    }

    function test_parameters_ofATimeBeforeTheRegistryAreNotJudged() public view {
        bytes memory other = next.put(14, hex"00000001");
        _expect(IRiskRules.Rule.None, "", other.observed(SINCE * SECOND - 1), 0);
        _expect(IRiskRules.Rule.Parameters, "", other.observed(SINCE * SECOND), 0);
        _expect(IRiskRules.Rule.None, "", next.observed(SINCE * SECOND), 0);
        _expect(IRiskRules.Rule.None, "", other.observed(0), 0);
    }

    function test_scanRange_ofEachGroupWithinItsBounds() public {
        uint32 first = 150_000;
        uint32 second = 180_000;
        _expectRange(IRiskRules.Rule.None, 136, first - Registries.SLACK);
        _expectRange(IRiskRules.Rule.ScanRange, 136, first - Registries.SLACK - 1);
        _expectRange(IRiskRules.Rule.None, 136, first + Registries.SLACK);
        _expectRange(IRiskRules.Rule.ScanRange, 136, first + Registries.SLACK + 1);
        _expectRange(IRiskRules.Rule.None, 141, second + Registries.SLACK);
        _expectRange(IRiskRules.Rule.ScanRange, 141, second + Registries.SLACK + 1);
        vm.warp(SINCE + 5100); // seconds after the observation, and yet before any batch could have opened on it
        registry.setRangeRule(2, ParameterRegistry.RangeRule(1, 2));
        _expectRange(IRiskRules.Rule.None, 141, second);
        bytes memory late = next.observed((SINCE + 5100 + Registries.GRACE) * SECOND - 1);
        _expect(IRiskRules.Rule.None, "", late, 0);
        late = next.observed((SINCE + 5100 + Registries.GRACE) * SECOND);
        _expect(IRiskRules.Rule.ScanRange, "", late, 0);
        registry.setRangeRule(2, ParameterRegistry.RangeRule(0, 0));
        _expect(IRiskRules.Rule.None, "", late, 0); // the group has no rule
    }

    /// @dev `Challenges.challengeRow` takes these; and what cannot be read of the batch before accuses nobody.
    function test_malformedInputsBreakNoRule() public view {
        bytes memory fewer = next.without(21);
        _expect(IRiskRules.Rule.Listing, previous, fewer, 21);
        _expect(IRiskRules.Rule.None, previous, fewer.put(0, hex"03"), 21);
        _expect(IRiskRules.Rule.None, previous.put(0, hex"03"), fewer, 21);
        _expect(IRiskRules.Rule.None, previous, bytes.concat(fewer, hex"00"), 21);
        _expect(IRiskRules.Rule.None, previous, "", 21);
        // Wrong in the instrument alone.
        _expect(IRiskRules.Rule.None, previous.put(InputBytes.at(21) + InputBytes.FLAGS, hex"04"), fewer, 21);
        _expect(IRiskRules.Rule.None, previous, next.put(InputBytes.at(21) + InputBytes.FLAGS, hex"04"), 21);
        // An id twice.
        bytes memory twice = next.put(InputBytes.at(22) + 3, hex"15");
        _expect(IRiskRules.Rule.None, previous, twice, 22);
        _expect(IRiskRules.Rule.None, twice, fewer.observed(OBSERVED + 2), 21);
        // Malformed before: parameters are judged all the same.
        _expect(IRiskRules.Rule.Parameters, hex"00", next.put(14, hex"00000001"), 0);
    }

    /// @dev spec/vectors/risk-succession.json, made by C# `RiskSuccessionTests`. The registry is younger than these.
    function test_everyPairIsJudgedAsByTheWatcher() public view {
        string memory file = vm.readFile("../spec/vectors/risk-succession.json");
        bytes[] memory inputs = vm.parseJsonBytesArray(file, ".inputs");
        uint256[] memory ids = vm.parseJsonUintArray(file, ".ids");
        bytes memory expected = vm.parseJsonBytes(file, ".rules");
        vm.assertEq(expected.length, inputs.length * inputs.length * ids.length, "answers");
        uint256 at = 0;
        for (uint256 i = 0; i < inputs.length; i++) {
            for (uint256 j = 0; j < inputs.length; j++) {
                for (uint256 k = 0; k < ids.length; k++) {
                    _expect(IRiskRules.Rule(uint8(expected[at++])), inputs[i], inputs[j], ids[k]);
                }
            }
        }
    }

    function test_stale_betweenOpeningAndAge() public view {
        vm.assertTrue(!rules.isStale(next, OBSERVED + 1), "at the opening");
        vm.assertTrue(rules.isStale(next, OBSERVED), "after it");
        vm.assertTrue(!rules.isStale(next, OBSERVED + 1 + MAX_AGE), "as old as may be");
        vm.assertTrue(rules.isStale(next, OBSERVED + 2 + MAX_AGE), "older");
        vm.assertTrue(rules.isStale(next, 0), "long after");
        vm.assertTrue(rules.isStale(next, type(uint256).max), "long before");
        vm.assertTrue(!rules.isStale(next.put(0, hex"03"), 0), "malformed");
        vm.assertTrue(!rules.isStale("", 0), "empty");
    }

    function test_configuration_isChecked() public {
        vm.expectRevert(abi.encodeWithSelector(RiskRules.InvalidConfiguration.selector, "registry"));
        new RiskRules(ParameterRegistry(address(0xdead)), 1);
        vm.expectRevert(abi.encodeWithSelector(RiskRules.InvalidConfiguration.selector, "maxReportAge"));
        new RiskRules(registry, 0);
        vm.expectRevert(abi.encodeWithSelector(RiskRules.InvalidConfiguration.selector, "maxReportAge"));
        new RiskRules(registry, 86_400_001);
        RiskRules made = new RiskRules(registry, 86_400_000);
        vm.assertEq(address(made.registry()), address(registry), "registry");
        vm.assertEq(made.maxReportAge(), 86_400_000, "age");
    }

    /// @dev Whatever the bytes, an answer.
    function testFuzz_itAnswersWhateverTheBytes(uint64 seed, uint64 other, uint256 id, uint256 open) public view {
        bytes memory one = _damaged(previous, seed);
        bytes memory two = _damaged(next, other);
        rules.brokenBy(one, two, id % 50);
        rules.brokenBy(previous, two, id % 50);
        rules.brokenBy(one, next, id);
        rules.isStale(two, open);
    }

    function testFuzz_itAnswersWhateverArbitraryBytes(bytes memory one, bytes memory two, uint256 id) public view {
        vm.assertEq(uint256(rules.brokenBy(one, two, id)), 0, "what cannot be read breaks no rule");
        vm.assertTrue(!rules.isStale(two, id), "nor is it stale");
        rules.brokenBy(one, next, id);
    }

    /// @dev Prices, open interest, flags of what was not settled, and new instruments are nobody's concern here.
    function testFuzz_anHonestSuccessorBreaksNone(uint32 later, uint256 prices, uint256 id, uint256 extra) public view {
        bytes memory honest = next.observed(OBSERVED + bound(later, 1, 900_000));
        uint256 at = InputBytes.at(3);
        uint64 index = uint64(bound(prices & type(uint64).max, 1, 2 ** 35 - 1));
        uint64 mark = uint64(bound(prices >> 64 & type(uint64).max, 1, 2 ** 35 - 1));
        honest = honest.put(at + 7, bytes.concat(bytes8(index), bytes8(mark), bytes8(uint64(prices >> 196))));
        if (extra % 2 == 0) _expect(IRiskRules.Rule.None, previous.without(30), honest, bound(id, 0, 45));
        _expect(IRiskRules.Rule.None, previous, honest, bound(id, 0, 45));
    }

    function _expectTerms(uint256 id, uint256 place, bytes memory change) private view {
        bytes memory changed = next.put(InputBytes.at(id) + place, change);
        _expect(IRiskRules.Rule.Terms, previous, changed, id);
        _expect(IRiskRules.Rule.None, changed, changed.observed(OBSERVED + 2), id);
        _expect(IRiskRules.Rule.None, previous, changed, 5);
    }

    function _expectRange(IRiskRules.Rule expected, uint256 at, uint32 range) private view {
        bytes memory changed = next.put(at, bytes.concat(bytes4(range)));
        _expect(expected, "", changed, 0);
        _expect(expected, previous, changed, 3);
    }

    function _expect(IRiskRules.Rule expected, bytes memory before, bytes memory inputs, uint256 id) private view {
        vm.assertEq(uint256(rules.brokenBy(before, inputs, id)), uint256(expected), "rule");
    }

    /// @dev One to three bytes changed, of every fourth also the length.
    function _damaged(bytes memory data, uint64 seed) private pure returns (bytes memory changed) {
        SplitMix.State memory state = SplitMix.State(seed);
        changed = data.part(0, data.length);
        for (uint256 left = 1 + state.draw() % 3; left > 0; left--) {
            uint256 at = state.draw() % (state.draw() % 2 == 0 ? changed.length : 150);
            changed[at] = bytes1(uint8(state.draw() % 2 == 0 ? state.draw() % 256 : state.draw() % 2 * 255));
        }
        if (state.draw() % 4 == 0) changed = changed.part(0, state.draw() % changed.length);
    }
}

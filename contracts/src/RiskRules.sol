// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// Times have 44 bits and are not negative once they are read.
// forge-lint: disable-start(unsafe-typecast)

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ParameterRegistry} from "./ParameterRegistry.sol";
import {IRiskRules} from "./interfaces/IRiskRules.sol";
import {RiskInputs} from "./libraries/RiskInputs.sol";

/// @title Which rule between batches risk inputs break (spec 10.7): what `Challenges` asks. It keeps nothing.
contract RiskRules is IRiskRules {
    /// @dev A settled option may leave the list so many milliseconds after its expiry: time to convert it, or to have it closed by request.
    int256 private constant RETIREMENT_DELAY = 30 days * 1000;

    ParameterRegistry public immutable registry;
    uint256 public immutable maxReportAge;

    error InvalidConfiguration(string field);

    constructor(ParameterRegistry registry_, uint256 maxReportAge_) {
        require(address(registry_).code.length != 0, InvalidConfiguration("registry"));
        require(maxReportAge_ != 0 && maxReportAge_ <= 1 days * 1000, InvalidConfiguration("maxReportAge"));
        registry = registry_;
        maxReportAge = maxReportAge_;
    }

    /// @inheritdoc IRiskRules
    function brokenBy(bytes calldata previous, bytes calldata inputs, uint256 id) external view returns (Rule rule) {
        (RiskInputs.Problem problem, RiskInputs.Inputs memory next) = RiskInputs.read(inputs, id);
        if (problem != RiskInputs.Problem.None) return Rule.None;
        RiskInputs.Inputs memory last;
        (problem, last) = RiskInputs.read(previous, id);
        if (problem == RiskInputs.Problem.None) rule = _brokenSince(last, next);
        return rule == Rule.None ? _brokenInRegistry(inputs, uint256(next.observedAt)) : rule;
    }

    /// @inheritdoc IRiskRules
    function isStale(bytes calldata inputs, uint256 open) external view returns (bool) {
        (RiskInputs.Problem problem, RiskInputs.Inputs memory read) = RiskInputs.read(inputs, 0);
        if (problem != RiskInputs.Problem.None) return false;
        uint256 observedAt = uint256(read.observedAt);
        return observedAt > open || open - observedAt > maxReportAge;
    }

    function _brokenSince(RiskInputs.Inputs memory last, RiskInputs.Inputs memory next) private pure returns (Rule) {
        if (next.observedAt <= last.observedAt) return Rule.ObservationTime;
        RiskInputs.Instrument memory was = last.instrument;
        RiskInputs.Instrument memory now_ = next.instrument;
        if (was.id == 0) return Rule.None;
        bool wasSettled = was.flags & RiskInputs.SETTLED != 0;
        if (now_.id == 0) {
            bool isRetired =
                wasSettled && RiskInputs.isOption(was) && next.observedAt - was.expiresAt >= RETIREMENT_DELAY;
            return isRetired ? Rule.None : Rule.Listing;
        }
        bool isSame = was.kind == now_.kind && was.group == now_.group && was.strike == now_.strike
            && was.expiresAt == now_.expiresAt;
        if (!isSame) return Rule.Terms;
        return wasSettled && now_.flags & RiskInputs.SETTLED == 0 ? Rule.Settlement : Rule.None;
    }

    /// @dev What was in force at any time from the grace before the observation to the latest opening that it allows: a change may come
    /// between observation and opening, and clocks differ. What was observed before the registry was there is not judged.
    function _brokenInRegistry(bytes calldata inputs, uint256 observedAt) private view returns (Rule) {
        uint256 time = observedAt / 1000;
        if (time < registry.since()) return Rule.None;
        uint256 first = time - Math.min(time, registry.grace());
        uint256 until = time + maxReportAge / 1000 + 1;
        if (!registry.wasInForce(sha256(RiskInputs.parametersOf(inputs)), first, until)) return Rule.Parameters;
        uint256[16] memory ranges = RiskInputs.rangesOf(inputs);
        for (uint256 group = 0; group < ranges.length; group++) {
            if (ranges[group] == 0) continue;
            if (!registry.wasRangeInForce(group, ranges[group], first, until)) return Rule.ScanRange;
        }
        return Rule.None;
    }
}
// forge-lint: disable-end(unsafe-typecast)

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title The risk parameters that batches must use, and how fast they may move (spec 6.12, docs/RISK.md).
/// @dev Numbered as in the canonical bytes of risk inputs: 20 rates, then move and counted share of five extremes. Whoever checks a batch
/// asks whether `hashOf(riskInputs)` was accepted at the time of observation. Scan ranges are the sequencer's, within bounds that stand here.
contract ParameterRegistry is Ownable2Step {
    uint256 public constant COUNT = 30;
    uint256 public constant GROUPS = 16; // of margin: 2^Protocol.WIDTH_GROUP
    /// @dev Where the parameters stand in the bytes of risk inputs: behind version, batch and time of observation.
    uint256 private constant PARAMETERS_AT = 13;
    bytes1 private constant PARAMETERS_VERSION = 0x01;

    struct Rule {
        int32 least;
        int32 most;
        uint32 step; // a change is at most this
        uint32 delay; // seconds from proposing a loosening to its effect
        uint32 interval; // seconds between two changes that the controller makes
        bool tightensUp; // whether a higher value asks more of traders
    }

    struct Change {
        int32 value;
        uint40 from; // seconds: when it may take effect; 0 if nothing is proposed
    }

    struct Entry {
        uint40 from; // seconds
        bytes32 hash;
    }

    /// @dev Bounds of a margin group's scan range, 10^-6. `most` 0: the group has no rule, and any range holds.
    struct RangeRule {
        uint32 least;
        uint32 most;
    }

    struct RangeEntry {
        uint40 from; // seconds
        RangeRule rule;
    }

    /// @notice May move parameters within their rules: a key of the risk controller. 0: nobody.
    address public controller;
    /// @notice Seconds: no rule has a shorter delay.
    uint256 public immutable leastDelay;
    /// @notice Seconds for which what is no longer in force is still accepted: a change may be at once, and batches are on their way.
    uint256 public immutable grace;

    int32[COUNT] private _values;
    Rule[COUNT] private _rules;
    Change[COUNT] private _changes;
    uint40[COUNT] private _changedAt;
    Entry[] private _history;
    mapping(uint256 group => RangeEntry[]) private _ranges;

    event ControllerChanged(address indexed controller);
    event RuleChanged(uint256 indexed parameter, Rule rule);
    event ParameterChanged(uint256 indexed parameter, int32 value, bytes32 hash);
    event LooseningProposed(uint256 indexed parameter, int32 value, uint40 from);
    event LooseningCancelled(uint256 indexed parameter);
    event RangeRuleChanged(uint256 indexed group, RangeRule rule);

    error UnknownParameter(uint256 parameter);
    error InvalidRule(uint256 parameter);
    error InvalidRangeRule(uint256 group);
    error NotAuthorised(address caller);
    error OutOfBounds(int32 value, int32 least, int32 most);
    error StepTooLarge(uint256 step, uint256 largest);
    error NotTighter(int32 value, int32 current);
    error NotLooser(int32 value, int32 current);
    error TooSoon(uint256 from);
    error NothingProposed(uint256 parameter);
    error NothingInForce(uint256 time);
    error MalformedInputs(uint256 length);

    modifier onlyAuthorised() {
        require(msg.sender == controller || msg.sender == owner(), NotAuthorised(msg.sender));
        _;
    }

    constructor(
        int32[COUNT] memory values,
        Rule[COUNT] memory rules,
        uint256 leastDelay_,
        uint256 grace_,
        RangeRule[GROUPS] memory ranges
    ) Ownable(msg.sender) {
        leastDelay = leastDelay_;
        grace = grace_;
        _values = values;
        for (uint256 i = 0; i < COUNT; i++) {
            _setRule(i, rules[i]);
        }
        _record();
        for (uint256 g = 0; g < GROUPS; g++) {
            if (ranges[g].most != 0) _setRangeRule(g, ranges[g]);
        }
    }

    // ---- changes ----

    /// @notice Asks more of traders, at once. By the controller, at most once an interval, or the owner.
    function tighten(uint256 parameter, int32 value) external onlyAuthorised {
        int32 current = _requireChange(parameter, value);
        require(_isTighter(parameter, value, current), NotTighter(value, current));
        _requireInterval(parameter);

        _change(parameter, value);
    }

    /// @notice Begins the delay after which `loosen` asks less of traders; replaces an earlier proposal. By the controller or the owner.
    function proposeLoosening(uint256 parameter, int32 value) external onlyAuthorised {
        int32 current = _requireChange(parameter, value);
        require(value != current && !_isTighter(parameter, value, current), NotLooser(value, current));
        _requireInterval(parameter);

        uint40 from = SafeCast.toUint40(block.timestamp + _rules[parameter].delay);
        _changes[parameter] = Change(value, from);
        emit LooseningProposed(parameter, value, from);
    }

    function cancelLoosening(uint256 parameter) external onlyAuthorised {
        require(parameter < COUNT, UnknownParameter(parameter));
        require(_changes[parameter].from != 0, NothingProposed(parameter));

        delete _changes[parameter];
        emit LooseningCancelled(parameter);
    }

    /// @notice Puts a proposed loosening into effect when its delay is over. Anyone. A tightening in between has cancelled it.
    function loosen(uint256 parameter) external {
        require(parameter < COUNT, UnknownParameter(parameter));
        Change memory change = _changes[parameter];
        require(change.from != 0, NothingProposed(parameter));
        require(block.timestamp >= change.from, TooSoon(change.from));
        _requireChange(parameter, change.value); // the rule may have changed since

        _change(parameter, change.value);
    }

    // ---- owner ----

    function setController(address newController) external onlyOwner {
        controller = newController;
        emit ControllerChanged(newController);
    }

    /// @notice Changes a parameter's rule; its value must be within. What is proposed under the old rule lapses.
    function setRule(uint256 parameter, Rule calldata rule) external onlyOwner {
        require(parameter < COUNT, UnknownParameter(parameter));

        delete _changes[parameter];
        _setRule(parameter, rule);
    }

    /// @notice Changes the bounds of a group's scan range. What was observed before, or within the grace after, may still be by the old ones.
    function setRangeRule(uint256 group, RangeRule calldata rule) external onlyOwner {
        _setRangeRule(group, rule);
    }

    // ---- views ----

    function valueOf(uint256 parameter) external view returns (int32) {
        return _values[parameter];
    }

    function ruleOf(uint256 parameter) external view returns (Rule memory) {
        return _rules[parameter];
    }

    function proposalOf(uint256 parameter) external view returns (Change memory) {
        return _changes[parameter];
    }

    /// @notice The bytes of the parameters as risk inputs hold them.
    function canonicalBytes() public view returns (bytes memory data) {
        int32[COUNT] memory values = _values;
        data = abi.encodePacked(PARAMETERS_VERSION);
        for (uint256 i = 0; i < COUNT; i++) {
            data = abi.encodePacked(data, values[i]);
        }
    }

    /// @notice SHA-256 of the canonical bytes that are in force now.
    function parametersHash() external view returns (bytes32) {
        return _history[_history.length - 1].hash;
    }

    /// @notice The hash that was in force at a time in seconds.
    function hashAt(uint256 time) external view returns (bytes32) {
        uint256 low = 0;
        uint256 high = _history.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (_history[middle].from <= time) low = middle + 1;
            else high = middle;
        }
        require(low != 0, NothingInForce(time));
        return _history[low - 1].hash;
    }

    /// @notice Seconds: nothing was in force before.
    function since() external view returns (uint256) {
        return _history[0].from;
    }

    /// @notice Whether parameters of this hash may be used at a time in seconds: they were in force then, or within the grace before.
    function isAccepted(bytes32 hash, uint256 time) external view returns (bool) {
        return wasInForce(hash, time - Math.min(time, grace), time);
    }

    /// @notice Whether parameters of this hash were in force at any second from `first` to `last`.
    function wasInForce(bytes32 hash, uint256 first, uint256 last) public view returns (bool) {
        for (uint256 i = _history.length; i > 0; i--) {
            Entry storage entry = _history[i - 1];
            if (entry.from > last) continue;
            if (entry.hash == hash) return true;
            if (entry.from <= first) return false;
        }
        return false;
    }

    /// @notice The bounds of a group's scan range now; zeros: it has none.
    function rangeRuleOf(uint256 group) external view returns (RangeRule memory rule) {
        RangeEntry[] storage entries = _ranges[group];
        if (entries.length != 0) rule = entries[entries.length - 1].rule;
    }

    /// @notice Whether a group's scan range was within the bounds in force at any second from `first` to `last`.
    function wasRangeInForce(uint256 group, uint256 range, uint256 first, uint256 last) external view returns (bool) {
        RangeEntry[] storage entries = _ranges[group];
        for (uint256 i = entries.length; i > 0; i--) {
            RangeEntry memory entry = entries[i - 1];
            if (entry.from > last) continue;
            RangeRule memory rule = entry.rule;
            if (rule.most == 0 || (range >= rule.least && range <= rule.most)) return true;
            if (entry.from <= first) return false;
        }
        return true; // Before the first rule any range held.
    }

    /// @notice SHA-256 of the parameters that the bytes of risk inputs hold.
    function hashOf(bytes calldata riskInputs) external pure returns (bytes32) {
        uint256 end = PARAMETERS_AT + 1 + 4 * COUNT;
        require(riskInputs.length >= end, MalformedInputs(riskInputs.length));
        return sha256(riskInputs[PARAMETERS_AT:end]);
    }

    // ---- support ----

    function _requireChange(uint256 parameter, int32 value) private view returns (int32 current) {
        require(parameter < COUNT, UnknownParameter(parameter));
        Rule memory rule = _rules[parameter];
        require(value >= rule.least && value <= rule.most, OutOfBounds(value, rule.least, rule.most));
        current = _values[parameter];
        int256 difference = int256(value) - current;
        // forge-lint: disable-next-line(unsafe-typecast) its absolute value
        uint256 step = uint256(difference < 0 ? -difference : difference);
        require(step <= rule.step, StepTooLarge(step, rule.step));
    }

    function _isTighter(uint256 parameter, int32 value, int32 current) private view returns (bool) {
        return _rules[parameter].tightensUp ? value > current : value < current;
    }

    function _requireInterval(uint256 parameter) private view {
        if (msg.sender != controller) return;
        uint256 from = uint256(_changedAt[parameter]) + _rules[parameter].interval;
        require(block.timestamp >= from, TooSoon(from));
    }

    function _change(uint256 parameter, int32 value) private {
        _values[parameter] = value;
        _changedAt[parameter] = SafeCast.toUint40(block.timestamp);
        delete _changes[parameter];
        emit ParameterChanged(parameter, value, _record());
    }

    function _setRule(uint256 parameter, Rule memory rule) private {
        int32 value = _values[parameter];
        bool holds = rule.least <= value && value <= rule.most && rule.step != 0 && rule.delay >= leastDelay;
        require(holds, InvalidRule(parameter));

        _rules[parameter] = rule;
        emit RuleChanged(parameter, rule);
    }

    function _setRangeRule(uint256 group, RangeRule memory rule) private {
        bool holds = group < GROUPS && rule.least <= rule.most;
        require(holds, InvalidRangeRule(group));

        _ranges[group].push(RangeEntry(SafeCast.toUint40(block.timestamp), rule));
        emit RangeRuleChanged(group, rule);
    }

    function _record() private returns (bytes32 hash) {
        hash = sha256(canonicalBytes());
        _history.push(Entry(SafeCast.toUint40(block.timestamp), hash));
    }
}

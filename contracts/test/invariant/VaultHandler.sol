// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {RollupVault} from "../../src/RollupVault.sol";
import {TestToken} from "../../src/dev/TestToken.sol";
import {Protocol} from "../../src/generated/Protocol.sol";
import {IExits} from "../../src/interfaces/IExits.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {OperationQueue} from "../../src/libraries/OperationQueue.sol";
import {PublicData} from "../../src/libraries/PublicData.sol";
import {ExitsFixture} from "../support/ExitsFixture.sol";

/// @title Random users and an operator whose batches are honest, beside a ledger of what the vault should owe.
/// @dev Actions do nothing where they cannot succeed; whatever they do attempt must succeed (fail_on_revert).
contract VaultHandler is ExitsFixture {
    struct Queued {
        address depositor;
        uint256[5] words;
    }

    uint32[2] public ASSETS = [CASH, ETHER];
    address[3] private _actors = [address(0xa11c), address(0xb0b0), address(0xca01)];

    // The ledger, in protocol units.
    mapping(uint256 asset => uint256) public inTree; // in accounts, after the last final batch
    mapping(uint256 asset => uint256) public deposited; // ever
    mapping(uint256 asset => uint256) public credited; // ever
    mapping(uint256 asset => uint256) public claimed; // ever, as the claimants' balances rose
    mapping(uint256 asset => uint256) public donated; // token units sent to the vault past its functions
    mapping(uint256 account => mapping(uint256 asset => uint256)) private _balances; // after the last committed batch
    mapping(uint256 account => address) private _owners;
    mapping(uint256 account => uint256) public activeFrom; // batch that takes the registration, 0 if none did
    uint32[] private _accounts; // those a committed batch has registered
    Queued[] private _queue;
    mapping(uint256 index => bool) public refunded;
    mapping(uint256 batch => uint256[]) private _moves;
    mapping(uint256 batch => uint256) public roots;

    Holder[] private _holders; // registered exits
    mapping(uint256 account => bool) private _leaves;
    mapping(uint256 index => bool) private _left;
    mapping(uint256 asset => uint256) private _before;
    bytes32 public stateAtFreeze;
    uint32 public finalAtFreeze;
    mapping(bytes32 action => uint256) public counts;

    function setUp() public override {
        super.setUp();
        _fund(_actors[2]);
        vault.setGuardian(guardian);
    }

    function theVault() external view returns (RollupVault) {
        return vault;
    }

    // ---- users ----

    function register(uint256 who, uint256 amount) external {
        if (vault.frozen() || vault.paused()) return;
        address user = _actors[who % 3];
        amount = who % 2 == 0 ? 0 : bound(amount, 1, 2 ** 40);
        uint32 account = vault.nextAccount();
        _queue.push(Queued(user, registrationWords(account, user, amount)));
        _register(user, amount);
        deposited[CASH] += amount;
        _owners[account] = user;
        counts["register"]++;
    }

    function deposit(uint256 who, uint256 which, uint256 assetSeed, uint256 amount) external {
        if (vault.frozen() || vault.paused() || _accounts.length == 0) return;
        uint32 account = _accounts[which % _accounts.length];
        if (!vault.isActive(account)) return;
        address user = _actors[who % 3];
        uint32 asset = ASSETS[assetSeed % 2];
        amount = bound(amount, 1, 2 ** 24);
        _queue.push(Queued(user, depositWords(account, asset, amount)));
        _deposit(user, account, asset, amount);
        deposited[asset] += amount;
        counts["deposit"]++;
    }

    /// @notice By the owner or by somebody else.
    function request(uint256 who, uint256 which, uint256 assetSeed, uint256 amount) external {
        if (vault.frozen() || _accounts.length == 0) return;
        uint32 account = _accounts[which % _accounts.length];
        if (!vault.isActive(account)) return;
        address user = _actors[who % 3];
        uint32 asset = ASSETS[assetSeed % 2];
        bool closes = amount % 4 == 0;
        amount = bound(amount, 1, 2 ** 24);
        _queue.push(Queued(user, closes ? closeWords(user, account) : requestWords(user, account, asset, amount)));
        vm.prank(user);
        if (closes) vault.requestClose(account);
        else vault.requestWithdrawal(account, asset, amount);
        deposited[CASH] += REQUEST_DEPOSIT;
        counts["request"]++;
    }

    function refund(uint256 which) external {
        uint256 from = vault.batches(vault.lastFinal()).operationEnd;
        if (!vault.frozen() || from == _queue.length) return;
        uint256 index = bound(which, from, _queue.length - 1);
        if (refunded[index]) return;
        vault.refund(uint40(index), _queue[index].words);
        refunded[index] = true;
        (uint256 asset, uint256 amount) = movedIn(index);
        credited[asset] += amount;
        counts["refund"]++;
    }

    function claim(uint256 who, uint256 assetSeed) external {
        address user = _actors[who % 3];
        uint32 asset = ASSETS[assetSeed % 2];
        if (vault.credits(user, asset) == 0) return;
        TestToken token = tokenOf(asset);
        uint256 before = token.balanceOf(user);
        vault.claim(user, asset);
        uint256 lot = vault.assets(asset).unitsPerLot;
        uint256 paid = token.balanceOf(user) - before;
        vm.assertEq(paid % lot, 0, "whole lots");
        claimed[asset] += paid / lot;
        counts[vault.frozen() ? bytes32("claimFrozen") : bytes32("claim")]++;
    }

    function donate(uint256 assetSeed, uint256 amount) external {
        uint32 asset = ASSETS[assetSeed % 2];
        amount = bound(amount, 1, 2 ** 30);
        tokenOf(asset).mint(address(vault), amount);
        donated[asset] += amount;
    }

    // ---- exits ----

    /// @notice Claims that the tree may or may not bear: the proof is a stand-in's, so whatever it says has to be paid pro rata.
    function registerExit(uint256 who, uint256 which, int256 equity, uint256 lots) external {
        if (!vault.frozen() || _accounts.length == 0) return;
        uint32 account = _accounts[which % _accounts.length];
        if (_leaves[account]) return;
        int256 most = 2 ** 26;
        lots = bound(lots, 0, 2 ** 14);
        Holder memory holder = Holder(account, _actors[who % 3], equity % most, lots * 2000, lots);
        _registerExit(holder);
        _holders.push(holder);
        _leaves[account] = true;
        counts[block.timestamp < exits.windowEnd() ? bytes32("registerExit") : bytes32("registerLate")]++;
    }

    function payExit(uint256 which) external {
        if (_holders.length == 0) return;
        uint256 index = which % _holders.length;
        Holder memory holder = _holders[index];
        uint256[7] memory shown = _claim(holder);
        if (_left[index]) {
            bytes32 hash = keccak256(abi.encode(shown));
            vm.expectRevert(abi.encodeWithSelector(IExits.WrongClaim.selector, hash, bytes32(uint256(1))));
            exits.payExit(shown);
            counts["payTwice"]++;
            return;
        }
        if (block.timestamp < exits.windowEnd()) vm.warp(exits.windowEnd() + which % 60);
        for (uint256 i = 0; i < 2; i++) {
            _before[ASSETS[i]] = vault.credits(holder.owner, ASSETS[i]);
        }
        exits.payExit(shown);
        _left[index] = true;
        for (uint256 i = 0; i < 2; i++) {
            uint256 paid = vault.credits(holder.owner, ASSETS[i]) - _before[ASSETS[i]];
            uint256 most = i == 1 ? holder.etherLots : holder.equity > 0 ? uint256(holder.equity) : 0;
            vm.assertLe(paid, most, "at most the claim");
            credited[ASSETS[i]] += paid;
            inTree[ASSETS[i]] -= paid;
        }
        counts["payExit"]++;
    }

    function buyWithheld(uint256 who, uint256 lots) external {
        if (!vault.frozen() || block.timestamp >= exits.windowEnd()) return;
        uint256 most = exits.withheld(ETHER);
        if (most > inTree[ETHER]) most = inTree[ETHER];
        if (most == 0) return;
        lots = bound(lots, 1, most);
        exits.setMark(ETHER, "risk inputs");
        vm.prank(_actors[who % 3]);
        exits.buyWithheld(ETHER, lots);
        deposited[CASH] += lots * 2000;
        inTree[CASH] += lots * 2000;
        inTree[ETHER] -= lots;
        credited[ETHER] += lots;
        counts["buyWithheld"]++;
    }

    // ---- operator ----

    /// @notice Takes what fits of the queue, refuses some of it, and withdraws from up to three accounts.
    function commit(uint256 seed) external {
        if (vault.frozen() || vault.paused()) return;
        uint32 batch = vault.lastCommitted() + 1;
        Draft memory draft = _draft();
        uint256 waiting = vault.queueTail() - vault.queueHead();
        uint256 count = waiting < OPERATIONS ? waiting : OPERATIONS;
        if (seed % 5 == 0 && count > 0) count--;
        for (uint256 row = 0; row < ROWS; row++) {
            _withdrawSome(draft, row, uint256(keccak256(abi.encode(seed, "row", row))));
        }
        for (uint256 i = 0; i < count; i++) {
            bool refused = uint256(keccak256(abi.encode(seed, "operation", i))) % 4 == 0;
            _take(draft, batch, _queue[vault.queueHead() + i], refused);
        }
        roots[batch] = draft.words[3];
        _moves[batch] = _movesOf(draft);
        _commit(draft);
        counts["commit"]++;
    }

    function prove(uint256 which) external {
        if (vault.frozen() || vault.lastCommitted() == vault.lastFinal()) return;
        uint32 batch = uint32(bound(which, vault.lastFinal() + 1, vault.lastCommitted()));
        if (vault.batches(batch).status != IRollupVault.BatchStatus.Committed) return;
        _prove(batch);
        counts["prove"]++;
    }

    function finalize(uint256 warpSeed) external {
        uint32 batch = vault.lastFinal() + 1;
        IRollupVault.Batch memory record = vault.batches(batch);
        if (vault.frozen() || record.status != IRollupVault.BatchStatus.Proven) return;
        uint256 until = record.committedAt + CHALLENGE_WINDOW;
        if (block.timestamp < until) vm.warp(until + warpSeed % 60);
        vault.finalizeBatch(batch, _moves[batch]);
        for (uint256 i = 0; i < _moves[batch].length; i++) {
            uint256 word = _moves[batch][i];
            (, uint256 asset, uint256 amount) = PublicData.unpackPayout(word);
            if (PublicData.isDeposit(word)) inTree[asset] += amount;
            else credited[asset] += amount;
        }
        for (uint256 i = 0; i < _moves[batch].length; i++) {
            uint256 word = _moves[batch][i];
            (, uint256 asset, uint256 amount) = PublicData.unpackPayout(word);
            if (word >> 226 == 0) inTree[asset] -= amount;
        }
        counts["finalize"]++;
    }

    function pause(uint256 seed) external {
        vm.prank(guardian);
        vault.setPaused(seed % 4 == 0);
        if (vault.paused()) counts["pause"]++;
    }

    // ---- time ----

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 1 hours));
    }

    /// @notice Freezes a vault whose operator has gone away; seldom, so that most runs stay alive.
    function abandon(uint256 seed) external {
        bool hasWork = vault.queueHead() < vault.queueTail();
        if (vault.frozen() || seed % 16 != 0 || !hasWork) return;
        vm.warp(block.timestamp + OPERATION_DEADLINE + 1);
        vault.freeze();
        finalAtFreeze = vault.lastFinal();
        stateAtFreeze = state();
        counts["freeze"]++;
    }

    // ---- what the invariants read ----

    function tokenOf(uint32 asset) public view returns (TestToken) {
        return asset == CASH ? cash : etherToken;
    }

    function creditsNow(uint32 asset) external view returns (uint256 sum) {
        for (uint256 i = 0; i < 3; i++) {
            sum += vault.credits(_actors[i], asset);
        }
    }

    function queueLength() external view returns (uint256) {
        return _queue.length;
    }

    /// @notice What an operation moved in.
    function movedIn(uint256 index) public view returns (uint256 asset, uint256 amount) {
        uint256 kind;
        (kind,, asset, amount) = OperationQueue.unpack(_queue[index].words[0]);
        if (kind >= Protocol.OPERATION_WITHDRAWAL_REQUEST) (asset, amount) = (CASH, REQUEST_DEPOSIT);
    }

    /// @notice Moved in by operations that no final batch has consumed and that are not refunded.
    function pending(uint256 asset) external view returns (uint256 sum) {
        for (uint256 i = vault.batches(vault.lastFinal()).operationEnd; i < _queue.length; i++) {
            (uint256 of_, uint256 amount) = movedIn(i);
            if (of_ == asset && !refunded[i]) sum += amount;
        }
    }

    function prefixAt(uint256 length) external view returns (bytes32 prefix) {
        for (uint256 i = 0; i < length; i++) {
            prefix = keccak256(abi.encode(prefix, _queue[i].depositor, _queue[i].words));
        }
    }

    /// @notice All that a freeze must keep.
    function state() public view returns (bytes32) {
        return keccak256(
            abi.encode(
                vault.lastCommitted(), vault.lastFinal(), vault.queueHead(), vault.queueTail(), vault.nextAccount()
            )
        );
    }

    // ---- support ----

    function _withdrawSome(Draft memory draft, uint256 row, uint256 seed) private {
        if (_accounts.length == 0 || seed % 3 == 0) return;
        uint32 account = _accounts[(seed >> 8) % _accounts.length];
        uint32 asset = ASSETS[(seed >> 40) % 2];
        if (_balances[account][asset] == 0) return;
        uint256 amount = bound(seed >> 48, 1, _balances[account][asset]);
        _withdraw(draft, row, _owners[account], asset, amount);
        _balances[account][asset] -= amount;
        counts["withdraw"]++;
    }

    function _take(Draft memory draft, uint32 batch, Queued memory operation, bool refused) private {
        (uint256 kind, uint256 account, uint256 asset, uint256 amount) = OperationQueue.unpack(operation.words[0]);
        if (kind >= Protocol.OPERATION_WITHDRAWAL_REQUEST) {
            uint256 had = operation.depositor == _owners[account] ? _balances[account][asset] : 0;
            uint256 paid = had < amount ? had : amount;
            _serve(draft, operation.words, paid);
            _balances[account][asset] -= paid;
            counts[paid == 0 ? bytes32("unserved") : bytes32("served")]++;
            return;
        }
        if (refused) {
            _bounce(draft, operation.words);
            counts["bounce"]++;
            return;
        }
        _consume(draft, operation.words);
        _balances[account][asset] += amount;
        if (kind == Protocol.OPERATION_REGISTER) {
            _accounts.push(uint32(account));
            activeFrom[account] = batch;
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {RollupVault} from "../../src/RollupVault.sol";
import {TestToken} from "../../src/dev/TestToken.sol";
import {Protocol} from "../../src/generated/Protocol.sol";
import {IRollupVault} from "../../src/interfaces/IRollupVault.sol";
import {ISettlementVerifier} from "../../src/interfaces/ISettlementVerifier.sol";
import {Field} from "../../src/libraries/Field.sol";
import {OperationQueue} from "../../src/libraries/OperationQueue.sol";
import {PublicData} from "../../src/libraries/PublicData.sol";
import {Keys} from "./Keys.sol";
import {MockVerifier} from "./MockVerifier.sol";
import {Test} from "./Test.sol";

/// @title A vault of the dev profile with cash, ether lots and two users, and a builder of the batches it accepts.
abstract contract VaultFixture is Test {
    struct Draft {
        uint256[] words;
        uint256 commitment;
        uint256 riskRoot;
        uint256[5][] bounced;
    }

    uint256 internal constant LEDGERS_SLOT = 14;
    uint256 internal constant GENESIS = 0xa11ce;
    uint256 internal constant START = 1_790_000_000; // seconds
    uint32 internal constant CASH = 0;
    uint32 internal constant ETHER = 7;
    uint96 internal constant ETHER_LOT = 1e15;
    uint16 internal constant BLOCKS = 3;
    uint16 internal constant ROWS = 3;
    uint16 internal constant OPERATIONS = 2;
    uint64 internal constant PROOF_DEADLINE = 3 hours;
    uint64 internal constant OPERATION_DEADLINE = 24 hours;
    uint64 internal constant CHALLENGE_WINDOW = 30 minutes;
    uint64 internal constant MAX_EPOCH = 600_000; // milliseconds
    uint64 internal constant CLOCK_TOLERANCE = 15_000; // milliseconds
    uint64 internal constant VERIFIER_GAS = 500_000;
    uint64 internal constant REQUEST_DEPOSIT = 3_000_000;

    address internal immutable operator = address(0x0b0e);
    address internal immutable alice = address(0xa11c);
    address internal immutable bob = address(0xb0b0);
    address internal immutable guardian = address(0x94a2d);
    address internal immutable anyone = address(0xa9);

    MockVerifier internal verifier;
    TestToken internal cash;
    TestToken internal etherToken;
    RollupVault internal vault;

    function setUp() public virtual {
        vm.warp(START);
        verifier = new MockVerifier();
        cash = new TestToken("Dollar", "USD", 6);
        etherToken = new TestToken("Ether", "WETH", 18);
        vault = new RollupVault(configuration());
        vault.listAsset(ETHER, address(etherToken), ETHER_LOT);
        _fund(alice);
        _fund(bob);
    }

    function configuration() internal view returns (IRollupVault.Configuration memory) {
        return IRollupVault.Configuration({
            genesisRoot: GENESIS,
            verifier: ISettlementVerifier(address(verifier)),
            operator: operator,
            cashToken: IERC20Metadata(address(cash)),
            blocks: BLOCKS,
            rows: ROWS,
            operations: OPERATIONS,
            proofDeadline: PROOF_DEADLINE,
            operationDeadline: OPERATION_DEADLINE,
            challengeWindow: CHALLENGE_WINDOW,
            maxEpoch: MAX_EPOCH,
            clockTolerance: CLOCK_TOLERANCE,
            verifierGas: VERIFIER_GAS,
            requestDeposit: REQUEST_DEPOSIT
        });
    }

    function _newVault(IRollupVault.Configuration memory config) internal returns (RollupVault made) {
        made = new RollupVault(config);
        address[2] memory users = [alice, bob];
        for (uint256 i = 0; i < users.length; i++) {
            vm.prank(users[i]);
            cash.approve(address(made), type(uint256).max);
        }
    }

    // ---- users ----

    function _fund(address user) internal {
        cash.mint(user, 1e15);
        etherToken.mint(user, 1e24);
        vm.startPrank(user);
        cash.approve(address(vault), type(uint256).max);
        etherToken.approve(address(vault), type(uint256).max);
        vm.stopPrank();
    }

    /// @notice Registers `user` with the key and view key hash that `registrationWords` gives for the next account.
    function _register(address user, uint256 amount) internal returns (uint32 account) {
        uint256[5] memory words = registrationWords(vault.nextAccount(), user, amount);
        vm.prank(user);
        return vault.register(words[2], words[3], words[4], amount);
    }

    function _deposit(address user, uint32 account, uint32 asset, uint256 amount) internal {
        vm.prank(user);
        vault.deposit(account, asset, amount);
    }

    function registrationWords(uint32 account, address user, uint256 amount)
        internal
        pure
        returns (uint256[5] memory words)
    {
        words[0] = OperationQueue.pack(Protocol.OPERATION_REGISTER, account, CASH, amount);
        words[1] = uint160(user);
        (words[2], words[3]) = Keys.key(account);
        words[4] = uint256(keccak256(abi.encode("view key", account))) % Field.R;
    }

    function requestWords(address requester, uint32 account, uint32 asset, uint256 amount)
        internal
        pure
        returns (uint256[5] memory words)
    {
        words[0] = OperationQueue.pack(Protocol.OPERATION_WITHDRAWAL_REQUEST, account, asset, amount);
        words[1] = uint160(requester);
    }

    function closeWords(address requester, uint32 account) internal pure returns (uint256[5] memory words) {
        words[0] = OperationQueue.pack(Protocol.OPERATION_CLOSE_REQUEST, account, 0, 0);
        words[1] = uint160(requester);
    }

    function depositWords(uint32 account, uint32 asset, uint256 amount)
        internal
        pure
        returns (uint256[5] memory words)
    {
        words[0] = OperationQueue.pack(Protocol.OPERATION_DEPOSIT, account, asset, amount);
    }

    // ---- batches ----

    function header(uint256 batch, uint256 open, uint256 close, uint256 first, uint256 count)
        internal
        pure
        returns (uint256)
    {
        return batch | open << 32 | close << 76 | first << 120 | count << 160;
    }

    /// @notice The next batch, closing now after one second, consuming nothing; every word of its blocks is its own.
    function _draft() internal view returns (Draft memory draft) {
        uint32 batch = vault.lastCommitted() + 1;
        uint256 now_ = block.timestamp * 1000;
        uint256 last = vault.batches(batch - 1).close;
        draft.words = new uint256[](vault.wordCount());
        draft.words[0] = vault.domain();
        draft.words[1] = header(batch, last > now_ - 1000 ? last : now_ - 1000, now_, vault.queueHead(), 0);
        draft.words[2] = vault.batches(batch - 1).root;
        draft.words[3] = uint256(keccak256(abi.encode("root", batch))) % Field.R;
        for (uint256 i = _rowAt(vault.rows()); i < draft.words.length; i++) {
            draft.words[i] = uint256(keccak256(abi.encode("block", batch, i))) % Field.R;
        }
        draft.commitment = uint256(keccak256(abi.encode("commitment", batch))) % Field.R;
        draft.riskRoot = uint256(keccak256(abi.encode("risk", batch))) % Field.R;
    }

    function _operationAt(uint256 place) internal pure returns (uint256) {
        return PublicData.OPERATIONS + 5 * place;
    }

    function _rowAt(uint256 row) internal view returns (uint256) {
        return PublicData.OPERATIONS + 5 * vault.operations() + row;
    }

    /// @notice Appends an operation that the batch publishes.
    function _consume(Draft memory draft, uint256[5] memory words) internal pure {
        uint256 at = _operationAt(_operationCount(draft));
        for (uint256 i = 0; i < 5; i++) {
            draft.words[at + i] = words[i];
        }
        draft.words[1] += 1 << 160;
    }

    /// @notice Appends a request of which the batch pays `paid`.
    function _serve(Draft memory draft, uint256[5] memory words, uint256 paid) internal pure {
        uint256 at = _operationAt(_operationCount(draft));
        _consume(draft, words);
        draft.words[at + 2] = paid;
    }

    /// @notice Appends an operation that the batch refuses.
    function _bounce(Draft memory draft, uint256[5] memory words) internal pure {
        uint256[5][] memory bounced = new uint256[5][](draft.bounced.length + 1);
        for (uint256 i = 0; i < draft.bounced.length; i++) {
            bounced[i] = draft.bounced[i];
        }
        bounced[draft.bounced.length] = words;
        draft.bounced = bounced;
        draft.words[1] += 1 << 160;
    }

    function _operationCount(Draft memory draft) internal pure returns (uint256) {
        return draft.words[1] >> 160;
    }

    function _withdraw(Draft memory draft, uint256 row, address owner, uint32 asset, uint256 amount) internal view {
        draft.words[_rowAt(row)] = PublicData.packPayout(owner, asset, amount);
    }

    function _commit(Draft memory draft) internal {
        vm.prank(operator, operator);
        vault.commitBatch(_submission(draft, "risk inputs"));
    }

    /// @notice Without receipts and attestations.
    function _submission(Draft memory draft, bytes memory riskInputs)
        internal
        pure
        returns (IRollupVault.Submission memory submission)
    {
        submission.words = draft.words;
        submission.commitment = draft.commitment;
        submission.riskRoot = draft.riskRoot;
        submission.riskInputs = riskInputs;
        submission.bounced = draft.bounced;
    }

    function _expectRefused(Draft memory draft, bytes memory reason) internal {
        vm.expectRevert(reason);
        _commit(draft);
    }

    function _proof(uint32 batch) internal view returns (IRollupVault.Proof memory) {
        IRollupVault.Batch memory record = vault.batches(batch);
        return verifier.proofOf([record.commitment, record.evaluation, record.challenge, record.riskRoot]);
    }

    function _prove(uint32 batch) internal {
        vault.proveBatch(batch, _proof(batch));
    }

    /// @notice Commits and proves a draft, waits for the challenge window and finalises it.
    function _settle(Draft memory draft) internal {
        uint256[] memory moves = _movesOf(draft);
        _commit(draft);
        uint32 batch = vault.lastCommitted();
        _prove(batch);
        vm.warp(vault.batches(batch).committedAt + CHALLENGE_WINDOW);
        vault.finalizeBatch(batch, moves);
    }

    /// @notice What `finalizeBatch` must bring for a draft that is not committed yet (spec 6.5).
    function _movesOf(Draft memory draft) internal view returns (uint256[] memory moves) {
        uint256[] memory found = new uint256[](draft.words.length);
        uint256 length = 0;
        for (uint256 row = 0; row < vault.rows(); row++) {
            uint256 word = draft.words[_rowAt(row)];
            if (word != 0) found[length++] = word;
        }
        uint256 bounces = 0;
        for (uint256 i = 0; i < _operationCount(draft); i++) {
            uint256 at = _operationAt(i);
            bool bounced = draft.words[at] == 0;
            (uint256 kind,, uint256 asset, uint256 amount) =
                OperationQueue.unpack(bounced ? draft.bounced[bounces++][0] : draft.words[at]);
            if (kind >= Protocol.OPERATION_WITHDRAWAL_REQUEST) {
                address requester = address(uint160(draft.words[at + 1]));
                uint256 paid = draft.words[at + 2];
                if (paid != 0) found[length++] = PublicData.packPayout(requester, asset, paid);
                found[length++] = 2 << 226 | PublicData.packPayout(requester, CASH, REQUEST_DEPOSIT);
            } else if (amount != 0) {
                address depositor = vault.queued(uint40(vault.queueHead() + i)).depositor;
                found[length++] = bounced
                    ? 2 << 226 | PublicData.packPayout(depositor, asset, amount)
                    : 1 << 226 | PublicData.packPayout(address(0), asset, amount);
            }
        }
        moves = new uint256[](length);
        for (uint256 i = 0; i < length; i++) {
            moves[i] = found[i];
        }
    }

    /// @notice As if earlier batches had brought `amount` of `asset` into accounts.
    function _endow(uint32 asset, uint256 amount) internal {
        IRollupVault.Asset memory listed = vault.assets(asset);
        if (listed.token != address(0)) TestToken(listed.token).mint(address(vault), amount * listed.unitsPerLot);
        bytes32 slot = keccak256(abi.encode(uint256(asset), LEDGERS_SLOT));
        uint256 before = vault.ledger(asset).inTree;
        vm.store(address(vault), slot, bytes32(uint256(vm.load(address(vault), slot)) + amount));
        vm.assertEq(vault.ledger(asset).inTree, before + amount, "slot of the ledgers");
    }

    /// @notice Registers `user` and brings the registration into a final root.
    function _registerFinal(address user, uint256 amount) internal returns (uint32 account) {
        account = _register(user, amount);
        Draft memory draft = _draft();
        _consume(draft, registrationWords(account, user, amount));
        _settle(draft);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Protocol} from "./generated/Protocol.sol";
import {IExits} from "./interfaces/IExits.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {IRollupVault} from "./interfaces/IRollupVault.sol";
import {ISettlementVerifier} from "./interfaces/ISettlementVerifier.sol";
import {BabyJubJub} from "./libraries/BabyJubJub.sol";
import {Field} from "./libraries/Field.sol";
import {OperationQueue} from "./libraries/OperationQueue.sol";
import {PublicData} from "./libraries/PublicData.sol";
import {VerifierCall} from "./libraries/VerifierCall.sol";

/// @title Custody and settlement of the rollup on L1 (spec 6).
/// @dev Every entry point has one rhythm: resolve, require, mutate, event, external calls last.
contract RollupVault is IRollupVault, Ownable2Step, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint32 private constant CASH = 0;
    uint32 private constant FUND = 1;
    uint256 private constant MILLISECONDS = 1000;
    /// @dev Bounds the search of `freeze` to about 9 million gas.
    uint32 private constant MOST_PENDING_BATCHES = 4096;
    /// @dev Bytes of the head of a `Submission`: nine members.
    uint256 private constant SUBMISSION_HEAD = 9 * 32;

    uint256 public immutable genesisRoot;
    uint256 public immutable proofDeadline;
    uint256 public immutable operationDeadline;
    uint256 public immutable challengeWindow;
    uint256 public immutable maxEpoch;
    uint256 public immutable clockTolerance;
    uint256 public immutable verifierGas;
    uint256 public immutable requestDeposit;

    Circuit private _circuit;
    address public guardian;
    address public upgrades;
    IExits public exits;
    address public challenges;
    IOracleCommittee public committee;
    address public operator;
    bool public frozen;
    bool public paused;
    uint32 public lastCommitted;
    uint32 public lastFinal;

    uint40 public frozenAt;
    uint40 public queueHead;
    uint40 public queueTail;
    uint32 public nextAccount = uint32(Protocol.BOUND_RESERVED_ACCOUNTS);

    mapping(uint256 batch => Batch) private _batches;
    mapping(uint256 index => Operation) private _queue;
    mapping(uint256 account => Registration) private _registrations;
    mapping(uint256 asset => Asset) private _assets;
    mapping(uint256 asset => Ledger) private _ledgers;
    mapping(address owner => mapping(uint256 asset => uint256)) private _credits;
    /// @dev 1 + payoff, so that 0 says that the instrument is not settled.
    mapping(uint256 instrument => uint256) private _payoffs;

    modifier whenNotFrozen() {
        _requireNotFrozen();
        _;
    }

    modifier whenNotPaused() {
        _requireNotPaused();
        _;
    }

    modifier whenFrozen() {
        _requireFrozen();
        _;
    }

    constructor(Configuration memory config) Ownable(msg.sender) {
        require(config.genesisRoot != 0 && config.genesisRoot < Field.R, InvalidConfiguration("genesisRoot"));
        require(config.operator != address(0), InvalidConfiguration("operator"));
        require(
            config.proofDeadline != 0 && config.proofDeadline <= type(uint32).max, InvalidConfiguration("proofDeadline")
        );
        require(config.operationDeadline != 0, InvalidConfiguration("operationDeadline"));
        require(config.maxEpoch != 0, InvalidConfiguration("maxEpoch"));
        require(config.verifierGas != 0, InvalidConfiguration("verifierGas"));
        require(config.requestDeposit < 2 ** Protocol.WIDTH_AMOUNT, InvalidConfiguration("requestDeposit"));
        require(address(config.cashToken).code.length != 0, InvalidConfiguration("cashToken"));
        require(config.cashToken.decimals() == 6, CashDecimals(config.cashToken.decimals()));

        genesisRoot = config.genesisRoot;
        proofDeadline = config.proofDeadline;
        operationDeadline = config.operationDeadline;
        challengeWindow = config.challengeWindow;
        maxEpoch = config.maxEpoch;
        clockTolerance = config.clockTolerance;
        verifierGas = config.verifierGas;
        requestDeposit = config.requestDeposit;

        _setCircuit(
            Circuit(config.verifier, config.blocks, config.rows, config.operations, uint32(Protocol.CIRCUIT_VERSION))
        );
        _batches[0].root = config.genesisRoot;
        _batches[0].status = BatchStatus.Final;
        _setOperator(config.operator);
        _list(CASH, address(config.cashToken), 1);
    }

    // ---- users ----

    function register(uint256 keyX, uint256 keyY, uint256 viewKeyHash, uint256 amount)
        external
        nonReentrant
        whenNotFrozen
        whenNotPaused
        returns (uint32 account)
    {
        account = nextAccount;
        require(account < 2 ** Protocol.WIDTH_ACCOUNT, AccountsExhausted());
        require(amount < 2 ** Protocol.WIDTH_AMOUNT, AmountOutOfRange(amount));
        BabyJubJub.requireKey(keyX, keyY);
        Field.requireElement(viewKeyHash);

        nextAccount = account + 1;
        _registrations[account].operation = queueTail;
        uint256 word = OperationQueue.pack(Protocol.OPERATION_REGISTER, account, CASH, amount);
        _enqueue([word, uint160(msg.sender), keyX, keyY, viewKeyHash]);

        if (amount != 0) _moveIn(CASH, amount);
    }

    function deposit(uint32 account, uint32 asset, uint256 amount) external nonReentrant whenNotFrozen whenNotPaused {
        // Anybody may add to the insurance fund.
        require(isActive(account) || (account == FUND && asset == CASH), AccountNotActive(account));
        require(_assets[asset].token != address(0), AssetNotListed(asset));
        require(amount != 0 && amount < 2 ** Protocol.WIDTH_AMOUNT, AmountOutOfRange(amount));

        uint256 word = OperationQueue.pack(Protocol.OPERATION_DEPOSIT, account, asset, amount);
        _enqueue([word, 0, 0, 0, 0]);

        _moveIn(asset, amount);
    }

    function requestWithdrawal(uint32 account, uint32 asset, uint256 amount) external nonReentrant whenNotFrozen {
        require(_assets[asset].token != address(0), AssetNotListed(asset));
        require(amount != 0 && amount < 2 ** Protocol.WIDTH_AMOUNT, AmountOutOfRange(amount));

        _request(OperationQueue.pack(Protocol.OPERATION_WITHDRAWAL_REQUEST, account, asset, amount), account);
    }

    function requestClose(uint32 account) external nonReentrant whenNotFrozen {
        _request(OperationQueue.pack(Protocol.OPERATION_CLOSE_REQUEST, account, CASH, 0), account);
    }

    function refund(uint40 index, uint256[5] calldata words) external whenFrozen {
        uint40 from = _batches[lastFinal].operationEnd;
        require(index >= from && index < queueTail, NotRefundable(index, from, queueTail));
        Operation storage operation = _queue[index];
        require(!operation.refunded, AlreadyRefunded(index));
        bytes32 prefix = OperationQueue.extend(queuePrefix(index), operation.depositor, words);
        require(prefix == operation.prefix, WrongOperations(prefix, operation.prefix));

        operation.refunded = true;
        (uint256 kind,, uint256 asset, uint256 amount) = OperationQueue.unpack(words[0]);
        if (OperationQueue.isRequest(kind)) (asset, amount) = (CASH, requestDeposit);
        // forge-lint: disable-next-line(unsafe-typecast) unpacked from 18 bits
        emit Refunded(index, operation.depositor, uint32(asset), amount);
        if (amount == 0) return;
        _ledgers[asset].pending -= uint80(amount);
        _credit(operation.depositor, uint32(asset), amount);
    }

    function claim(address holder, uint32 asset) external nonReentrant {
        uint256 amount = _credits[holder][asset];
        Asset memory listed = _assets[asset];
        require(amount != 0, NothingToClaim(holder, asset));
        require(listed.token != address(0), AssetNotListed(asset));

        _credits[holder][asset] = 0;
        _ledgers[asset].credited -= uint80(amount);
        emit Claimed(holder, asset, amount);

        IERC20(listed.token).safeTransfer(holder, amount * listed.unitsPerLot);
    }

    // ---- batches ----

    function settle(uint32[] calldata instruments, uint64[] calldata payoffs) external whenNotFrozen {
        require(msg.sender == operator, NotOperator(msg.sender));
        require(instruments.length == payoffs.length, MalformedInput());

        for (uint256 i = 0; i < instruments.length; i++) {
            (uint32 instrument, uint64 payoff) = (instruments[i], payoffs[i]);
            require(
                instrument != CASH && instrument < 2 ** Protocol.WIDTH_INSTRUMENT && payoff < 2 ** Protocol.WIDTH_PRICE,
                InvalidPayoff(instrument, payoff)
            );
            require(_payoffs[instrument] == 0, AlreadySettled(instrument));
            _payoffs[instrument] = uint256(payoff) + 1;
            emit InstrumentSettled(instrument, payoff);
        }
    }

    function commitBatch(Submission calldata submission) external whenNotFrozen whenNotPaused {
        uint32 batch = lastCommitted + 1;
        require(msg.sender == operator, NotOperator(msg.sender));
        // An account with delegated code (EIP-7702) could call from within its own transaction.
        require(msg.sender == tx.origin && msg.sender.code.length == 0, NotTopLevel(msg.sender));
        require(batch - lastFinal <= MOST_PENDING_BATCHES, TooManyPendingBatches(batch - 1 - lastFinal));
        require(_isCanonical(submission), MalformedInput());
        uint256[] calldata words = submission.words;
        Circuit memory current = _circuit;
        uint256 expected = PublicData.wordCount(current.blocks, current.rows, current.operations);
        require(words.length == expected, WordCount(words.length, expected));
        Field.requireElement(submission.commitment);
        Field.requireElement(submission.riskRoot);
        PublicData.Header memory header = PublicData.unpackHeader(words[PublicData.HEADER]);
        uint256 expectedDomain = _domainOf(current.version);
        require(words[PublicData.DOMAIN] == expectedDomain, WrongDomain(words[PublicData.DOMAIN], expectedDomain));
        require(
            header.operationCount <= current.operations, TooManyOperations(header.operationCount, current.operations)
        );
        _requireNext(batch, header, words[PublicData.OLD_ROOT]);

        bytes32 payouts = _collectWithdrawals(words, current);
        payouts = _consumeOperations(words, current.operations, header.operationCount, submission.bounced, payouts);
        bytes32 riskInputsHash = keccak256(submission.riskInputs);
        _record(batch, submission, header.close, payouts, riskInputsHash);
        _requireAttested(batch, submission, header.open, riskInputsHash);
    }

    function proveBatch(uint32 batch, Proof calldata proof) external whenNotFrozen {
        Batch storage record = _batches[batch];
        require(record.status == BatchStatus.Committed, NotCommitted(batch, record.status));
        uint256[4] memory inputs = [record.commitment, record.evaluation, record.challenge, record.riskRoot];
        require(_verifies(proof, inputs), ProofRejected(batch));

        record.status = BatchStatus.Proven;
        emit BatchProven(batch);
    }

    function finalizeBatch(uint32 batch, uint256[] calldata payouts) external whenNotFrozen {
        Batch storage record = _batches[batch];
        require(batch == lastFinal + 1, WrongBatch(batch, lastFinal + 1));
        require(record.status == BatchStatus.Proven, NotProven(batch, record.status));
        uint256 until = record.committedAt + challengeWindow;
        require(block.timestamp >= until, ChallengeWindowOpen(batch, until));

        bytes32 hash;
        for (uint256 i = 0; i < payouts.length; i++) {
            hash = PublicData.extendMoves(hash, payouts[i]);
            _moveIntoTree(payouts[i]); // before anything leaves: a batch may pay out what it takes in
        }
        require(hash == record.payouts, WrongPayouts(hash, record.payouts));

        record.status = BatchStatus.Final;
        lastFinal = batch;
        for (uint256 i = 0; i < payouts.length; i++) {
            _moveOut(payouts[i]);
        }
        emit BatchFinalized(batch, record.root);
    }

    function freeze() external whenNotFrozen {
        uint32 batch = _overdueBatch();
        require(batch != 0 || _isHeadOverdue(), NothingOverdue());

        _freeze(batch != 0 ? FreezeReason.Proof : FreezeReason.Operation, batch);
    }

    function freezeByChallenge() external whenNotFrozen {
        require(msg.sender == challenges, NotChallenges(msg.sender));

        _freeze(FreezeReason.Challenge, 0);
    }

    function shortenDeadline(uint32 batch, uint40 until) external whenNotFrozen {
        require(msg.sender == challenges, NotChallenges(msg.sender));
        Batch storage record = _batches[batch];
        require(record.status == BatchStatus.Committed, NotCommitted(batch, record.status));
        require(
            until >= block.timestamp && until <= record.proveBy, InvalidDeadline(until, block.timestamp, record.proveBy)
        );

        record.proveBy = until;
        emit DeadlineShortened(batch, until);
    }

    // ---- exits ----

    function creditExit(address holder, uint32 asset, uint256 amount) external whenFrozen {
        require(msg.sender == address(exits), NotExits(msg.sender));

        _ledgers[asset].inTree -= SafeCast.toUint80(amount);
        _credit(holder, asset, amount);
    }

    function exchange(address buyer, uint32 asset, uint256 lots, uint256 atoms) external nonReentrant whenFrozen {
        require(msg.sender == address(exits), NotExits(msg.sender));

        _ledgers[asset].inTree -= SafeCast.toUint80(lots);
        _ledgers[CASH].inTree += SafeCast.toUint80(atoms);
        _credit(buyer, asset, lots);

        _pull(buyer, CASH, atoms);
    }

    // ---- owner and guardian ----

    function setGuardian(address newGuardian) external onlyOwner {
        guardian = newGuardian;
        emit GuardianChanged(newGuardian);
    }

    function setPaused(bool newPaused) external {
        require(msg.sender == guardian || (!newPaused && msg.sender == owner()), NotGuardian(msg.sender));

        paused = newPaused;
        emit Paused(newPaused);
    }

    function setExits(IExits newExits) external onlyOwner {
        _requireSettable(address(exits), address(newExits));

        exits = newExits;
        emit ExitsSet(address(newExits));
    }

    function setUpgrades(address newUpgrades) external onlyOwner {
        _requireSettable(upgrades, newUpgrades);

        upgrades = newUpgrades;
        emit UpgradesSet(newUpgrades);
    }

    function upgradeCircuit(Circuit calldata next) external whenNotFrozen {
        require(msg.sender == upgrades, NotUpgrades(msg.sender));
        require(lastCommitted == lastFinal, BatchesPending(lastCommitted - lastFinal));

        _setCircuit(next);
    }

    function listAsset(uint32 asset, address token, uint96 unitsPerLot) external onlyOwner {
        require(
            asset != CASH && asset < 2 ** Protocol.WIDTH_INSTRUMENT && token.code.length != 0 && unitsPerLot != 0,
            InvalidAsset(asset, token, unitsPerLot)
        );
        require(_assets[asset].token == address(0), AssetAlreadyListed(asset));

        _list(asset, token, unitsPerLot);
    }

    function setOperator(address newOperator) external onlyOwner {
        require(newOperator != address(0), InvalidConfiguration("operator"));

        _setOperator(newOperator);
    }

    function setChallenges(address newChallenges) external onlyOwner {
        _requireSettable(challenges, newChallenges);

        challenges = newChallenges;
        emit ChallengesSet(newChallenges);
    }

    function setCommittee(IOracleCommittee newCommittee) external onlyOwner {
        _requireSettable(address(committee), address(newCommittee));

        committee = newCommittee;
        emit CommitteeSet(address(newCommittee));
    }

    // ---- views ----

    function circuit() external view returns (Circuit memory) {
        return _circuit;
    }

    function domain() external view returns (uint256) {
        return _domainOf(_circuit.version);
    }

    function verifier() external view returns (ISettlementVerifier) {
        return _circuit.verifier;
    }

    function blocks() external view returns (uint256) {
        return _circuit.blocks;
    }

    function rows() external view returns (uint256) {
        return _circuit.rows;
    }

    function operations() external view returns (uint256) {
        return _circuit.operations;
    }

    function wordCount() external view returns (uint256) {
        return PublicData.wordCount(_circuit.blocks, _circuit.rows, _circuit.operations);
    }

    function ledger(uint32 asset) external view returns (Ledger memory) {
        return _ledgers[asset];
    }

    function solvency(uint32 asset) external view returns (uint256 liabilities, uint256 holdings) {
        Asset memory listed = _assets[asset];
        require(listed.token != address(0), AssetNotListed(asset));
        Ledger memory owed = _ledgers[asset];
        uint256 balance = IERC20(listed.token).balanceOf(address(this)) / listed.unitsPerLot;
        uint256 others = uint256(owed.pending) + owed.credited;
        return (owed.inTree, balance > others ? balance - others : 0);
    }

    function isActive(uint32 account) public view returns (bool) {
        Registration memory registration = _registrations[account];
        return account >= Protocol.BOUND_RESERVED_ACCOUNTS && account < nextAccount && !registration.bounced
            && registration.operation < _batches[lastFinal].operationEnd;
    }

    function batches(uint32 batch) external view returns (Batch memory) {
        return _batches[batch];
    }

    function queued(uint40 index) external view returns (Operation memory) {
        return _queue[index];
    }

    function registrations(uint32 account) external view returns (Registration memory) {
        return _registrations[account];
    }

    function assets(uint32 asset) external view returns (Asset memory) {
        return _assets[asset];
    }

    function credits(address holder, uint32 asset) external view returns (uint256) {
        return _credits[holder][asset];
    }

    function payoffOf(uint32 instrument) external view returns (bool settled, uint64 payoff) {
        uint256 stored = _payoffs[instrument];
        // forge-lint: disable-next-line(unsafe-typecast) stored from 64 bits
        return stored == 0 ? (false, 0) : (true, uint64(stored - 1));
    }

    function queuePrefix(uint40 index) public view returns (bytes32) {
        return index == 0 ? bytes32(0) : _queue[index - 1].prefix;
    }

    // ---- operations ----

    function _enqueue(uint256[5] memory words) private {
        uint40 index = queueTail;
        bytes32 prefix = OperationQueue.extend(queuePrefix(index), msg.sender, words);
        _queue[index] = Operation(prefix, msg.sender, uint40(block.timestamp), false);
        queueTail = index + 1;
        emit OperationQueued(index, msg.sender, words);
    }

    /// @dev Whether the caller owns the account is for the proof to say. Only accounts of a final root: their leaf is there.
    function _request(uint256 word, uint32 account) private {
        require(isActive(account), AccountNotActive(account));
        _enqueue([word, uint160(msg.sender), 0, 0, 0]);

        if (requestDeposit != 0) _moveIn(CASH, requestDeposit);
    }

    function _moveIn(uint32 asset, uint256 amount) private {
        // forge-lint: disable-next-line(unsafe-typecast) below 2^48
        _ledgers[asset].pending += uint80(amount);
        _pull(msg.sender, asset, amount);
    }

    /// @dev Tokens that take a fee on transfer, or rebase while they move, are refused: the tree would hold what the vault does not.
    function _pull(address from, uint32 asset, uint256 amount) private {
        Asset memory listed = _assets[asset];
        IERC20 token = IERC20(listed.token);
        uint256 expected = amount * listed.unitsPerLot;
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(from, address(this), expected);
        uint256 received = token.balanceOf(address(this)) - before;
        require(received == expected, TransferMismatch(listed.token, expected, received));
    }

    // ---- batches ----

    /// @dev Whether the transaction's input is what ABI encoders write: parts in order, without gaps, overlaps or stray bytes. The
    /// ABI decoder takes more than that; a reader of L1 that takes less must still understand every batch.
    function _isCanonical(Submission calldata submission) private pure returns (bool) {
        uint256[] calldata words = submission.words;
        bytes calldata riskInputs = submission.riskInputs;
        uint256[5][] calldata bounced = submission.bounced;
        bytes calldata attestations = submission.attestations;
        uint256 at;
        uint256[4] memory starts;
        assembly ("memory-safe") {
            at := submission
            mstore(starts, words.offset)
            mstore(add(starts, 32), riskInputs.offset)
            mstore(add(starts, 64), bounced.offset)
            mstore(add(starts, 96), attestations.offset)
        }
        if (at != 4 + 32) return false;
        at += SUBMISSION_HEAD + 32;
        if (starts[0] != at) return false;
        at += 32 * words.length + 32;
        if (starts[1] != at) return false;
        at += _paddedLength(riskInputs) + 32;
        if (starts[2] != at) return false;
        at += 160 * bounced.length + 32;
        if (starts[3] != at) return false;
        at += _paddedLength(attestations);
        return msg.data.length == at && _isPaddedByZeros(riskInputs) && _isPaddedByZeros(attestations);
    }

    function _paddedLength(bytes calldata data) private pure returns (uint256) {
        return (data.length + 31) & ~uint256(31);
    }

    function _isPaddedByZeros(bytes calldata data) private pure returns (bool) {
        uint256 padding;
        assembly ("memory-safe") {
            // The up to 31 bytes behind the data, as the high end of a word.
            padding := shr(sub(256, shl(3, and(sub(0, data.length), 31))), calldataload(add(data.offset, data.length)))
        }
        return padding == 0;
    }

    function _requireFrozen() private view {
        require(frozen, NotFrozen());
    }

    function _requireNotPaused() private view {
        require(!paused, VaultPaused());
    }

    function _requireNotFrozen() private view {
        require(!frozen, VaultFrozen());
    }

    function _domainOf(uint32 version) private view returns (uint256) {
        return
            uint256(keccak256(abi.encode("rollup-settlement", block.chainid, address(this), uint256(version))))
                % Field.R;
    }

    function _requireNext(uint32 batch, PublicData.Header memory header, uint256 oldRoot) private view {
        Batch storage last = _batches[batch - 1];
        require(header.batch == batch, WrongBatch(header.batch, batch));
        require(oldRoot == last.root, WrongOldRoot(oldRoot, last.root));

        require(header.open >= last.close, EpochOpensEarly(header.open, last.close));
        require(header.close >= header.open, EpochClosesBeforeOpen(header.open, header.close));
        require(header.close - header.open <= maxEpoch, EpochTooLong(header.close - header.open, maxEpoch));
        uint256 latest = block.timestamp * MILLISECONDS + clockTolerance;
        require(header.close <= latest, EpochClosesInFuture(header.close, latest));
        // Requests expire by the batch's opening: if batches could open ever further in the past, nothing would expire.
        uint256 lag = proofDeadline * MILLISECONDS;
        uint256 time = block.timestamp * MILLISECONDS;
        require(header.open + lag >= time, EpochTooOld(header.open, time - lag));

        uint256 end = header.firstOperation + header.operationCount;
        require(header.firstOperation == queueHead, WrongFirstOperation(header.firstOperation, queueHead));
        require(end <= queueTail, OperationsNotQueued(end, queueTail));
    }

    function _record(
        uint32 batch,
        Submission calldata submission,
        uint64 close,
        bytes32 payouts,
        bytes32 riskInputsHash
    ) private {
        uint256[] calldata words = submission.words;
        Batch storage last = _batches[batch - 1];
        bool isSame = submission.receiptNumber == last.receiptNumber && submission.receiptHash == last.receiptHash;
        require(
            submission.receiptNumber > last.receiptNumber || isSame,
            ReceiptsFall(submission.receiptNumber, last.receiptNumber)
        );
        bytes32 dataHash = keccak256(abi.encodePacked(words));
        uint256 challenge = PublicData.challenge(submission.commitment, dataHash);
        _batches[batch] = Batch({
            root: words[PublicData.NEW_ROOT],
            riskRoot: submission.riskRoot,
            commitment: submission.commitment,
            challenge: challenge,
            evaluation: PublicData.evaluate(words, challenge),
            payouts: payouts,
            close: close,
            committedAt: uint40(block.timestamp),
            operationEnd: queueHead,
            status: BatchStatus.Committed,
            // forge-lint: disable-next-line(unsafe-typecast) the deadline is bounded by the constructor
            proveBy: uint40(block.timestamp + proofDeadline),
            receiptNumber: submission.receiptNumber,
            receiptHash: submission.receiptHash,
            riskInputsHash: riskInputsHash
        });
        lastCommitted = batch;
        emit BatchCommitted(batch, words[PublicData.NEW_ROOT], submission.riskRoot, dataHash);
    }

    function _requireAttested(uint32 batch, Submission calldata submission, uint256 open, bytes32 riskInputsHash)
        private
        view
    {
        IOracleCommittee asked = committee;
        if (address(asked) == address(0)) return;
        asked.requireAttested(
            _domainOf(_circuit.version),
            batch,
            riskInputsHash,
            submission.riskRoot,
            open,
            submission.reportTime,
            submission.attestations
        );
    }

    function _collectWithdrawals(uint256[] calldata words, Circuit memory current)
        private
        pure
        returns (bytes32 payouts)
    {
        uint256 first = PublicData.OPERATIONS + PublicData.OPERATION_WORDS * current.operations;
        for (uint256 i = first; i < first + current.rows; i++) {
            if (words[i] != 0) payouts = PublicData.extendPayouts(payouts, words[i]);
        }
    }

    /// @dev Takes `count` operations off the queue's head. The hash over their depositors and words, published or shown as bounced,
    /// must be the queue's own. Appends what they move to `payouts`.
    function _consumeOperations(
        uint256[] calldata words,
        uint256 places,
        uint256 count,
        uint256[5][] calldata bounced,
        bytes32 payouts
    ) private returns (bytes32) {
        uint40 index = queueHead;
        bytes32 prefix = queuePrefix(index);
        uint256 bounces = 0;
        for (uint256 place = 0; place < places; place++) {
            uint256[5] memory operation = _operationAt(words, place);
            if (operation[0] == 0) {
                bool isEmpty = (operation[1] | operation[2] | operation[3] | operation[4]) == 0;
                require(isEmpty, PlaceNotEmpty(place));
                if (place >= count) continue;
                require(bounces < bounced.length, BouncedCount(bounced.length, bounces + 1));
                operation = bounced[bounces++];
                payouts = _bounce(_queue[index].depositor, operation[0], place, payouts);
            } else {
                require(place < count, PlaceNotEmpty(place));
                payouts = _accept(operation, place, payouts);
            }
            prefix = OperationQueue.extend(prefix, _queue[index].depositor, operation);
            index++;
        }
        require(bounces == bounced.length, BouncedCount(bounced.length, bounces));
        require(prefix == queuePrefix(index), WrongOperations(prefix, queuePrefix(index)));
        queueHead = index;
        return payouts;
    }

    function _operationAt(uint256[] calldata words, uint256 place) private pure returns (uint256[5] memory operation) {
        uint256 at = PublicData.OPERATIONS + PublicData.OPERATION_WORDS * place;
        for (uint256 i = 0; i < PublicData.OPERATION_WORDS; i++) {
            operation[i] = words[at + i];
        }
    }

    /// @dev Like `_bounce`, runs before the words are compared with the queue; a mismatch there reverts what is done here. Puts the
    /// words of a request back into the form in which they were queued.
    function _accept(uint256[5] memory operation, uint256 place, bytes32 payouts) private view returns (bytes32) {
        (uint256 kind,, uint256 asset, uint256 amount) = OperationQueue.unpack(operation[0]);
        if (!OperationQueue.isRequest(kind)) {
            return amount == 0 ? payouts : PublicData.extendMoves(payouts, PublicData.packDeposit(asset, amount));
        }
        uint256 paid = operation[2];
        require(paid <= amount, PaidTooMuch(place, paid, amount));
        operation[2] = 0;
        // forge-lint: disable-next-line(unsafe-typecast) the queue's hash says that this is the requester's address
        address requester = address(uint160(operation[1]));
        if (paid != 0) payouts = PublicData.extendMoves(payouts, PublicData.packPayout(requester, asset, paid));
        if (requestDeposit == 0) return payouts;
        return PublicData.extendMoves(payouts, PublicData.packReturn(requester, CASH, requestDeposit));
    }

    function _bounce(address depositor, uint256 word, uint256 place, bytes32 payouts) private returns (bytes32) {
        (uint256 kind, uint256 account, uint256 asset, uint256 amount) = OperationQueue.unpack(word);
        require(!OperationQueue.isRequest(kind), RequestBounced(place));
        if (kind == Protocol.OPERATION_REGISTER) _registrations[account].bounced = true;
        if (amount == 0) return payouts;
        return PublicData.extendMoves(payouts, PublicData.packReturn(depositor, asset, amount));
    }

    function _verifies(Proof calldata proof, uint256[4] memory inputs) private view returns (bool) {
        bytes memory data = abi.encodeCall(ISettlementVerifier.verifyProof, (proof.a, proof.b, proof.c, inputs));
        return VerifierCall.accepts(address(_circuit.verifier), verifierGas, data);
    }

    /// @dev What an account takes of its deposit.
    function _moveIntoTree(uint256 word) private {
        if (!PublicData.isDeposit(word)) return;
        (, uint32 asset, uint256 amount) = PublicData.unpackPayout(word);
        // forge-lint: disable-next-line(unsafe-typecast) unpacked from 48 bits
        uint80 moved = uint80(amount);
        _ledgers[asset].pending -= moved;
        _ledgers[asset].inTree += moved;
    }

    /// @dev What an account pays, or what goes back to whom it came from. More than was ever moved in cannot leave: the subtraction
    /// reverts.
    function _moveOut(uint256 word) private {
        if (PublicData.isDeposit(word)) return;
        (address holder, uint32 asset, uint256 amount) = PublicData.unpackPayout(word);
        // forge-lint: disable-start(unsafe-typecast) unpacked from 48 bits
        if (PublicData.isReturn(word)) _ledgers[asset].pending -= uint80(amount);
        else _ledgers[asset].inTree -= uint80(amount);
        // forge-lint: disable-end(unsafe-typecast)
        _credit(holder, asset, amount);
    }

    function _credit(address holder, uint32 asset, uint256 amount) private {
        _ledgers[asset].credited += SafeCast.toUint80(amount);
        _credits[holder][asset] += amount;
        emit Credited(holder, asset, amount);
    }

    // ---- freeze ----

    function _freeze(FreezeReason reason, uint32 batch) private {
        frozen = true;
        // forge-lint: disable-next-line(unsafe-typecast) seconds fit 40 bits for 34,000 years
        frozenAt = uint40(block.timestamp);
        emit Frozen(reason, batch, queueHead);
    }

    function _overdueBatch() private view returns (uint32) {
        for (uint32 batch = lastFinal + 1; batch <= lastCommitted; batch++) {
            Batch storage record = _batches[batch];
            if (record.status == BatchStatus.Committed && block.timestamp > record.proveBy) return batch;
        }
        return 0;
    }

    function _isHeadOverdue() private view returns (bool) {
        return queueHead < queueTail && block.timestamp > _queue[queueHead].queuedAt + operationDeadline;
    }

    // ---- owner ----

    function _requireSettable(address current, address next) private view {
        require(current == address(0), AlreadySet(current));
        require(next.code.length != 0, NotAContract(next));
    }

    function _list(uint32 asset, address token, uint96 unitsPerLot) private {
        _assets[asset] = Asset(token, unitsPerLot);
        emit AssetListed(asset, token, unitsPerLot);
    }

    function _setCircuit(Circuit memory next) private {
        require(next.blocks != 0, InvalidConfiguration("blocks"));
        require(next.rows != 0, InvalidConfiguration("rows"));
        require(next.operations != 0, InvalidConfiguration("operations"));
        require(address(next.verifier).code.length != 0, InvalidConfiguration("verifier"));
        require(VerifierCall.isLocalChain() || !next.verifier.isDevelopmentKey(), DevelopmentKey(block.chainid));

        _circuit = next;
        emit CircuitChanged(next);
    }

    function _setOperator(address newOperator) private {
        operator = newOperator;
        emit OperatorChanged(newOperator);
    }
}

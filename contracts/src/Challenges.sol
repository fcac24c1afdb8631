// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Protocol} from "./generated/Protocol.sol";
import {IRiskRows} from "./interfaces/IRiskRows.sol";
import {IRiskRules} from "./interfaces/IRiskRules.sol";
import {IRiskTable} from "./interfaces/IRiskTable.sol";
import {IRollupVault} from "./interfaces/IRollupVault.sol";
import {IRowVerifier} from "./interfaces/IRowVerifier.sol";
import {Field} from "./libraries/Field.sol";
import {PublicData} from "./libraries/PublicData.sol";
import {RiskInputs} from "./libraries/RiskInputs.sol";
import {VerifierCall} from "./libraries/VerifierCall.sol";

/// @title What the operator stands in for with a bond, and who may take it (spec 10).
/// @dev Amounts are quote atoms of the vault's cash. Nothing here pays out while it judges: it credits, and `claim` pays, so that no
/// token and no receiver can keep a challenge from being upheld. Half of a lost bond is the challenger's; the other half goes to the
/// users, so that an operator who challenges itself loses by it.
contract Challenges is ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    struct Configuration {
        IRollupVault vault;
        IRiskTable riskTable;
        IRiskRules riskRules;
        IRowVerifier rowVerifier;
        address guarantor; // gives and takes back the operator's bond, names the sequencer's keys
        address sequencer; // its first key
        uint256 challengeBond; // what a challenger of an unproven batch stakes
        uint64 urgentDeadline; // seconds that such a challenge leaves for the proof
        uint64 withdrawalDelay; // seconds between the announcement that the operator's bond leaves and its leaving
        uint64 verifierGas; // forwarded to the verifier of rows
    }

    /// @dev A challenge of an unproven batch.
    struct Demand {
        address challenger; // 0: there is none
        uint40 until; // seconds: the proof is due, and the answer collected
    }

    struct Withdrawal {
        uint256 amount;
        uint40 from; // seconds
    }

    /// @dev What the sequencer promises of an accepted request: its place in the order of all. Its hash is
    /// keccak256(abi.encode("rollup-receipt", domain, number, orderHash, time, previous)).
    struct Receipt {
        uint32 version; // of the circuit when it was signed: it gives the domain, also after an upgrade
        uint64 number; // from 1, without gaps
        bytes32 orderHash;
        uint64 time; // milliseconds
        bytes32 previous; // hash of the receipt before
    }

    /// @dev A receipt in a chain of them, which gives its number and predecessor.
    struct Link {
        bytes32 orderHash;
        uint64 time;
    }

    enum Offence {
        Unproven,
        Row,
        RiskRoot,
        DoubleReceipt,
        ContradictedReceipt,
        Succession,
        Stale
    }

    uint32 private constant CASH = 0;
    uint32 private constant FUND = 1;
    uint256 private constant MOST_DEPOSIT = 2 ** Protocol.WIDTH_AMOUNT - 1;

    IRollupVault public immutable vault;
    IERC20 public immutable cash;
    IRiskTable public immutable riskTable;
    IRiskRows public immutable riskRows;
    IRiskRules public immutable riskRules;
    IRowVerifier public immutable rowVerifier;
    address public immutable guarantor;
    uint256 public immutable challengeBond;
    uint256 public immutable urgentDeadline;
    uint256 public immutable withdrawalDelay;
    uint256 public immutable verifierGas;

    /// @notice The operator's bond.
    uint256 public bond;
    Withdrawal public withdrawal;
    /// @notice Open challenges of unproven batches.
    uint256 public openDemands;
    mapping(uint32 batch => Demand) public demands;
    /// @notice Every key that ever was the sequencer's: what it signed binds for good.
    mapping(address key => bool) public isSequencer;
    mapping(address owner => uint256) public credits;
    /// @dev Bond, stakes of open challenges and credits. What is here beyond it is the users'.
    uint256 private _owed;

    event BondDeposited(address indexed from, uint256 amount, uint256 bond);
    event WithdrawalAnnounced(uint256 amount, uint256 from);
    event BondWithdrawn(uint256 amount, uint256 bond);
    event SequencerAdded(address indexed key);
    event UnprovenChallenged(uint32 indexed batch, address indexed challenger, uint256 until);
    event UnprovenAnswered(uint32 indexed batch, address indexed staked, bool inTime);
    /// @param batch The batch that is wrong, or that the receipt contradicts; 0 for two receipts.
    event Upheld(Offence indexed offence, uint32 indexed batch, address indexed challenger, uint256 reward);
    event RowRefuted(uint32 indexed batch, uint256 indexed id, RiskInputs.Problem problem);
    event RuleBroken(uint32 indexed batch, uint256 indexed id, IRiskRules.Rule rule);
    event BondForfeited(uint256 amount);
    event Claimed(address indexed owner, uint256 amount);
    event SurplusForwarded(uint256 amount);

    error InvalidConfiguration(string field);
    error DevelopmentKey(uint256 chainId);
    error NotGuarantor(address caller);
    error InvalidAmount(uint256 amount);
    error TransferMismatch(uint256 expected, uint256 received);
    error NothingAnnounced();
    error TooEarly(uint256 from);
    error StillPending(uint32 lastFinal, uint32 lastCommitted, uint256 openDemands);
    error VaultFrozen();
    error VaultNotFrozen();
    error NotCommitted(uint32 batch, IRollupVault.BatchStatus status);
    error EarlierUnproven(uint32 batch);
    error AlreadyChallenged(uint32 batch);
    error NotChallenged(uint32 batch);
    error ProofStillDue(uint32 batch, uint256 until);
    error NotChallengeable(uint32 batch, IRollupVault.BatchStatus status);
    error WrongRiskInputs(bytes32 hash, bytes32 expected);
    error RootAsExpected(uint256 root);
    error RowAsExpected(uint256 id);
    error RowProofRejected(uint256 id);
    error NoRuleBroken(uint256 id);
    error WrongWords(uint256 challenge, uint256 expected);
    error NotStale(uint256 open);
    error NoBond();
    error NotSequencer(address signer);
    error NoContradiction();
    error ReceiptNotCovered(uint64 number, uint64 committed);
    error WrongLinkCount(uint256 links, uint256 expected);
    error WrongLinks(bytes32 hash, bytes32 expected);
    error ReceiptOnChain();
    error NothingToClaim(address owner);
    error NothingToForward();

    modifier onlyGuarantor() {
        require(msg.sender == guarantor, NotGuarantor(msg.sender));
        _;
    }

    constructor(Configuration memory config) {
        require(address(config.vault).code.length != 0, InvalidConfiguration("vault"));
        require(address(config.riskTable).code.length != 0, InvalidConfiguration("riskTable"));
        require(address(config.riskRules).code.length != 0, InvalidConfiguration("riskRules"));
        require(address(config.rowVerifier).code.length != 0, InvalidConfiguration("rowVerifier"));
        require(config.guarantor != address(0), InvalidConfiguration("guarantor"));
        require(config.sequencer != address(0), InvalidConfiguration("sequencer"));
        require(config.challengeBond != 0, InvalidConfiguration("challengeBond"));
        bool isUrgent = config.urgentDeadline != 0 && config.urgentDeadline < config.vault.proofDeadline();
        require(isUrgent, InvalidConfiguration("urgentDeadline"));
        bool isLong = config.withdrawalDelay >= config.vault.challengeWindow() && config.withdrawalDelay <= 365 days;
        require(isLong, InvalidConfiguration("withdrawalDelay"));
        require(config.verifierGas != 0, InvalidConfiguration("verifierGas"));
        require(VerifierCall.isLocalChain() || !config.rowVerifier.isDevelopmentKey(), DevelopmentKey(block.chainid));

        vault = config.vault;
        cash = IERC20(config.vault.assets(CASH).token);
        riskTable = config.riskTable;
        riskRows = config.riskTable.riskRows();
        riskRules = config.riskRules;
        rowVerifier = config.rowVerifier;
        guarantor = config.guarantor;
        challengeBond = config.challengeBond;
        urgentDeadline = config.urgentDeadline;
        withdrawalDelay = config.withdrawalDelay;
        verifierGas = config.verifierGas;
        _addSequencer(config.sequencer);
    }

    // ---- the operator's bond ----

    /// @notice Adds to the operator's bond. Anyone.
    function depositBond(uint256 amount) external nonReentrant {
        require(amount != 0, InvalidAmount(amount));

        bond += amount;
        emit BondDeposited(msg.sender, amount, bond);

        _pull(amount);
    }

    /// @notice Announces that `amount` of the bond will leave; an announcement replaces the one before.
    function announceWithdrawal(uint256 amount) external onlyGuarantor {
        require(amount != 0 && amount <= bond, InvalidAmount(amount));

        // forge-lint: disable-next-line(unsafe-typecast) the delay is at most a year
        withdrawal = Withdrawal(amount, uint40(block.timestamp + withdrawalDelay));
        emit WithdrawalAnnounced(amount, withdrawal.from);
    }

    /// @notice Credits the guarantor with what was announced, once the delay is over, every batch is final and no challenge is open.
    function withdrawBond() external onlyGuarantor {
        Withdrawal memory announced = withdrawal;
        require(announced.amount != 0, NothingAnnounced());
        require(block.timestamp >= announced.from, TooEarly(announced.from));
        require(!vault.frozen(), VaultFrozen());
        (uint32 lastFinal, uint32 lastCommitted) = (vault.lastFinal(), vault.lastCommitted());
        require(lastFinal == lastCommitted && openDemands == 0, StillPending(lastFinal, lastCommitted, openDemands));

        delete withdrawal;
        bond -= announced.amount;
        credits[guarantor] += announced.amount;
        emit BondWithdrawn(announced.amount, bond);
    }

    /// @notice Once the vault is frozen and no challenge is open, what is left of the bond is the users'. Anyone.
    function forfeitBond() external {
        require(vault.frozen(), VaultNotFrozen());
        require(bond != 0, NoBond());
        require(openDemands == 0, StillPending(vault.lastFinal(), vault.lastCommitted(), openDemands));

        emit BondForfeited(bond);
        _owed -= bond;
        bond = 0;
    }

    /// @notice Names another key of the sequencer. None is ever taken back.
    function addSequencer(address key) external onlyGuarantor {
        require(key != address(0), InvalidConfiguration("sequencer"));

        _addSequencer(key);
    }

    // ---- unproven batches ----

    /// @notice Stakes `challengeBond` on the oldest unproven batch not being proven within `urgentDeadline`, or by its own deadline if
    /// that is earlier. Anyone. Only the oldest: an honest operator has to find one proof in that time, not thousands.
    function challengeUnproven(uint32 batch) external nonReentrant {
        require(!vault.frozen(), VaultFrozen());
        IRollupVault.Batch memory record = vault.batches(batch);
        require(record.status == IRollupVault.BatchStatus.Committed, NotCommitted(batch, record.status));
        require(demands[batch].challenger == address(0), AlreadyChallenged(batch));
        for (uint32 earlier = vault.lastFinal() + 1; earlier < batch; earlier++) {
            require(vault.batches(earlier).status != IRollupVault.BatchStatus.Committed, EarlierUnproven(earlier));
        }

        // forge-lint: disable-next-line(unsafe-typecast) at most the record's 40 bits
        uint40 until = uint40(Math.min(record.proveBy, block.timestamp + urgentDeadline));
        demands[batch] = Demand(msg.sender, until);
        openDemands++;
        emit UnprovenChallenged(batch, msg.sender, until);

        if (until < record.proveBy) vault.shortenDeadline(batch, until);
        _pull(challengeBond);
    }

    /// @notice Ends a challenge of an unproven batch. Anyone. Proven, and ended by the time the proof was due: the stake is the
    /// guarantor's. Proven but ended later: it goes back. Not proven after that time: the challenge is upheld and the stake goes back.
    function settleUnproven(uint32 batch) external nonReentrant {
        Demand memory demand = demands[batch];
        require(demand.challenger != address(0), NotChallenged(batch));
        bool isProven = vault.batches(batch).status != IRollupVault.BatchStatus.Committed;
        bool inTime = block.timestamp <= demand.until;
        require(isProven || !inTime, ProofStillDue(batch, demand.until));

        delete demands[batch];
        openDemands--;
        address staked = isProven && inTime ? guarantor : demand.challenger;
        credits[staked] += challengeBond;
        emit UnprovenAnswered(batch, staked, isProven && inTime);
        if (isProven) return;

        _uphold(Offence.Unproven, batch, demand.challenger);
        if (!vault.frozen()) vault.freezeByChallenge();
    }

    // ---- risk rows ----

    /// @notice Shows that a batch that is not final stands on a wrong risk table. Anyone. Its inputs are malformed, or those of another
    /// batch, or settle instrument `id` at another value than the vault was told; or else the row of `id` under its risk root is `row`,
    /// which `proof` proves, and not the one that follows from the inputs. Then the vault freezes at its last final root.
    /// @param riskInputs The bytes that the batch was committed with.
    /// @param id Instrument whose part of the inputs, or whose row, is wrong.
    /// @param row meta, market, long[0..7], short[0..7]; not read, as the proof is not, where the inputs alone are wrong.
    function challengeRow(
        uint32 batch,
        bytes calldata riskInputs,
        uint256 id,
        uint256[18] calldata row,
        IRollupVault.Proof calldata proof
    ) external nonReentrant {
        IRollupVault.Batch memory record = _challengeable(batch, riskInputs);
        (RiskInputs.Problem problem, uint256 inputsBatch, uint256[18] memory expected) = riskRows.rowOf(riskInputs, id);

        if (problem == RiskInputs.Problem.None && inputsBatch == batch && _isSettledAsTold(id, expected)) {
            require(keccak256(abi.encode(row)) != keccak256(abi.encode(expected)), RowAsExpected(id));
            require(_verifies(record.riskRoot, id, row, proof), RowProofRejected(id));
        }

        emit RowRefuted(batch, id, problem);
        _uphold(Offence.Row, batch, msg.sender);
        vault.freezeByChallenge();
    }

    /// @notice Shows that the risk root of a batch that is not final is not the one that follows from its inputs, also where nobody can
    /// open a row under it. Anyone, once `riskTable` has worked out every bucket of the inputs. Then the vault freezes.
    function challengeRiskRoot(uint32 batch, bytes calldata riskInputs) external nonReentrant {
        IRollupVault.Batch memory record = _challengeable(batch, riskInputs);
        uint256 root = riskTable.rootOf(riskInputs);
        require(root != record.riskRoot, RootAsExpected(root));

        _uphold(Offence.RiskRoot, batch, msg.sender);
        vault.freezeByChallenge();
    }

    // ---- rules between batches ----

    /// @notice Shows that the inputs of a batch that is not final break a rule of `IRiskRules`. Anyone. Then the vault freezes at its last
    /// final root.
    /// @param previousInputs The bytes that the batch before, final or not, was committed with; empty where they do not matter.
    /// @param riskInputs The bytes that the batch was committed with.
    /// @param id Instrument that is wrong; any where none is.
    function challengeSuccession(uint32 batch, bytes calldata previousInputs, bytes calldata riskInputs, uint256 id)
        external
        nonReentrant
    {
        _challengeable(batch, riskInputs);
        if (previousInputs.length != 0) _requireInputs(vault.batches(batch - 1), previousInputs);
        IRiskRules.Rule rule = riskRules.brokenBy(previousInputs, riskInputs, id);
        require(rule != IRiskRules.Rule.None, NoRuleBroken(id));

        emit RuleBroken(batch, id, rule);
        _uphold(Offence.Succession, batch, msg.sender);
        vault.freezeByChallenge();
    }

    /// @notice Shows that a batch that is not final opened on prices that were observed after its opening, or too long before. Anyone.
    /// Then the vault freezes at its last final root.
    /// @param words The public data that the batch was committed with.
    function challengeStale(uint32 batch, uint256[] calldata words, bytes calldata riskInputs) external nonReentrant {
        IRollupVault.Batch memory record = _challengeable(batch, riskInputs);
        uint256 z = PublicData.challenge(record.commitment, keccak256(abi.encodePacked(words)));
        require(z == record.challenge, WrongWords(z, record.challenge));
        uint256 open = PublicData.unpackHeader(words[PublicData.HEADER]).open;
        require(riskRules.isStale(riskInputs, open), NotStale(open));

        _uphold(Offence.Stale, batch, msg.sender);
        vault.freezeByChallenge();
    }

    // ---- receipts ----

    /// @notice Two receipts that cannot both be in one order: of one number, or the second does not name the first, whose number is one
    /// less. Anyone.
    function challengeDoubleReceipt(
        Receipt calldata first,
        bytes calldata firstSignature,
        Receipt calldata second,
        bytes calldata secondSignature
    ) external {
        require(bond != 0, NoBond());
        bytes32 firstHash = receiptHash(first);
        bytes32 secondHash = receiptHash(second);
        bool contradicts = first.number == second.number
            ? firstHash != secondHash
            : second.number == uint256(first.number) + 1 && second.previous != firstHash;
        require(contradicts, NoContradiction());
        _requireSigned(firstHash, firstSignature);
        _requireSigned(secondHash, secondSignature);

        _uphold(Offence.DoubleReceipt, 0, msg.sender);
    }

    /// @notice A receipt that is not in the order that the operator committed: the chain of receipts from its number up to the one that
    /// `batch` was committed with holds another in its place. Anyone, whether or not the batch is final.
    /// @param previous Hash of the receipt before the first link.
    /// @param links The committed receipts with the numbers from that of `receipt` to the batch's.
    function challengeContradictedReceipt(
        Receipt calldata receipt,
        bytes calldata signature,
        uint32 batch,
        bytes32 previous,
        Link[] calldata links
    ) external {
        require(bond != 0, NoBond());
        bytes32 hash = receiptHash(receipt);
        _requireSigned(hash, signature);
        IRollupVault.Batch memory record = vault.batches(batch);
        require(
            receipt.number != 0 && receipt.number <= record.receiptNumber,
            ReceiptNotCovered(receipt.number, record.receiptNumber)
        );
        uint256 expected = uint256(record.receiptNumber) - receipt.number + 1;
        require(links.length == expected, WrongLinkCount(links.length, expected));

        uint256 domain = domainOf(receipt.version);
        bytes32 last = _hashReceipt(domain, receipt.number, links[0].orderHash, links[0].time, previous);
        require(last != hash, ReceiptOnChain());
        for (uint256 i = 1; i < links.length; i++) {
            last = _hashReceipt(domain, receipt.number + i, links[i].orderHash, links[i].time, last);
        }
        require(last == record.receiptHash, WrongLinks(last, record.receiptHash));

        _uphold(Offence.ContradictedReceipt, batch, msg.sender);
    }

    function receiptHash(Receipt calldata receipt) public view returns (bytes32) {
        uint256 domain = domainOf(receipt.version);
        return _hashReceipt(domain, receipt.number, receipt.orderHash, receipt.time, receipt.previous);
    }

    /// @notice The vault's domain under a version of the circuit (spec 4.1).
    function domainOf(uint32 version) public view returns (uint256) {
        return
            uint256(keccak256(abi.encode("rollup-settlement", block.chainid, address(vault), uint256(version))))
                % Field.R;
    }

    // ---- payouts ----

    /// @notice Pays out what is credited to `owner`. Anyone.
    function claim(address owner) external nonReentrant {
        uint256 amount = credits[owner];
        require(amount != 0, NothingToClaim(owner));

        credits[owner] = 0;
        _owed -= amount;
        emit Claimed(owner, amount);

        cash.safeTransfer(owner, amount);
    }

    /// @notice Hands what belongs to the users over to the vault: to the insurance fund, or to a frozen vault's holdings, from which
    /// exits are paid. Anyone.
    function forwardSurplus() external nonReentrant {
        uint256 amount = cash.balanceOf(address(this)) - _owed;
        bool isFrozen = vault.frozen();
        if (!isFrozen) amount = Math.min(amount, MOST_DEPOSIT);
        require(amount != 0, NothingToForward());

        emit SurplusForwarded(amount);

        if (isFrozen) {
            cash.safeTransfer(address(vault), amount);
        } else {
            cash.forceApprove(address(vault), amount);
            vault.deposit(FUND, CASH, amount);
        }
    }

    // ---- help ----

    /// @dev The record of a batch that is not final and was committed with these inputs.
    function _challengeable(uint32 batch, bytes calldata riskInputs)
        private
        view
        returns (IRollupVault.Batch memory record)
    {
        require(!vault.frozen(), VaultFrozen());
        record = vault.batches(batch);
        bool isOpen =
            record.status == IRollupVault.BatchStatus.Committed || record.status == IRollupVault.BatchStatus.Proven;
        require(isOpen, NotChallengeable(batch, record.status));
        _requireInputs(record, riskInputs);
    }

    /// @dev That a batch was committed with these inputs.
    function _requireInputs(IRollupVault.Batch memory record, bytes calldata riskInputs) private pure {
        bytes32 hash = keccak256(riskInputs);
        require(hash == record.riskInputsHash, WrongRiskInputs(hash, record.riskInputsHash));
    }

    /// @dev The whole bond is lost: half to the challenger, the rest to the users.
    function _uphold(Offence offence, uint32 batch, address challenger) private {
        uint256 reward = bond / 2;
        _owed -= bond - reward;
        bond = 0;
        delete withdrawal;
        credits[challenger] += reward;
        emit Upheld(offence, batch, challenger, reward);
    }

    /// @dev Takes `amount` in from the caller and owes it to somebody. A token that delivers less is refused.
    function _pull(uint256 amount) private {
        _owed += amount;
        uint256 before = cash.balanceOf(address(this));
        cash.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = cash.balanceOf(address(this)) - before;
        require(received == amount, TransferMismatch(amount, received));
    }

    function _addSequencer(address key) private {
        isSequencer[key] = true;
        emit SequencerAdded(key);
    }

    /// @dev Whether a row that is flagged settled has the value that the vault was told (spec 6.9).
    function _isSettledAsTold(uint256 id, uint256[18] memory row) private view returns (bool) {
        if (row[0] >> Protocol.WIDTH_INSTRUMENT_KIND & RiskInputs.SETTLED == 0) return true;
        // forge-lint: disable-next-line(unsafe-typecast) the inputs list it, so it has 18 bits
        (bool isSettled, uint64 payoff) = vault.payoffOf(uint32(id));
        uint256 base = row[1] >> Protocol.WIDTH_MARKET & (2 ** Protocol.WIDTH_MARKET - 1);
        return isSettled && base == payoff + 2 ** Protocol.WIDTH_PRICE;
    }

    function _verifies(uint256 riskRoot, uint256 id, uint256[18] calldata row, IRollupVault.Proof calldata proof)
        private
        view
        returns (bool)
    {
        uint256[20] memory inputs;
        (inputs[0], inputs[1]) = (riskRoot, id);
        for (uint256 i = 0; i < 18; i++) {
            inputs[2 + i] = row[i];
        }
        bytes memory data = abi.encodeCall(IRowVerifier.verifyProof, (proof.a, proof.b, proof.c, inputs));
        return VerifierCall.accepts(address(rowVerifier), verifierGas, data);
    }

    function _requireSigned(bytes32 hash, bytes calldata signature) private view {
        address signer = ECDSA.recoverCalldata(hash, signature);
        require(isSequencer[signer], NotSequencer(signer));
    }

    function _hashReceipt(uint256 domain, uint256 number, bytes32 orderHash, uint64 time, bytes32 previous)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode("rollup-receipt", domain, number, orderHash, time, previous));
    }
}

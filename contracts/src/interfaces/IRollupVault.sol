// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IExits} from "./IExits.sol";
import {IOracleCommittee} from "./IOracleCommittee.sol";
import {ISettlementVerifier} from "./ISettlementVerifier.sol";

/// @title Custody and settlement of the rollup on L1 (spec 6).
/// @dev Amounts are protocol units, below 2^48: quote atoms of cash (asset 0), lots of any other asset. A unit is `unitsPerLot`
/// token units. Roots and words are elements of the BN254 scalar field. `open` and `close` are Unix milliseconds.
interface IRollupVault {
    // ---- types ----

    struct Configuration {
        uint256 genesisRoot; // account tree of spec 3.4
        ISettlementVerifier verifier;
        address operator;
        IERC20Metadata cashToken; // 6 decimals: one token unit is one quote atom
        uint16 blocks; // K
        uint16 rows; // N
        uint16 operations; // L
        uint64 proofDeadline; // seconds from a commit until anyone may freeze for want of its proof; no batch opens earlier than this ago
        uint64 operationDeadline; // seconds from queueing an operation until anyone may freeze for want of its batch
        uint64 challengeWindow; // seconds between commit and finalisation, for watchers
        uint64 maxEpoch; // milliseconds a batch may span
        uint64 clockTolerance; // milliseconds a batch may close ahead of the block's time
        uint64 verifierGas; // forwarded to the verifier: a malformed point burns all it gets
        uint64 requestDeposit; // atoms that a forced request costs until its batch is final, below 2^48: against spam
    }

    /// @dev Which circuit batches are of.
    struct Circuit {
        ISettlementVerifier verifier;
        uint16 blocks; // K
        uint16 rows; // N
        uint16 operations; // L
        uint32 version; // part of the domain: what was signed for one version is not valid in another
    }

    /// @dev What the vault owes of an asset, in protocol units.
    struct Ledger {
        uint80 inTree; // to accounts, by the last final root
        uint80 pending; // moved in by operations that no final batch has consumed
        uint80 credited; // waiting for `claim`
    }

    enum BatchStatus {
        None,
        Committed,
        Proven,
        Final
    }

    struct Batch {
        uint256 root; // account root after the batch
        uint256 riskRoot;
        uint256 commitment; // C
        uint256 challenge; // z
        uint256 evaluation; // y
        bytes32 payouts; // hash of the payouts its finalisation must bring, 0 if none
        uint64 close; // milliseconds
        uint40 committedAt; // seconds
        uint40 operationEnd; // operations below this index are consumed by this batch or an earlier one
        BatchStatus status;
        uint40 proveBy; // seconds: unproven after it, anyone may freeze
        uint64 receiptNumber; // of the sequencer's last receipt up to this batch, 0 if it signs none
        bytes32 receiptHash; // of that receipt
        bytes32 riskInputsHash; // keccak256(riskInputs)
    }

    /// @dev What `commitBatch` publishes.
    struct Submission {
        uint256[] words; // the public data of spec 5.1, n words
        uint256 commitment; // C, the circuit's commitment to the same words
        uint256 riskRoot;
        bytes riskInputs; // canonical bytes from which the rows under `riskRoot` follow; only their hash is kept
        uint256[5][] bounced; // the words of the operations that `words` leaves out as five zeros, in queue order
        uint64 receiptNumber; // of the sequencer's last receipt up to this batch, never falling; 0 if it signs none
        bytes32 receiptHash; // of that receipt
        uint64 reportTime; // milliseconds: when the oracle committee's report was made
        bytes attestations; // the committee's signatures, as its contract reads them; not read if there is no committee
    }

    enum FreezeReason {
        Proof, // a batch is not proven in time
        Operation, // the queue's head is not consumed in time
        Challenge // the contract of challenges upheld one
    }

    struct Operation {
        bytes32 prefix; // q_(i+1): the queue up to and with this operation
        address depositor; // or requester
        uint40 queuedAt; // seconds
        bool refunded; // after a freeze
    }

    struct Registration {
        uint40 operation; // index of the operation that registers the account
        bool bounced;
    }

    struct Asset {
        address token; // 0 if not listed
        uint96 unitsPerLot;
    }

    struct Proof {
        uint256[2] a;
        uint256[2][2] b; // each pair: imaginary part first (EIP-197)
        uint256[2] c;
    }

    // ---- events ----

    event AssetListed(uint32 indexed asset, address indexed token, uint96 unitsPerLot);
    event OperatorChanged(address indexed operator);
    event OperationQueued(uint40 indexed index, address indexed depositor, uint256[5] words);
    event InstrumentSettled(uint32 indexed instrument, uint64 payoff);
    event BatchCommitted(uint32 indexed batch, uint256 newRoot, uint256 riskRoot, bytes32 dataHash);
    event BatchProven(uint32 indexed batch);
    event BatchFinalized(uint32 indexed batch, uint256 root);
    event Credited(address indexed owner, uint32 indexed asset, uint256 amount);
    event Claimed(address indexed owner, uint32 indexed asset, uint256 amount);
    event Paused(bool paused);
    event GuardianChanged(address indexed guardian);
    event ExitsSet(address indexed exits);
    event UpgradesSet(address indexed upgrades);
    event CircuitChanged(Circuit circuit);
    event Refunded(uint40 indexed index, address indexed depositor, uint32 asset, uint256 amount);
    event ChallengesSet(address indexed challenges);
    event CommitteeSet(address indexed committee);
    event DeadlineShortened(uint32 indexed batch, uint40 proveBy);
    /// @param batch The batch whose proof is overdue, else 0.
    /// @param operation The queue's head.
    event Frozen(FreezeReason indexed reason, uint32 batch, uint40 operation);

    // ---- errors ----

    error InvalidConfiguration(string field);
    error CashDecimals(uint8 decimals);
    error DevelopmentKey(uint256 chainId);

    error InvalidAsset(uint256 asset, address token, uint256 unitsPerLot);
    error AssetAlreadyListed(uint256 asset);
    error AssetNotListed(uint256 asset);

    error NotAContract(address given);
    error AlreadySet(address current);
    error NotGuardian(address caller);
    error NotUpgrades(address caller);
    error BatchesPending(uint32 pending);
    error NotExits(address caller);
    error VaultPaused();
    error NotFrozen();
    error NotRefundable(uint256 index, uint256 from, uint256 to);
    error AlreadyRefunded(uint256 index);
    error NotChallenges(address caller);
    error InvalidDeadline(uint256 until, uint256 earliest, uint256 latest);
    error VaultFrozen();
    error NothingOverdue();

    error AmountOutOfRange(uint256 amount);
    error AccountsExhausted();
    error AccountNotActive(uint256 account);
    error TransferMismatch(address token, uint256 expected, uint256 received);

    error NotOperator(address caller);
    error InvalidPayoff(uint256 instrument, uint256 payoff);
    error AlreadySettled(uint256 instrument);
    error NotTopLevel(address caller);
    error TooManyPendingBatches(uint32 pending);
    error MalformedInput();
    error WordCount(uint256 count, uint256 expected);
    error WrongDomain(uint256 domain, uint256 expected);
    error WrongBatch(uint256 batch, uint256 expected);
    error WrongOldRoot(uint256 root, uint256 expected);
    error EpochOpensEarly(uint256 open, uint256 lastClose);
    error EpochClosesBeforeOpen(uint256 open, uint256 close);
    error EpochTooLong(uint256 duration, uint256 longest);
    error EpochClosesInFuture(uint256 close, uint256 latest);
    error EpochTooOld(uint256 open, uint256 earliest);
    error WrongFirstOperation(uint256 index, uint256 expected);
    error TooManyOperations(uint256 count, uint256 most);
    error OperationsNotQueued(uint256 end, uint256 queued);
    error PlaceNotEmpty(uint256 place);
    error BouncedCount(uint256 shown, uint256 expected);
    error ReceiptsFall(uint64 number, uint64 last);
    error RequestBounced(uint256 place);
    error PaidTooMuch(uint256 place, uint256 paid, uint256 amount);
    error WrongOperations(bytes32 prefix, bytes32 expected);

    error NotCommitted(uint256 batch, BatchStatus status);
    error ProofRejected(uint256 batch);
    error NotProven(uint256 batch, BatchStatus status);
    error ChallengeWindowOpen(uint256 batch, uint256 until);
    error WrongPayouts(bytes32 payouts, bytes32 expected);
    error NothingToClaim(address owner, uint256 asset);

    // ---- users ----

    /// @notice Queues the registration of the next account number to the caller, with a first cash deposit if `amount` is not 0.
    /// A refused registration gives the amount back by `claim`, and its number is not used again.
    /// @param viewKeyHash H(viewKey): the view key itself goes to the operator alone.
    function register(uint256 keyX, uint256 keyY, uint256 viewKeyHash, uint256 amount) external returns (uint32 account);

    /// @notice Moves `amount` of `asset` in and queues its deposit to an account that is active in a final root, or of cash to account 1, the
    /// insurance fund.
    function deposit(uint32 account, uint32 asset, uint256 amount) external;

    /// @notice Queues the demand that `account` be paid `amount` of `asset`, which its next batches must serve as far as the account can
    /// bear it, if the caller owns the account; of another's account nothing is paid. Costs `requestDeposit` atoms, which come back by
    /// `claim` once the batch is final.
    function requestWithdrawal(uint32 account, uint32 asset, uint256 amount) external;

    /// @notice Queues the demand that all derivatives of `account` be closed, by its owner; another's changes nothing. Deposit as above.
    function requestClose(uint32 account) external;

    /// @notice After a freeze: credits what an operation moved in that no final batch has consumed to whom it came from, once. Anyone.
    /// @param words As queued.
    function refund(uint40 index, uint256[5] calldata words) external;

    /// @notice Pays out all that is credited to `owner` in `asset`. Anyone may call, also after a freeze.
    function claim(address owner, uint32 asset) external;

    // ---- batches ----

    /// @notice Fixes what a lot of each instrument (1 to 2^18 - 1) is worth for good, in atoms below 2^35. By the operator, once an
    /// instrument, before the first batch whose risk rows flag it settled: readers of the chain refuse a row that says something else.
    function settle(uint32[] calldata instruments, uint64[] calldata payoffs) external;

    /// @notice Publishes a batch. By the operator, as a transaction of its own, whose input is then the record on L1; it must be
    /// laid out as ABI encoders do.
    function commitBatch(Submission calldata submission) external;

    /// @notice Proves a committed batch. Anyone, in any order.
    function proveBatch(uint32 batch, Proof calldata proof) external;

    /// @notice Makes the next batch final once it is proven and its challenge window is over. Anyone.
    /// @param payouts What the batch moves, spec 6.5: its nonzero row words in order, then what each operation moves, in queue order.
    function finalizeBatch(uint32 batch, uint256[] calldata payouts) external;

    /// @notice Stops everything but claims, refunds and exits, for good, if a proof or the queue's head is overdue. Anyone.
    function freeze() external;

    /// @notice Freezes because a challenge was upheld. By `challenges` alone.
    function freezeByChallenge() external;

    /// @notice Lets the proof of a committed batch be due at `until` (seconds), between now and its deadline. By `challenges` alone.
    function shortenDeadline(uint32 batch, uint40 until) external;

    // ---- owner ----

    /// @notice Gives an instrument id (1 to 2^18 - 1) its token, once. `unitsPerLot` token units make a lot.
    function listAsset(uint32 asset, address token, uint96 unitsPerLot) external;

    function setOperator(address operator) external;

    /// @notice Who may pause. 0: nobody.
    function setGuardian(address guardian) external;

    /// @notice Stops registrations, deposits and commits, or lets them go on. By the guardian; the owner may end a pause. Requests, proofs,
    /// finality, claims, freeze, refunds and exits go on, and so do all deadlines.
    function setPaused(bool paused) external;

    /// @notice Names the contract of exits, which after a freeze credits owners with what accounts hold, once.
    function setExits(IExits exits) external;

    /// @notice Names the contract through which alone the circuit changes, after users had time to leave; once.
    function setUpgrades(address upgrades) external;

    // ---- upgrades ----

    /// @notice Lets the next batch be of another circuit. The account root goes on. Not while batches wait for finality. By `upgrades`.
    function upgradeCircuit(Circuit calldata circuit) external;

    // ---- exits, after a freeze ----

    /// @notice Credits `amount` of what accounts hold to `owner`. By the contract of exits.
    function creditExit(address owner, uint32 asset, uint256 amount) external;

    /// @notice Moves `atoms` of cash from `buyer`, who has approved the vault, to what accounts hold, and credits the buyer with `lots` of
    /// `asset` out of it. By the contract of exits.
    function exchange(address buyer, uint32 asset, uint256 lots, uint256 atoms) external;

    /// @notice Names the contract that may freeze the vault and shorten deadlines, once.
    function setChallenges(address challenges) external;

    /// @notice Names the oracle committee that must attest every batch's risk inputs from now on, once.
    function setCommittee(IOracleCommittee committee) external;

    // ---- what a verifier reads ----

    /// @notice keccak256(abi.encode("rollup-settlement", chainId, vault, circuitVersion)) mod r.
    function domain() external view returns (uint256);
    function genesisRoot() external view returns (uint256);
    function verifier() external view returns (ISettlementVerifier);
    function operator() external view returns (address);
    /// @notice 0 until it is set.
    function challenges() external view returns (address);
    function committee() external view returns (IOracleCommittee);
    function blocks() external view returns (uint256);
    function rows() external view returns (uint256);
    function operations() external view returns (uint256);
    /// @notice n = 5 + 5L + N + 8K.
    function wordCount() external view returns (uint256);
    function circuit() external view returns (Circuit memory);
    function guardian() external view returns (address);
    function paused() external view returns (bool);
    /// @notice 0 until it is set.
    function exits() external view returns (IExits);
    /// @notice 0 until it is set.
    function upgrades() external view returns (address);
    function requestDeposit() external view returns (uint256);
    /// @notice Seconds; 0 if the vault is not frozen.
    function frozenAt() external view returns (uint40);
    function ledger(uint32 asset) external view returns (Ledger memory);
    /// @notice What accounts hold by the last final root, and what of the vault's balance is left for them after credits and pending
    /// operations, in protocol units. Solvent: holdings >= liabilities.
    function solvency(uint32 asset) external view returns (uint256 liabilities, uint256 holdings);
    function proofDeadline() external view returns (uint256);
    function operationDeadline() external view returns (uint256);
    function challengeWindow() external view returns (uint256);
    function maxEpoch() external view returns (uint256);
    function clockTolerance() external view returns (uint256);
    function verifierGas() external view returns (uint256);
    function frozen() external view returns (bool);
    /// @notice Number of the last committed batch; 0 is the genesis.
    function lastCommitted() external view returns (uint32);
    function lastFinal() external view returns (uint32);
    /// @notice Index of the first operation that no batch has consumed.
    function queueHead() external view returns (uint40);
    /// @notice Number of operations ever queued.
    function queueTail() external view returns (uint40);
    function nextAccount() external view returns (uint32);
    function batches(uint32 batch) external view returns (Batch memory);
    function queued(uint40 index) external view returns (Operation memory);
    function registrations(uint32 account) external view returns (Registration memory);
    /// @notice Whether the account's registration is in a final root, so that it takes deposits.
    function isActive(uint32 account) external view returns (bool);
    function assets(uint32 asset) external view returns (Asset memory);
    function credits(address owner, uint32 asset) external view returns (uint256);
    /// @notice What `settle` fixed.
    function payoffOf(uint32 instrument) external view returns (bool settled, uint64 payoff);
    /// @notice q_index of spec 6.2: the hash of the first `index` operations.
    function queuePrefix(uint40 index) external view returns (bytes32);
}

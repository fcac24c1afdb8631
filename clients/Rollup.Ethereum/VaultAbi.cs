using System.Globalization;

namespace Rollup.Ethereum;

/// <summary>The vault's interface (contracts/src/interfaces/IRollupVault.sol), as far as this project calls it. A test compares it with the compiled contract.</summary>
public static class VaultAbi
{
    /// <summary>
    /// One tuple: genesisRoot, verifier, operator, cashToken, blocks, rows, operations, proofDeadline (s), operationDeadline (s), challengeWindow (s), maxEpoch (ms),
    /// clockTolerance (ms), verifierGas, requestDeposit (atoms).
    /// </summary>
    public static readonly AbiFunction Constructor = AbiFunction.Parse(
        "constructor((uint256,address,address,address,uint16,uint16,uint16,uint64,uint64,uint64,uint64,uint64,uint64,uint64) config)");

    public static readonly AbiFunction Register = AbiFunction.Parse("register(uint256 keyX,uint256 keyY,uint256 viewKeyHash,uint256 amount)(uint32)");
    public static readonly AbiFunction Deposit = AbiFunction.Parse("deposit(uint32 account,uint32 asset,uint256 amount)");
    public static readonly AbiFunction RequestWithdrawal = AbiFunction.Parse("requestWithdrawal(uint32 account,uint32 asset,uint256 amount)");
    public static readonly AbiFunction RequestClose = AbiFunction.Parse("requestClose(uint32 account)");
    public static readonly AbiFunction Refund = AbiFunction.Parse("refund(uint40 index,uint256[5] words)");
    public static readonly AbiFunction Claim = AbiFunction.Parse("claim(address holder,uint32 asset)");
    public static readonly AbiFunction Settle = AbiFunction.Parse("settle(uint32[] instruments,uint64[] payoffs)");
    /// <summary>
    /// One tuple: words, commitment, riskRoot, riskInputs, bounced, receiptNumber, receiptHash (of the sequencer's last receipt; zeros if it signs none),
    /// reportTime (ms), attestations (of the oracle committee).
    /// </summary>
    public static readonly AbiFunction CommitBatch = AbiFunction.Parse(
        "commitBatch((uint256[],uint256,uint256,bytes,uint256[5][],uint64,bytes32,uint64,bytes) submission)");
    public static readonly AbiFunction ProveBatch = AbiFunction.Parse("proveBatch(uint32 batch,(uint256[2],uint256[2][2],uint256[2]) proof)");
    public static readonly AbiFunction FinalizeBatch = AbiFunction.Parse("finalizeBatch(uint32 batch,uint256[] payouts)");
    public static readonly AbiFunction Freeze = AbiFunction.Parse("freeze()");
    public static readonly AbiFunction ListAsset = AbiFunction.Parse("listAsset(uint32 asset,address token,uint96 unitsPerLot)");

    /// <summary>Which circuit the next batch is of: verifier, blocks, rows, operations, version.</summary>
    public static readonly AbiFunction Circuit = AbiFunction.Parse("circuit()((address,uint16,uint16,uint16,uint32))");

    public static readonly AbiFunction Domain = AbiFunction.Parse("domain()(uint256)");
    public static readonly AbiFunction GenesisRoot = AbiFunction.Parse("genesisRoot()(uint256)");
    public static readonly AbiFunction Verifier = AbiFunction.Parse("verifier()(address)");
    public static readonly AbiFunction Committee = AbiFunction.Parse("committee()(address)");
    public static readonly AbiFunction SetCommittee = AbiFunction.Parse("setCommittee(address committee)");
    public static readonly AbiFunction Challenges = AbiFunction.Parse("challenges()(address)");
    public static readonly AbiFunction Operator = AbiFunction.Parse("operator()(address)");
    public static readonly AbiFunction Blocks = AbiFunction.Parse("blocks()(uint256)");
    public static readonly AbiFunction Rows = AbiFunction.Parse("rows()(uint256)");
    public static readonly AbiFunction Operations = AbiFunction.Parse("operations()(uint256)");
    public static readonly AbiFunction WordCount = AbiFunction.Parse("wordCount()(uint256)");
    public static readonly AbiFunction ProofDeadline = AbiFunction.Parse("proofDeadline()(uint256)");
    public static readonly AbiFunction RequestDeposit = AbiFunction.Parse("requestDeposit()(uint256)");
    public static readonly AbiFunction ChallengeWindow = AbiFunction.Parse("challengeWindow()(uint256)");
    public static readonly AbiFunction MaxEpoch = AbiFunction.Parse("maxEpoch()(uint256)");
    public static readonly AbiFunction ClockTolerance = AbiFunction.Parse("clockTolerance()(uint256)");
    public static readonly AbiFunction Frozen = AbiFunction.Parse("frozen()(bool)");
    public static readonly AbiFunction LastCommitted = AbiFunction.Parse("lastCommitted()(uint32)");
    public static readonly AbiFunction LastFinal = AbiFunction.Parse("lastFinal()(uint32)");
    public static readonly AbiFunction QueueTail = AbiFunction.Parse("queueTail()(uint40)");

    /// <summary>root, riskRoot, commitment, challenge, evaluation, payouts, close, committedAt, operationEnd, status, proveBy, receiptNumber, receiptHash, riskInputsHash.</summary>
    public static readonly AbiFunction Batches = AbiFunction.Parse("batches(uint32 batch)((uint256,uint256,uint256,uint256,uint256,bytes32,uint64,uint40,uint40,uint8,uint40,uint64,bytes32,bytes32))");

    public static readonly AbiFunction IsActive = AbiFunction.Parse("isActive(uint32 account)(bool)");

    /// <summary>token, unitsPerLot; zeros for an asset that is not listed.</summary>
    public static readonly AbiFunction Assets = AbiFunction.Parse("assets(uint32 asset)((address,uint96))");

    public static readonly AbiFunction Credits = AbiFunction.Parse("credits(address holder,uint32 asset)(uint256)");

    /// <summary>Whether the instrument is settled, and what a lot is worth then.</summary>
    public static readonly AbiFunction PayoffOf = AbiFunction.Parse("payoffOf(uint32 instrument)(bool,uint64)");

    /// <summary>What accounts hold by the last final root, and what of the vault's balance is left for them, in protocol units.</summary>
    public static readonly AbiFunction Solvency = AbiFunction.Parse("solvency(uint32 asset)(uint256,uint256)");

    /// <summary>The contract by which the vault is left once it is frozen (<see cref="ExitsAbi"/>); 0 until it is set.</summary>
    public static readonly AbiFunction Exits = AbiFunction.Parse("exits()(address)");

    /// <summary>The contract by which its circuit changes (<see cref="UpgradesAbi"/>); 0 until it is set.</summary>
    public static readonly AbiFunction Upgrades = AbiFunction.Parse("upgrades()(address)");

    /// <summary>q_index of spec 6.2.</summary>
    public static readonly AbiFunction QueuePrefix = AbiFunction.Parse("queuePrefix(uint40 index)(bytes32)");

    public static readonly AbiEvent OperationQueued = AbiEvent.Parse("OperationQueued(uint40 indexed index,address indexed depositor,uint256[5] words)");
    public static readonly AbiEvent InstrumentSettled = AbiEvent.Parse("InstrumentSettled(uint32 indexed instrument,uint64 payoff)");
    public static readonly AbiEvent BatchCommitted = AbiEvent.Parse("BatchCommitted(uint32 indexed batch,uint256 newRoot,uint256 riskRoot,bytes32 dataHash)");
    public static readonly AbiEvent BatchProven = AbiEvent.Parse("BatchProven(uint32 indexed batch)");
    public static readonly AbiEvent BatchFinalized = AbiEvent.Parse("BatchFinalized(uint32 indexed batch,uint256 root)");

    /// <summary>Of the constructor and of every upgrade: verifier, blocks, rows, operations, version.</summary>
    public static readonly AbiEvent CircuitChanged = AbiEvent.Parse("CircuitChanged((address,uint16,uint16,uint16,uint32) circuit)");

    public static readonly AbiEvent VaultFroze = AbiEvent.Parse("Frozen(uint8 indexed reason,uint32 batch,uint40 operation)");

    /// <summary>Every error that the vault's own code can revert with.</summary>
    public static readonly IReadOnlyList<AbiFunction> Errors =
    [
        AbiFunction.Parse("InvalidConfiguration(string field)"),
        AbiFunction.Parse("CashDecimals(uint8 decimals)"),
        AbiFunction.Parse("DevelopmentKey(uint256 chainId)"),
        AbiFunction.Parse("InvalidAsset(uint256 asset,address token,uint256 unitsPerLot)"),
        AbiFunction.Parse("AssetAlreadyListed(uint256 asset)"),
        AbiFunction.Parse("AssetNotListed(uint256 asset)"),
        AbiFunction.Parse("AlreadyRefunded(uint256 index)"),
        AbiFunction.Parse("AlreadySet(address current)"),
        AbiFunction.Parse("BatchesPending(uint32 pending)"),
        AbiFunction.Parse("NotAContract(address given)"),
        AbiFunction.Parse("NotExits(address caller)"),
        AbiFunction.Parse("NotFrozen()"),
        AbiFunction.Parse("NotGuardian(address caller)"),
        AbiFunction.Parse("NotRefundable(uint256 index,uint256 from,uint256 to)"),
        AbiFunction.Parse("NotUpgrades(address caller)"),
        AbiFunction.Parse("PaidTooMuch(uint256 place,uint256 paid,uint256 amount)"),
        AbiFunction.Parse("RequestBounced(uint256 place)"),
        AbiFunction.Parse("SafeCastOverflowedUintDowncast(uint8 bits,uint256 value)"),
        AbiFunction.Parse("VaultPaused()"),
        AbiFunction.Parse("NotChallenges(address caller)"),
        AbiFunction.Parse("InvalidDeadline(uint256 until,uint256 earliest,uint256 latest)"),
        AbiFunction.Parse("VaultFrozen()"),
        AbiFunction.Parse("NothingOverdue()"),
        AbiFunction.Parse("AmountOutOfRange(uint256 amount)"),
        AbiFunction.Parse("AccountsExhausted()"),
        AbiFunction.Parse("AccountNotActive(uint256 account)"),
        AbiFunction.Parse("TransferMismatch(address token,uint256 expected,uint256 received)"),
        AbiFunction.Parse("NotOperator(address caller)"),
        AbiFunction.Parse("InvalidPayoff(uint256 instrument,uint256 payoff)"),
        AbiFunction.Parse("AlreadySettled(uint256 instrument)"),
        AbiFunction.Parse("NotTopLevel(address caller)"),
        AbiFunction.Parse("TooManyPendingBatches(uint32 pending)"),
        AbiFunction.Parse("MalformedInput()"),
        AbiFunction.Parse("WordCount(uint256 count,uint256 expected)"),
        AbiFunction.Parse("WrongDomain(uint256 domain,uint256 expected)"),
        AbiFunction.Parse("WrongBatch(uint256 batch,uint256 expected)"),
        AbiFunction.Parse("WrongOldRoot(uint256 root,uint256 expected)"),
        AbiFunction.Parse("EpochOpensEarly(uint256 open,uint256 lastClose)"),
        AbiFunction.Parse("EpochClosesBeforeOpen(uint256 open,uint256 close)"),
        AbiFunction.Parse("EpochTooLong(uint256 duration,uint256 longest)"),
        AbiFunction.Parse("EpochClosesInFuture(uint256 close,uint256 latest)"),
        AbiFunction.Parse("EpochTooOld(uint256 open,uint256 earliest)"),
        AbiFunction.Parse("WrongFirstOperation(uint256 index,uint256 expected)"),
        AbiFunction.Parse("TooManyOperations(uint256 count,uint256 most)"),
        AbiFunction.Parse("OperationsNotQueued(uint256 end,uint256 queued)"),
        AbiFunction.Parse("PlaceNotEmpty(uint256 place)"),
        AbiFunction.Parse("BouncedCount(uint256 shown,uint256 expected)"),
        AbiFunction.Parse("ReceiptsFall(uint64 number,uint64 last)"),
        AbiFunction.Parse("WrongOperations(bytes32 prefix,bytes32 expected)"),
        AbiFunction.Parse("NotCommitted(uint256 batch,uint8 status)"),
        AbiFunction.Parse("ProofRejected(uint256 batch)"),
        AbiFunction.Parse("NotProven(uint256 batch,uint8 status)"),
        AbiFunction.Parse("ChallengeWindowOpen(uint256 batch,uint256 until)"),
        AbiFunction.Parse("WrongPayouts(bytes32 payouts,bytes32 expected)"),
        AbiFunction.Parse("NothingToClaim(address owner,uint256 asset)"),
        AbiFunction.Parse("NotInField(uint256 value)"),
        AbiFunction.Parse("WordNotInField(uint256 index,uint256 word)"),
        AbiFunction.Parse("MalformedHeader(uint256 word)"),
        AbiFunction.Parse("MalformedPayout(uint256 word)"),
        AbiFunction.Parse("KeyNotOnCurve(uint256 x,uint256 y)"),
        AbiFunction.Parse("KeyOfSmallOrder(uint256 x,uint256 y)"),
        AbiFunction.Parse("OwnableInvalidOwner(address owner)"),
        AbiFunction.Parse("OwnableUnauthorizedAccount(address account)"),
        AbiFunction.Parse("ReentrancyGuardReentrantCall()"),
        AbiFunction.Parse("SafeERC20FailedOperation(address token)"),
    ];

    /// <summary>The vault's error, or its token's, that a call reverted with; null for another.</summary>
    public static AbiFunction? ErrorOf(RevertData revert) => Errors.Concat(TokenAbi.Errors).FirstOrDefault(revert.Is);

    /// <summary>The error with its arguments, e.g. <c>WrongOldRoot(12, 34)</c>.</summary>
    /// <param name="others">Errors of other contracts that may stand behind the call.</param>
    public static string Describe(RevertData revert, params IReadOnlyList<AbiFunction> others)
    {
        try
        {
            return (ErrorOf(revert) ?? others.FirstOrDefault(revert.Is)) is { } error ? $"{error.Name}({string.Join(", ", error.DecodeArguments(revert.Data).Select(Text))})" : revert.ToString();
        }
        catch (AbiException)
        {
            return revert.ToString(); // A contract may revert with any bytes.
        }
    }

    private static string Text(object value) => value is byte[] bytes ? Hex.Format(bytes) : Convert.ToString(value, CultureInfo.InvariantCulture)!;
}

/// <summary>What is asked of the vault's verifier contract.</summary>
public static class VerifierAbi
{
    /// <summary>The words of the verifying key.</summary>
    public static readonly AbiFunction VerifyingKey = AbiFunction.Parse("verifyingKey()(uint256[])");

    /// <summary>A proof of 8 words of 32 bytes as the argument (uint256[2],uint256[2][2],uint256[2]).</summary>
    public static object Proof(ReadOnlySpan<byte> words)
    {
        var w = new object[8];
        for (int i = 0; i < w.Length; i++) w[i] = new System.Numerics.BigInteger(words.Slice(32 * i, 32), isUnsigned: true, isBigEndian: true);
        return new object[] { w[..2], new object[] { w[2..4], w[4..6] }, w[6..] };
    }
}

/// <summary>The oracle committee (spec 10.6).</summary>
public static class CommitteeAbi
{
    public static readonly AbiFunction Constructor = AbiFunction.Parse("constructor(address[] members,uint256 threshold,uint256 maxAge)");

    public static readonly AbiFunction Threshold = AbiFunction.Parse("threshold()(uint256)");
    public static readonly AbiFunction Members = AbiFunction.Parse("members()(address[])");

    /// <summary>Milliseconds that a report may be older than the batch's opening.</summary>
    public static readonly AbiFunction MaxAge = AbiFunction.Parse("maxAge()(uint256)");

    /// <summary>What a commit can revert with for its sake.</summary>
    public static readonly IReadOnlyList<AbiFunction> Errors =
    [
        AbiFunction.Parse("ReportAhead(uint256 reportTime,uint256 open)"), AbiFunction.Parse("ReportTooOld(uint256 reportTime,uint256 open)"),
        AbiFunction.Parse("TooFewSignatures(uint256 signatures,uint256 threshold)"), AbiFunction.Parse("MalformedSignatures(uint256 length)"), AbiFunction.Parse("InvalidSignature(uint256 index)"),
        AbiFunction.Parse("NotMember(address signer)"), AbiFunction.Parse("SignersNotAscending(address signer)"),
    ];
}

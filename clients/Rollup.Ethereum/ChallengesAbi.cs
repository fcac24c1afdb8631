namespace Rollup.Ethereum;

/// <summary>The contract of challenges (spec 10).</summary>
public static class ChallengesAbi
{
    // version of the circuit, number, orderHash, time, previous
    private const string Receipt = "(uint32,uint64,bytes32,uint64,bytes32)";

    public static readonly AbiFunction ChallengeUnproven = AbiFunction.Parse("challengeUnproven(uint32 batch)");
    public static readonly AbiFunction SettleUnproven = AbiFunction.Parse("settleUnproven(uint32 batch)");
    public static readonly AbiFunction ChallengeRow = AbiFunction.Parse("challengeRow(uint32 batch,bytes riskInputs,uint256 id,uint256[18] row,(uint256[2],uint256[2][2],uint256[2]) proof)");
    public static readonly AbiFunction ChallengeRiskRoot = AbiFunction.Parse("challengeRiskRoot(uint32 batch,bytes riskInputs)");

    /// <summary>The inputs of the batch before may be empty where they do not matter; the id is of the instrument that is wrong, any where none is.</summary>
    public static readonly AbiFunction ChallengeSuccession = AbiFunction.Parse("challengeSuccession(uint32 batch,bytes previousInputs,bytes riskInputs,uint256 id)");

    public static readonly AbiFunction ChallengeStale = AbiFunction.Parse("challengeStale(uint32 batch,uint256[] words,bytes riskInputs)");

    /// <summary>vault, risk table, risk rules, verifier of rows, guarantor, sequencer, stake, urgent deadline and delay of withdrawals in seconds, gas of the verifier.</summary>
    public static readonly AbiFunction Constructor = AbiFunction.Parse("constructor((address,address,address,address,address,address,uint256,uint64,uint64,uint64) configuration)");

    public static readonly AbiFunction ChallengeDoubleReceipt = AbiFunction.Parse($"challengeDoubleReceipt({Receipt} first,bytes firstSignature,{Receipt} second,bytes secondSignature)");

    /// <summary>Links are orderHash and time of the committed receipts from that of the receipt to the batch's.</summary>
    public static readonly AbiFunction ChallengeContradictedReceipt =
        AbiFunction.Parse($"challengeContradictedReceipt({Receipt} receipt,bytes signature,uint32 batch,bytes32 previous,(bytes32,uint64)[] links)");

    public static readonly AbiFunction RiskTable = AbiFunction.Parse("riskTable()(address)");
    public static readonly AbiFunction RiskRules = AbiFunction.Parse("riskRules()(address)");
    public static readonly AbiFunction RowVerifier = AbiFunction.Parse("rowVerifier()(address)");
    public static readonly AbiFunction Vault = AbiFunction.Parse("vault()(address)");
    public static readonly AbiFunction Cash = AbiFunction.Parse("cash()(address)");
    public static readonly AbiFunction Bond = AbiFunction.Parse("bond()(uint256)");
    public static readonly AbiFunction ChallengeBond = AbiFunction.Parse("challengeBond()(uint256)");
    public static readonly AbiFunction UrgentDeadline = AbiFunction.Parse("urgentDeadline()(uint256)");
    public static readonly AbiFunction IsSequencer = AbiFunction.Parse("isSequencer(address key)(bool)");

    /// <summary>challenger (zero: none), until in seconds.</summary>
    public static readonly AbiFunction Demands = AbiFunction.Parse("demands(uint32 batch)(address,uint40)");
}

/// <summary>The contract that works out a risk root (spec 10.4).</summary>
public static class RiskTableAbi
{
    /// <summary>Absorbs rows of a bucket, five at a time, until <c>rows</c> of them or all 16 are.</summary>
    public static readonly AbiFunction Advance = AbiFunction.Parse("advance(bytes inputs,uint256 bucket,uint256 rows)(uint256)");

    /// <summary>Rows of a bucket absorbed so far.</summary>
    public static readonly AbiFunction Progress = AbiFunction.Parse("progress(bytes32 inputsHash,uint256 bucket)(uint256)");
}

/// <summary>The contract that judges risk inputs by those before, and by the registry of parameters (spec 10.7).</summary>
public static class RiskRulesAbi
{
    /// <summary>The first rule that inputs break (0: none), of those before (empty: none are) and of instrument id.</summary>
    public static readonly AbiFunction BrokenBy = AbiFunction.Parse("brokenBy(bytes previous,bytes inputs,uint256 id)(uint8)");

    public static readonly AbiFunction Registry = AbiFunction.Parse("registry()(address)");

    /// <summary>Milliseconds that prices may be old at a batch's opening.</summary>
    public static readonly AbiFunction MaxReportAge = AbiFunction.Parse("maxReportAge()(uint256)");

    /// <summary>The registry, and the milliseconds that prices may be old at a batch's opening.</summary>
    public static readonly AbiFunction Constructor = AbiFunction.Parse("constructor(address registry,uint256 maxReportAge)");
}

/// <summary>The registry of risk parameters (spec 6.12).</summary>
public static class ParametersAbi
{
    /// <summary>The parameters in force, as risk inputs hold them.</summary>
    public static readonly AbiFunction CanonicalBytes = AbiFunction.Parse("canonicalBytes()(bytes)");

    /// <summary>Seconds for which parameters are accepted after they are no longer in force.</summary>
    public static readonly AbiFunction Grace = AbiFunction.Parse("grace()(uint256)");

    /// <summary>Whether parameters of a SHA-256 may be used at a time in seconds: they were in force then, or within the grace before.</summary>
    public static readonly AbiFunction IsAccepted = AbiFunction.Parse("isAccepted(bytes32 hash,uint256 time)(bool)");

    /// <summary>Bounds (least, most; most 0: none) of a margin group's scan range, 10^-6.</summary>
    public static readonly AbiFunction RangeRuleOf = AbiFunction.Parse("rangeRuleOf(uint256 group)((uint32,uint32))");

    /// <summary>values, rules (least, most, step, delay and interval in seconds, whether a higher value is tighter), least delay and grace in seconds,
    /// bounds (least, most; most 0: none) of the scan range of each margin group, 10^-6.</summary>
    public static readonly AbiFunction Constructor = AbiFunction.Parse(
        "constructor(int32[30] values,(int32,int32,uint32,uint32,uint32,bool)[30] rules,uint256 leastDelay,uint256 grace,(uint32,uint32)[16] ranges)");
}

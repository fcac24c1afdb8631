using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Rollup.Circuits;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Witness;

/// <summary>
/// The input of the settlement circuit (template <c>Settlement</c>) for one sealed batch, padded to its profile, and what the
/// chain is given with it. Building recomputes every leaf and root from the batch's contents and refuses a batch that is not consistent.
/// </summary>
public sealed class SettlementInput
{
    private readonly SealedBatch batch;
    private readonly CircuitProfile profile;
    private readonly RiskTree risk;
    private readonly ImmutableArray<SealedBlock> blocks;
    private readonly ImmutableArray<BlockMargin> margins;
    private readonly ImmutableArray<BlockRelief> reliefs;
    private readonly ImmutableArray<BlockRequest> requests;
    private readonly ImmutableArray<int> traded;
    private readonly ImmutableArray<int> opened;

    private SettlementInput(SealedBatch batch, CircuitProfile profile)
    {
        this.batch = batch;
        this.profile = profile;
        risk = new RiskTree(batch.RiskRows);
        RequireCapacity("blocks", batch.Blocks.Length, 1, profile.Blocks);
        RequireCapacity("rows", batch.Rows.Length, 0, profile.Rows);
        RequireCapacity("operations", batch.Operations.Length, 0, profile.Operations);
        RequireCapacity("forced rows", batch.Forced.Length, 0, profile.Forced);
        // An unused block is the last one once more, unchanged: its path holds under the new root as well.
        SealedBlock last = batch.Blocks[^1];
        SealedBlock unused = last with { IsNew = false, Old = last.New, Payment = 0 };
        blocks = [.. batch.Blocks, .. Enumerable.Repeat(unused, profile.Blocks - batch.Blocks.Length)];
        RequireChainOfRoots();
        margins = [.. blocks.Select(Margin)];
        reliefs = [.. blocks.Take(profile.Reliefs).Select(Relief)];
        requests = [.. blocks.Select((block, k) => Request(block, k))];
        traded = [.. batch.Rows.Select(MarketRow).OfType<RiskRow>().Select(r => r.Id), .. batch.Forced.Select(f => f.Instrument),
            .. batch.Operations.Select(MarketRow).OfType<RiskRow>().Select(r => r.Id)];
        opened = OpenedBuckets();

        Data = batch.Publish(profile);
        Words = [.. Data.Encode()];
        Commitment = PublicData.Commitment(Words.AsSpan());
        Point = PublicData.EvaluationPoint(Commitment, Words.AsSpan());
        Evaluation = PublicData.Evaluate(Words.AsSpan(), Point);
    }

    /// <summary>Builds the input.</summary>
    /// <exception cref="ArgumentException">The batch exceeds its profile or contradicts itself; the message says where.</exception>
    public static SettlementInput Build(SealedBatch batch) => new(batch, CircuitProfile.Named(batch.Profile));

    /// <summary>As <see cref="Build(SealedBatch)"/>, for a circuit of other capacities than the batch's profile.</summary>
    public static SettlementInput Build(SealedBatch batch, CircuitProfile profile) => new(batch, profile);

    public PublicData Data { get; }

    /// <summary>The published words d_1..d_n.</summary>
    public ImmutableArray<Fr> Words { get; }

    /// <summary>C.</summary>
    public Fr Commitment { get; }

    /// <summary>z.</summary>
    public Fr Point { get; }

    /// <summary>y.</summary>
    public Fr Evaluation { get; }

    public Fr RiskRoot => risk.Root;

    /// <summary>Public inputs in the circuit's order: C, y, z, riskRoot.</summary>
    public ImmutableArray<Fr> PublicInputs => [Commitment, Evaluation, Point, RiskRoot];

    /// <summary>The circuit's input as circom's own witness generators read it: decimal strings in nested arrays, by signal name.</summary>
    public JsonObject ToJson() => ToCircuitInput().ToJson();

    /// <summary>The circuit's input.</summary>
    public CircuitInput ToCircuitInput()
    {
        var input = new CircuitInput();
        input.Add("z", Point);
        input.Add("riskRoot", RiskRoot);
        input.Add("domain", batch.Domain);
        input.Add("batch", Element(batch.Header.Batch));
        input.Add("open", Element(batch.Header.Open));
        input.Add("close", Element(batch.Header.Close));
        input.Add("firstOperation", Element(batch.Header.FirstOperation));
        input.Add("operationCount", Element(batch.Header.OperationCount));
        input.Add("oldRoot", batch.OldRoot);
        input.Add("newRoot", batch.NewRoot);
        input.Add("feeBlock", Element(batch.FeeBlock + 1 ?? 0));
        input.Add("feeEnabled", Element(batch.FeeBlock is null ? 0 : 1));
        input.Add("fundBlock", Element(batch.FundBlock + 1 ?? 0));
        input.Add("fundEnabled", Element(batch.FundBlock is null ? 0 : 1));
        input.Add("fundCash", Element(batch.FundBlock is { } fund ? BiasedCash(batch.Blocks[fund].New) : 0));
        input.Add("rankingRoot", batch.RankingRoot);
        AddBlocks(input);
        AddReliefs(input);
        AddRequests(input);
        AddRows(input);
        AddForced(input);
        AddOperations(input);
        AddBuckets(input);
        return input;
    }

    private void AddBlocks(CircuitInput input)
    {
        Add(input, "used", blocks, b => Element(b.New == b.Old && !b.IsNew ? 0 : 1));
        Add(input, "isNew", blocks, b => Element(b.IsNew ? 1 : 0));
        Add(input, "account", blocks, b => Element(b.Account));
        Add(input, "owner", blocks, b => Element(b.Identity.Owner.ToField()));
        Add(input, "keyX", blocks, b => Element(b.Identity.KeyX));
        Add(input, "keyY", blocks, b => Element(b.Identity.KeyY));
        Add(input, "viewKey", blocks, b => Element(b.Identity.ViewKey));
        Add(input, "siblings", blocks, b => Levels(b.Path));
        Add(input, "oldVersion", blocks, b => Element(b.Old.Version));
        Add(input, "oldCash", blocks, b => Element(BiasedCash(b.Old)));
        Add(input, "oldOrderRoot", blocks, b => Element(b.Old.OrderRoot));
        Add(input, "oldId", blocks, b => Slots(b.Old, p => p.Instrument));
        Add(input, "oldMagnitude", blocks, b => Slots(b.Old, p => Math.Abs(p.Size)));
        Add(input, "oldNegative", blocks, b => Slots(b.Old, p => p.Size < 0 ? 1 : 0));
        Add(input, "newCash", blocks, b => Element(BiasedCash(b.New)));
        Add(input, "newOrderRoot", blocks, b => Element(b.New.OrderRoot));
        Add(input, "newId", blocks, b => Slots(b.New, p => p.Instrument));
        Add(input, "newMagnitude", blocks, b => Slots(b.New, p => Math.Abs(p.Size)));
        Add(input, "newNegative", blocks, b => Slots(b.New, p => p.Size < 0 ? 1 : 0));

        Add(input, "group", margins, m => Array(m.Groups, g => Element(g)));
        Add(input, "groupMargin", margins, m => Array(m.Margins, v => Element(v + (Int128.One << (Width.GroupMargin - 1)))));
        Add(input, "slack", margins, m => Array(m.Slacks, s => Array(s, v => Element(v))));

        Add(input, "derivative", margins, m => Array(m.Derivative, v => Element(v + (Int128.One << (Width.RiskLimb - 1)))));

        // An unused block is named by nothing.
        Add(input, "keyMultiplicity", blocks.Select((_, k) => k), k => new SignalValue([
            Element(batch.Rows.Count(r => r.Block == k && r.Request.Kind != RowKind.Withdrawal)),
            Element(batch.Rows.Count(r => r.Block == k && r.Request.Kind == RowKind.Withdrawal))]));
        Add(input, "accountMultiplicity", blocks.Select((_, k) => k), k => Element(
            batch.Operations.Count(o => o.Block == k && !o.Operation.IsRequest) + (batch.FeeBlock == k ? 1 : 0)));
        Add(input, "fundMultiplicity", blocks.Select((_, k) => k), k => Element(batch.FundBlock == k ? 1 : 0));
        Add(input, "counterMultiplicity", blocks.Select((_, k) => k), k => Element(batch.Forced.Count(f => f.CounterBlock == k)));
        Add(input, "positionMultiplicity", blocks.Select((block, k) => (block, k)), b => Slots(b.block.Old, p => batch.Forced.Count(
            f => f.Instrument == p.Instrument && (f.Block == b.k || f.CounterBlock == b.k)) - MoreRows(b.k, p)));
        Add(input, "derivativeLots", blocks, b => Element(DerivativeLots(b.New)));
    }

    private void AddReliefs(CircuitInput input)
    {
        Add(input, "relief", reliefs, r => Element(r.IsNeeded ? 1 : 0));
        Add(input, "mends", reliefs, r => Element(r.Mends ? 1 : 0));
        Add(input, "reliefLost", reliefs.Select((r, k) => (r, block: blocks[k], closes: requests[k].Closes)), b => Slots(b.block.Old, p => b.r.IsNeeded || b.closes
            ? Math.Abs(p.Size) - Math.Abs(b.block.New.Positions.FirstOrDefault(n => n.Instrument == p.Instrument).Size) : 0));
        Add(input, "reliefPacked", reliefs, r => Array(r.Equity, e => Array(e.Chunk(3), v => Element(RiskRowEncoding.Pack(v[0], v[1], v[2])))));
        Add(input, "reliefElement", reliefs, r => Array(r.Worst, s => OneHot(Bound.Scenarios / 3, s / 3)));
        Add(input, "reliefLimb", reliefs, r => Array(r.Worst, s => OneHot(3, s % 3)));
        // Group margins are the least of their scenarios, so the slack there is 0.
        Add(input, "reliefNewSlack", reliefs, r => Array(r.Worst, _ => Element(0)));
        Add(input, "reliefDerivative", reliefs, r => Element(RiskRowEncoding.Pack(r.Derivative[0], r.Derivative[1], r.Derivative[2])));
        Add(input, "reliefDerivativeLots", reliefs, r => Element(r.DerivativeLots));
        Add(input, "forcedMultiplicity", reliefs.Select((_, k) => k), k => new SignalValue([
            Element(batch.Forced.Count(f => f.Block == k && f.Kind == ForcedKind.Liquidation && !f.Closing)),
            Element(batch.Forced.Count(f => f.Block == k && f.Kind == ForcedKind.Deleverage && !f.Closing))]));
        Add(input, "payment", reliefs.Select((_, k) => blocks[k].Payment), p => Element(p));
    }

    private void AddRequests(CircuitInput input)
    {
        Add(input, "requested", requests, r => Element(r.Operation is null ? 0 : 1));
        Add(input, "requestPays", requests, r => Element(r.Operation?.Paid > 0 ? 1 : 0));
        ImmutableArray<BlockRequest> first = [.. requests.Take(profile.Reliefs)];
        Add(input, "requestShort", first, r => Element(r.IsShort ? 1 : 0));
        Add(input, "requestClose", first, r => Element(r.Closes ? 1 : 0));
        Add(input, "requestAsset", first, r => Element(r.IsShort ? r.Operation!.Operation.Asset : 0));
        Add(input, "requestFloor", first, r => Element(r.IsShort && r.Market is { } row ? 2 * row.Index : 0));
        Add(input, "requestByHealth", first, r => Element(r.ByHealth ? 1 : 0));
        Add(input, "requestIdle", first, r => Element(r.IsIdle ? 1 : 0));
        Add(input, "closings", first.Select((_, k) => k), k => Element(batch.Forced.Count(f => f.Block == k && f.Closing)));
        Add(input, "positionMore", first.Select((_, k) => k), k => Slots(blocks[k].Old, p => MoreRows(k, p)));
    }

    private void AddForced(CircuitInput input)
    {
        SealedForcedRow?[] places = [.. batch.Forced, .. Enumerable.Repeat<SealedForcedRow?>(null, profile.Forced - batch.Forced.Length)];
        RiskRow? Market(SealedForcedRow? f) => f is null ? null : Row(f.Instrument);
        Add(input, "forcedKindBit", places, f => new SignalValue([Element((int)(f?.Kind ?? 0) & 1), Element((int)(f?.Kind ?? 0) >> 1)]));
        Add(input, "forcedClosing", places, f => Element(f?.Closing == true ? 1 : 0));
        Add(input, "forcedBlock", places, f => Element(f?.Block + 1 ?? 0));
        Add(input, "forcedCounterBlock", places, f => Element(f?.CounterBlock + 1 ?? 0));
        Add(input, "forcedInstrument", places, f => Element(f?.Instrument ?? 0));
        Add(input, "forcedOldMagnitude", places, f => Element(Math.Abs(f?.OldSize ?? 0)));
        Add(input, "forcedOldNegative", places, f => Element(f?.OldSize < 0 ? 1 : 0));
        Add(input, "forcedCounterMagnitude", places, f => Element(Math.Abs(f?.CounterOldSize ?? 0)));
        Add(input, "forcedFill", places, f => Element(f?.Fill ?? 0));
        Add(input, "forcedQuote", places, f => Element(f?.Quote ?? 0));
        Add(input, "forcedFee", places, f => Element(f?.Fee ?? 0));
        Add(input, "forcedDeficit", places, f => Element(f is { Kind: ForcedKind.Deleverage, Closing: false } ? -Worth(batch.Blocks[f.Block].Old).Value : 0));
        Add(input, "forcedMeta", places, f => Element(Market(f) is { } row ? RiskRowEncoding.Meta(row) : Fr.Zero));
        Add(input, "forcedIndex", places, f => Element(Market(f)?.Index ?? 0));
        Add(input, "forcedBase", places, f => Element(Market(f) is { } row ? RiskRowEncoding.Biased(row.Base) : 0));
        Add(input, "forcedFunding", places, f => Element(Market(f) is { } row ? RiskRowEncoding.Biased(row.Funding) : 0));
        Add(input, "forcedPriceBound", places, f => Element(Market(f)?.PriceBound ?? 0));
    }

    private void AddRows(CircuitInput input)
    {
        // A disabled row carries the curve's neutral element, which the curve checks accept.
        Fr[] noPath = new Fr[3 * Depth.OrderSlots];
        SealedRow disabled = new(default, Fr.Zero, Fr.One, Fr.Zero, -1, 0, 0, 0, default, [.. noPath]);
        SealedRow[] rows = [.. batch.Rows, .. Enumerable.Repeat(disabled, profile.Rows - batch.Rows.Length)];
        Add(input, "rowKindBit", rows, r => new SignalValue([Element((int)r.Request.Kind & 1), Element((int)r.Request.Kind >> 1)]));
        Add(input, "rowFlags", rows, r => Element(r.Request.Flags));
        Add(input, "rowSide", rows, r => Element(r.Request.IsSell ? 1 : 0));
        Add(input, "rowInstrument", rows, r => Element(r.Request.Instrument));
        Add(input, "rowAccount", rows, r => Element(r.Request.Account));
        Add(input, "rowSlot", rows, r => Element(r.Request.Slot));
        Add(input, "rowSize", rows, r => Element(r.Request.Size));
        Add(input, "rowLimit", rows, r => Element(r.Request.Limit));
        Add(input, "rowFeeRate", rows, r => Element(r.Request.FeeRate));
        Add(input, "rowExpiry", rows, r => Element(r.Request.Expiry));
        Add(input, "rowNonce", rows, r => Element(r.Request.Nonce));
        Add(input, "rowR8x", rows, r => Element(r.R8X));
        Add(input, "rowR8y", rows, r => Element(r.R8Y));
        Add(input, "rowS", rows, r => Element(r.S));
        Add(input, "rowBlock", rows, r => Element(r.Block + 1));
        Add(input, "rowFill", rows, r => Element(r.Fill));
        Add(input, "rowQuote", rows, r => Element(r.Quote));
        Add(input, "rowFee", rows, r => Element(r.Fee));
        Add(input, "rowKeyX", rows, r => Element(Identity(r)?.KeyX ?? Fr.Zero));
        Add(input, "rowKeyY", rows, r => Element(Identity(r)?.KeyY ?? Fr.One));
        Add(input, "rowOwner", rows, r => Element(Identity(r)?.Owner.ToField() ?? Fr.Zero));
        Add(input, "rowOldNonce", rows, r => Element(r.OldSlot.Nonce));
        Add(input, "rowOldFilled", rows, r => Element(r.OldSlot.Filled));
        Add(input, "rowSlotSiblings", rows, r => Levels(r.SlotPath));
        Add(input, "rowMeta", rows, r => Element(MarketRow(r) is { } row ? RiskRowEncoding.Meta(row) : Fr.Zero));
        Add(input, "rowIndex", rows, r => Element(MarketRow(r)?.Index ?? 0));
        Add(input, "rowBase", rows, r => Element(MarketRow(r) is { } row ? RiskRowEncoding.Biased(row.Base) : 0));
        Add(input, "rowFunding", rows, r => Element(MarketRow(r) is { } row ? RiskRowEncoding.Biased(row.Funding) : 0));
        Add(input, "rowPriceBound", rows, r => Element(MarketRow(r)?.PriceBound ?? 0));
    }

    private void AddOperations(CircuitInput input)
    {
        var none = new SealedOperation(new Operation(OperationKind.None, 0, 0, 0, default, Fr.Zero, Fr.Zero, Fr.Zero), default, null);
        SealedOperation[] places = [.. batch.Operations.Select(o => o.Block is null ? none : o),
            .. Enumerable.Repeat(none, profile.Operations - batch.Operations.Length)];
        Add(input, "opKind", places, o => OneHot(4, (int)o.Operation.Kind - 1));
        Add(input, "opAccount", places, o => Element(o.Operation.Account));
        Add(input, "opAsset", places, o => Element(o.Operation.Asset));
        Add(input, "opAmount", places, o => Element(o.Operation.Amount));
        Add(input, "opOwner", places, o => Element(o.Operation.Owner.ToField()));
        Add(input, "opKeyX", places, o => Element(o.Operation.Served(o.Paid).KeyX));
        Add(input, "opKeyY", places, o => Element(o.Operation.KeyY));
        Add(input, "opViewKeyHash", places, o => Element(o.Operation.ViewKeyHash));
        Add(input, "opBlock", places, o => Element(o.Block + 1 ?? 0));
        Add(input, "opActualOwner", places, o => Element(o.Block is { } block ? batch.Blocks[block].Identity.Owner.ToField() : Fr.Zero));
        Add(input, "opUsesMarket", places, o => Element(MarketRow(o) is null ? 0 : 1));
        Add(input, "opMeta", places, o => Element(MarketRow(o) is { } row ? RiskRowEncoding.Meta(row) : Fr.Zero));
        Add(input, "opIndex", places, o => Element(MarketRow(o)?.Index ?? 0));
        Add(input, "opBase", places, o => Element(MarketRow(o) is { } row ? RiskRowEncoding.Biased(row.Base) : 0));
        Add(input, "opFunding", places, o => Element(MarketRow(o) is { } row ? RiskRowEncoding.Biased(row.Funding) : 0));
        Add(input, "opPriceBound", places, o => Element(MarketRow(o)?.PriceBound ?? 0));
    }

    private void AddBuckets(CircuitInput input)
    {
        Fr[] nothing = new Fr[RiskRowEncoding.Elements];
        Fr[][][] rows = [.. opened.Select(b => risk.Bucket(b).Select(r => r is null ? nothing : RiskRowEncoding.Encode(r)).ToArray())];
        Add(input, "bucket", opened, b => Element(b));
        Add(input, "bucketSiblings", opened, b => Levels([.. risk.Path(b)]));
        Add(input, "meta", rows, b => Array(b, r => Element(r[0])));
        Add(input, "market", rows, b => Array(b, r => Element(r[1])));
        Add(input, "long", rows, b => Array(b, r => Array(r[2..(2 + RiskRowEncoding.PackedValues)], Element)));
        Add(input, "short", rows, b => Array(b, r => Array(r[(2 + RiskRowEncoding.PackedValues)..], Element)));
        // A bucket opened twice answers look-ups at its first place only.
        Add(input, "multiplicity", opened.Select((bucket, place) => (bucket, first: opened.IndexOf(bucket) == place)), b =>
            Array(Enumerable.Range(b.bucket * Bound.RowsPerBucket, Bound.RowsPerBucket), id => Element(b.first ? traded.Count(t => t == id) : 0)));
    }

    // The buckets that hold what is held or traded, padded by repeating the first: a bucket that is empty has no preimage to open.
    private ImmutableArray<int> OpenedBuckets()
    {
        if (risk.Rows.Count == 0) throw new ArgumentException($"Batch {batch.Header.Batch}: its risk table is empty, and a batch opens at least one bucket.");
        int[] needed = [.. traded.Concat(blocks.SelectMany(b => b.New.Positions.Select(p => p.Instrument)))
            .Concat(reliefs.SelectMany((r, k) => r.IsNeeded ? blocks[k].Old.Positions.Select(p => p.Instrument) : [])).Select(RiskTree.BucketOf).Distinct().Order()];
        RequireCapacity("risk buckets", needed.Length, 0, profile.Buckets);
        int filler = needed.Length > 0 ? needed[0] : RiskTree.BucketOf(risk.Rows.First().Id);
        return [.. needed, .. Enumerable.Repeat(filler, profile.Buckets - needed.Length)];
    }

    private sealed record BlockMargin(int[] Groups, Int128[] Margins, Int128[][] Slacks, Int128[] Derivative);

    // Spec 5.8: E of the old leaf per group and scenario, and where each group's least stands; all 0 if the block needs no relief.
    private sealed record BlockRelief(bool IsNeeded, bool Mends, Int128[][] Equity, int[] Worst, Int128[] Derivative, long DerivativeLots);

    // Spec 5.9: the request that names a block, and what the block shows of it.
    private sealed record BlockRequest(SealedOperation? Operation, bool IsShort, bool Closes, bool ByHealth, bool IsIdle, RiskRow? Market);

    // Spec 5.5: E per group and scenario, m = its minimum, u = E - m; and x, the value of what is held other than spot.
    private BlockMargin Margin(SealedBlock block, int k)
    {
        // Positions of a block with relief only shrink, so its old groups contain the new ones.
        LeafContents widest = NeedsRelief(block, k) ? block.Old : block.New;
        List<int> groups = [.. widest.Positions.Select(p => Row(p.Instrument).Group).Distinct()];
        RequireCapacity($"groups of account {block.Account}", groups.Count, 0, Bound.Groups);
        for (int label = 0; groups.Count < Bound.Groups; label++)
            if (!groups.Contains(label)) groups.Add(label);
        groups.Sort();
        Int128[][] equity = [.. groups.Select(group => Equity(block.New, group))];
        Int128[] margins = [.. equity.Select(e => e.Min())];
        Int128[][] slacks = [.. equity.Select((e, g) => e.Select(v => v - margins[g]).ToArray())];
        if (margins.Any(m => Int128.Abs(m) >> (Width.GroupMargin - 1) != 0) || slacks.SelectMany(s => s).Any(u => u >> Width.Slack != 0))
            throw new ArgumentException($"Batch {batch.Header.Batch}: the margin of account {block.Account} exceeds what the circuit represents (spec 5.5).");
        return new BlockMargin([.. groups], margins, slacks, Derivative(block.New));
    }

    private BlockRelief Relief(SealedBlock block, int k)
    {
        bool needed = NeedsRelief(block, k);
        LeafContents old = needed ? block.Old : LeafContents.Empty;
        Int128[][] equity = [.. margins[k].Groups.Select(group => Equity(old, group))];
        return new BlockRelief(needed, !Worth(block.New).IsHealthy, equity, [.. equity.Select(e => e.IndexOf(e.Min()))], Derivative(old), DerivativeLots(old));
    }

    private bool NeedsRelief(SealedBlock block, int k) => block.Payment > 0 || IsForced(k) || !Worth(block.New).IsHealthy;

    private bool IsForced(int k) => batch.Forced.Any(f => f.Block == k && f.Kind != ForcedKind.Conversion && !f.Closing);

    private BlockRequest Request(SealedBlock block, int k)
    {
        SealedOperation? request = batch.Operations.FirstOrDefault(o => o.Block == k && o.Operation.IsRequest);
        if (request is null) return new BlockRequest(null, false, false, false, false, null);
        bool isOwner = request.Operation.Owner == block.Identity.Owner, isShort = IsShort(request);
        Int128 ownMoney = OwnMoney(block.New);
        bool closes = isOwner && request.Operation.Kind == OperationKind.CloseRequest;
        bool isIdle = closes && ownMoney < 0 && !batch.Forced.Any(f => f.Block == k && f.Closing);
        // What is spot is limited by own money only if there is none; cash by whichever is less.
        bool byHealth = isShort && (request.Operation.Asset == 0 ? Worth(block.New).Health <= ownMoney : ownMoney >= 0);
        return new BlockRequest(request, isShort, closes, byHealth, isIdle, MarketRow(request));
    }

    /// <summary>Whether a withdrawal request of the account's owner is paid less than it asks.</summary>
    private bool IsShort(SealedOperation o) => o.Operation.Kind == OperationKind.WithdrawalRequest && o.Paid < o.Operation.Amount
        && o.Block is { } block && batch.Blocks[block].Identity.Owner == o.Operation.Owner;

    // Rows that close a position of block k on request, or deleverage it, beyond the first.
    private int MoreRows(int k, Position position) =>
        Math.Max(0, batch.Forced.Count(f => f.Block == k && (f.Closing || f.Kind == ForcedKind.Deleverage) && f.Instrument == position.Instrument) - 1);

    private Int128 OwnMoney(LeafContents contents) => contents.Cash + Derivative(contents)[0];

    private PortfolioMargin Worth(LeafContents contents) => PortfolioMargin.Of(contents.Cash, contents.Positions.Select(p => (Row(p.Instrument), p.Size)));

    private Int128[] Equity(LeafContents contents, int group) =>
        [.. Enumerable.Range(0, Bound.Scenarios).Select(s => Value(contents, s, row => row.Group == group))];

    private Int128[] Derivative(LeafContents contents) => [.. Enumerable.Range(0, 3).Select(s => Value(contents, s, row => row.Kind != InstrumentKind.Spot))];

    private long DerivativeLots(LeafContents contents) =>
        contents.Positions.Where(p => Row(p.Instrument).Kind != InstrumentKind.Spot).Sum(p => Math.Abs(p.Size));

    private Int128 Value(LeafContents contents, int scenario, Func<RiskRow, bool> counts) => contents.Positions.Where(p => counts(Row(p.Instrument)))
        .Aggregate(Int128.Zero, (sum, p) => sum + p.Size * (Int128)Row(p.Instrument).ValuesOf(p.Size)[scenario]);

    private void RequireChainOfRoots()
    {
        Fr root = batch.OldRoot;
        foreach (SealedBlock block in batch.Blocks)
        {
            Fr before = block.IsNew ? Fr.Zero : block.Old.Hash(block.Identity);
            if (QuadTree.RootFrom(before, (ulong)block.Account, block.Path.AsSpan()) != root)
                throw new ArgumentException($"Batch {batch.Header.Batch}: the old leaf of account {block.Account} is not under the running root.");
            root = QuadTree.RootFrom(block.New.Hash(block.Identity), (ulong)block.Account, block.Path.AsSpan());
        }

        if (root != batch.NewRoot) throw new ArgumentException($"Batch {batch.Header.Batch}: its blocks do not lead to its new root.");
    }

    private AccountIdentity? Identity(SealedRow row) => row.Block < 0 ? null : batch.Blocks[row.Block].Identity;

    private RiskRow? MarketRow(SealedRow row) => row.Request.Kind switch
    {
        RowKind.Order => Row(row.Request.Instrument),
        RowKind.Withdrawal when row.Request.Instrument != 0 => Row(row.Request.Instrument),
        _ => null,
    };

    // A request reads the row if it is paid, or if health is what limits it: what moves nothing need not be listed.
    private RiskRow? MarketRow(SealedOperation o) => o.Block is { } block && o.Operation.Asset != 0 && (!o.Operation.IsRequest || o.Paid > 0
        || (IsShort(o) && OwnMoney(batch.Blocks[block].New) >= 0 && batch.Blocks[block].New.Positions.Any(p => p.Instrument == o.Operation.Asset)))
        ? Row(o.Operation.Asset) : null;

    private RiskRow Row(int id) => risk[id] ?? throw new ArgumentException($"Batch {batch.Header.Batch}: instrument {id} has no row in its risk table.");

    private void RequireCapacity(string what, int count, int least, int most)
    {
        if (count < least || count > most)
            throw new ArgumentException($"Batch {batch.Header.Batch}: {count} {what}, where profile '{profile.Name}' takes {least} to {most}.");
    }

    private static Int128 BiasedCash(LeafContents contents) => contents.Cash + (Int128.One << 63);

    private static SignalValue Slots(LeafContents contents, Func<Position, long> field) => Array(
        Enumerable.Range(0, Bound.Positions), i => Element(i < contents.Positions.Length ? field(contents.Positions[i]) : 0));

    private static SignalValue OneHot(int length, int place) => Array(Enumerable.Range(0, length), i => Element(i == place ? 1 : 0));

    private static SignalValue Levels(ImmutableArray<Fr> path) => Array(path.Chunk(3), level => Array(level, Element));

    private static void Add<T>(CircuitInput input, string name, IEnumerable<T> items, Func<T, SignalValue> field) => input.Add(name, Array(items, field));

    private static SignalValue Array<T>(IEnumerable<T> items, Func<T, SignalValue> field) => new(items.Select(field));

    private static SignalValue Element(Fr value) => new(value);

    private static SignalValue Element(Int128 value) => new(Fr.FromInt128(value));
}

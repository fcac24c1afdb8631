using System.Collections.Immutable;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Circuits;

/// <summary>
/// The input of the circuit <c>exit</c> (template <c>Exit</c>, spec 8): what one account is worth under an account root, at the bases of a risk table.
/// </summary>
public sealed class ExitInput
{
    // Input values of the circuit besides those of a slot's bucket, and those of one.
    private const int FixedValues = 5 + Bound.Positions / 4 + 1 + 3 * Depth.Account + 7 + 3 * Bound.Positions;
    private const int SlotValues = 3 * Depth.RiskBuckets + Bound.RowsPerBucket * RiskRowEncoding.Elements;

    private readonly int account;
    private readonly AccountIdentity identity;
    private readonly LeafContents contents;
    private readonly ImmutableArray<Fr> path;
    private readonly RiskTree risk;

    private ExitInput(int account, AccountIdentity identity, LeafContents contents, ImmutableArray<Fr> path, RiskTree risk)
    {
        (this.account, this.identity, this.contents, this.path, this.risk) = (account, identity, contents, path, risk);
        if (account is < 0 or >= 1 << Width.Account) throw new ArgumentException($"Account {account} is outside 0..2^{Width.Account}-1.", nameof(account));
        if (identity.Owner == default) throw new ArgumentException($"Account {account} has no owner: nobody can leave with it.", nameof(identity));
        Root = QuadTree.RootFrom(contents.Hash(identity), (ulong)account, path.AsSpan());
        Equity = contents.Cash + Value(spot: false);
        SpotValue = Value(spot: true);
        if (contents.Positions.FirstOrDefault(p => IsSpot(p.Instrument) && p.Size < 0) is { Instrument: > 0 } shorted)
            throw new ArgumentException($"Account {account} is short of instrument {shorted.Instrument}, whose row says spot.", nameof(risk));
        if (Equity < -EquityBias || Equity >= EquityBias || SpotValue < 0 || SpotValue >= EquityBias)
            throw new ArgumentException($"Account {account} is worth {Equity} and {SpotValue} atoms, beyond the circuit's 2^{Width.RiskLimb - 1}.", nameof(contents));
        PublicInputs =
        [
            Root, risk.Root, Fr.FromUInt64((ulong)account) + identity.Owner.ToField() * Fr.FromUInt64(1UL << Width.Account),
            Fr.FromInt128(Equity + EquityBias), Fr.FromInt128(SpotValue),
            .. LeafContents.PackSlots([.. contents.Positions.Select(p => IsSpot(p.Instrument) ? p : default)]),
        ];
    }

    /// <summary>Added to the equity in the public inputs: 2^83.</summary>
    public static Int128 EquityBias => Int128.One << (Width.RiskLimb - 1);

    /// <summary>Builds the input.</summary>
    /// <param name="path">The account's siblings, three a level, from the leaf upward.</param>
    /// <param name="risk">The table that values it.</param>
    /// <exception cref="ArgumentException">The account has no owner, holds what the table does not list, or is worth more than the circuit takes; the message says what.</exception>
    public static ExitInput Build(int account, AccountIdentity identity, LeafContents contents, ImmutableArray<Fr> path, RiskTree risk) => new(account, identity, contents, path, risk);

    /// <summary>How many slots of a leaf an instance of the circuit opens: all of them in <c>circuits/main/exit.circom</c>.</summary>
    /// <param name="values">Input values of the instance.</param>
    /// <exception cref="ArgumentException">No instance has so many.</exception>
    public static int SlotsOf(int values) => Math.DivRem(values - FixedValues, SlotValues) is ( >= 0 and <= Bound.Positions and var slots, 0)
        ? slots : throw new ArgumentException($"A circuit of {values} input values is no instance of the circuit of exits.", nameof(values));

    /// <summary>The account root that the path leads to.</summary>
    public Fr Root { get; }

    /// <summary>Cash and the value of all that is not spot, in atoms.</summary>
    public Int128 Equity { get; }

    /// <summary>The value of spot, in atoms.</summary>
    public Int128 SpotValue { get; }

    /// <summary>In the circuit's order: root, riskRoot, accountOwner, equity, spotValue, p0..p3.</summary>
    public ImmutableArray<Fr> PublicInputs { get; }

    /// <summary>The input of an instance of the circuit.</summary>
    /// <param name="slots">Slots that it opens.</param>
    /// <exception cref="ArgumentException">The account has more positions.</exception>
    public CircuitInput ToCircuitInput(int slots = Bound.Positions)
    {
        if (contents.Positions.Length > slots) throw new ArgumentException($"Account {account} has {contents.Positions.Length} positions, where the circuit takes {slots}.", nameof(slots));
        var input = new CircuitInput();
        string[] publics = ["root", "riskRoot", "accountOwner", "equity", "spotValue"];
        for (int i = 0; i < publics.Length; i++) input.Add(publics[i], PublicInputs[i]);
        input.Add("spot", Values(PublicInputs[publics.Length..]));
        input.Add("account", Fr.FromUInt64((ulong)account));
        input.Add("siblings", Levels(path));
        input.Add("owner", identity.Owner.ToField());
        input.Add("keyX", identity.KeyX);
        input.Add("keyY", identity.KeyY);
        input.Add("viewKey", identity.ViewKey);
        input.Add("version", Fr.FromUInt64(contents.Version));
        input.Add("cash", Fr.FromInt128(contents.Cash + (Int128.One << (Width.Cash - 1))));
        input.Add("orderRoot", contents.OrderRoot);
        IEnumerable<Position> positions = Enumerable.Range(0, Bound.Positions).Select(i => i < contents.Positions.Length ? contents.Positions[i] : default);
        input.Add("id", Values(positions.Select(p => Fr.FromUInt64((ulong)p.Instrument))));
        input.Add("magnitude", Values(positions.Select(p => Fr.FromUInt64((ulong)Math.Abs(p.Size)))));
        input.Add("negative", Values(positions.Select(p => p.Size < 0 ? Fr.One : Fr.Zero)));
        // A free slot opens nothing: its rows and path may be anything.
        OpenedBucket[] buckets = [.. positions.Take(slots).Select(p => p.Size == 0 ? OpenedBucket.Nothing : OpenedBucket.Of(risk, p.Instrument))];
        input.Add("bucketSiblings", new SignalValue(buckets.Select(b => Levels(b.Path))));
        foreach ((string name, Func<OpenedBucket, SignalValue> field) in OpenedBucket.Fields) input.Add(name, new SignalValue(buckets.Select(field)));
        return input;
    }

    internal static SignalValue Values(IEnumerable<Fr> values) => new(values.Select(v => new SignalValue(v)));

    internal static SignalValue Levels(ImmutableArray<Fr> path) => new(path.Chunk(3).Select(Values));

    private bool IsSpot(int instrument) => Row(instrument).Kind == InstrumentKind.Spot;

    private RiskRow Row(int instrument) =>
        risk[instrument] ?? throw new ArgumentException($"Account {account} holds instrument {instrument}, which the risk table does not list.");

    private Int128 Value(bool spot) =>
        contents.Positions.Where(p => IsSpot(p.Instrument) == spot).Aggregate(Int128.Zero, (sum, p) => sum + (Int128)p.Size * Row(p.Instrument).Base);

}

/// <summary>A bucket of 16 risk rows as a circuit opens it.</summary>
/// <param name="Rows">The 18 elements of each row.</param>
/// <param name="Path">Three siblings a level, from the bucket upward.</param>
internal sealed record OpenedBucket(ImmutableArray<Fr[]> Rows, ImmutableArray<Fr> Path)
{
    public static readonly OpenedBucket Nothing = new(
        [.. Enumerable.Repeat(new Fr[RiskRowEncoding.Elements], Bound.RowsPerBucket)], [.. new Fr[3 * Depth.RiskBuckets]]);

    /// <summary>The input signals of its rows: two elements, and two arrays of 8, a row.</summary>
    public static readonly ImmutableArray<(string Name, Func<OpenedBucket, SignalValue> Field)> Fields =
    [
        ("meta", b => ExitInput.Values(b.Rows.Select(r => r[0]))),
        ("market", b => ExitInput.Values(b.Rows.Select(r => r[1]))),
        ("long", b => new SignalValue(b.Rows.Select(r => ExitInput.Values(r[2..(2 + RiskRowEncoding.PackedValues)])))),
        ("short", b => new SignalValue(b.Rows.Select(r => ExitInput.Values(r[(2 + RiskRowEncoding.PackedValues)..])))),
    ];

    /// <summary>The bucket of an instrument.</summary>
    public static OpenedBucket Of(RiskTree risk, int instrument)
    {
        int bucket = RiskTree.BucketOf(instrument);
        return new([.. risk.Bucket(bucket).Select(r => r is null ? new Fr[RiskRowEncoding.Elements] : RiskRowEncoding.Encode(r))], [.. risk.Path(bucket)]);
    }
}

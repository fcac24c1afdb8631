using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;

namespace Rollup.Risk;

/// <summary>A price move beyond the scan range, of whose effect only a share is counted.</summary>
/// <param name="MoveSixths">Move in sixths of the price, -5..18, not 0.</param>
/// <param name="Counted">Share of the change in value that is counted, 10^-6; |move| x share is at most 1.</param>
public readonly record struct ExtremeMove(int MoveSixths, int Counted);

/// <summary>
/// Parameters of the method that hold for every instrument; rates and shares in 10^-6 unless said otherwise (docs/RISK.md). Bytes, big-endian:
/// version 1 | the rates in the order of declaration, 4 each | five extremes of 4 + 4.
/// </summary>
public sealed record RiskParameters
{
    /// <summary>First byte of the encoding.</summary>
    public const byte FormatVersion = 1;

    public static readonly RiskParameters Default = new();

    /// <summary>Bytes of the encoding.</summary>
    public static readonly int Size = 1 + 4 * Rates.Length + 8 * ExtremeCount;

    private const int ExtremeCount = 5;
    private const int Unit = 1_000_000;

    /// <summary>b: how far a perpetual moves against its spot in the two basis scenarios, and a year's forward the other way.</summary>
    public int Basis { get; init; } = 20_000;

    /// <summary>Gap between the value of a long and of a short perpetual, to either side.</summary>
    public int PerpContingency { get; init; } = 10_000;

    /// <summary>Discount on spot held as collateral.</summary>
    public int SpotHaircut { get; init; } = 50_000;

    /// <summary>Further gap per 10^6 USD of the instrument's open interest.</summary>
    public int ConcentrationPerMillionUsd { get; init; } = 50;

    /// <summary>Highest gap from concentration.</summary>
    public int ConcentrationCap { get; init; } = 100_000;

    /// <summary>By how much implied volatility rises in the scenarios with volatility up, at the pivot's time to expiry.</summary>
    public int VolatilityUp { get; init; } = 500_000;

    /// <summary>By how much it falls in the scenarios with volatility down.</summary>
    public int VolatilityDown { get; init; } = 300_000;

    /// <summary>Power of pivot / time to expiry that scales both shocks before the pivot.</summary>
    public int NearExponent { get; init; } = 300_000;

    /// <summary>The power after the pivot.</summary>
    public int FarExponent { get; init; } = 130_000;

    /// <summary>Days.</summary>
    public int VolatilityPivot { get; init; } = 30;

    /// <summary>Least volatility a year where it rises.</summary>
    public int VolatilityFloor { get; init; } = 400_000;

    /// <summary>Share of the two shocks that the twist applies.</summary>
    public int Twist { get; init; } = 400_000;

    /// <summary>Days to expiry at which the twist changes sign.</summary>
    public int TwistPivot { get; init; } = 60;

    /// <summary>Volatility a year by which a long option is priced below, a short one above, in every stressed scenario.</summary>
    public int VegaGap { get; init; } = 10_000;

    /// <summary>Further charge on a short option, of the index.</summary>
    public int ShortOptionMinimum { get; init; } = 1_000;

    /// <summary>1: a long option is lowered by the largest gap between curve and chord of the adjacent price cells; 0: it is not.</summary>
    public int ChordGap { get; init; } = 1;

    /// <summary>How far from the mark a forced trade of a linear product may be priced.</summary>
    public int LinearPenalty { get; init; } = 15_000;

    /// <summary>Of an option: the largest of this share of its mark,</summary>
    public int OptionMarkPenalty { get; init; } = 50_000;

    /// <summary>this share of the index,</summary>
    public int OptionIndexPenalty { get; init; } = 5_000;

    /// <summary>and what this much volatility a year is worth.</summary>
    public int OptionVolatilityPenalty { get; init; } = 25_000;

    /// <summary>The five moves of scenarios 19..23.</summary>
    public ImmutableArray<ExtremeMove> Extremes { get; init; } = [new(-4, 210_000), new(-2, 420_000), new(3, 280_000), new(6, 140_000), new(18, 50_000)];

    private static (string Name, Func<RiskParameters, int> Value, int Least, int Most)[] Rates =>
    [
        ("basis", p => p.Basis, 0, 100_000),
        ("perpetual contingency", p => p.PerpContingency, 0, Unit),
        ("spot haircut", p => p.SpotHaircut, 0, Unit),
        ("concentration coefficient", p => p.ConcentrationPerMillionUsd, 0, Unit),
        ("concentration cap", p => p.ConcentrationCap, 0, 500_000),
        ("volatility up", p => p.VolatilityUp, 0, 2 * Unit),
        ("volatility down", p => p.VolatilityDown, 0, Unit),
        ("near exponent", p => p.NearExponent, 0, Unit),
        ("far exponent", p => p.FarExponent, 0, Unit),
        ("volatility pivot", p => p.VolatilityPivot, 1, 365),
        ("volatility floor", p => p.VolatilityFloor, 0, 2 * Unit),
        ("twist", p => p.Twist, 0, Unit),
        ("twist pivot", p => p.TwistPivot, 1, 365),
        ("vega gap", p => p.VegaGap, 0, 200_000),
        ("short option minimum", p => p.ShortOptionMinimum, 0, 100_000),
        ("chord gap", p => p.ChordGap, 0, 1),
        ("linear penalty", p => p.LinearPenalty, 0, 500_000),
        ("option mark penalty", p => p.OptionMarkPenalty, 0, Unit),
        ("option index penalty", p => p.OptionIndexPenalty, 0, Unit),
        ("option volatility penalty", p => p.OptionVolatilityPenalty, 0, 200_000),
    ];

    /// <summary>SHA-256 of the canonical bytes: what an oracle or a watcher compares.</summary>
    public byte[] Hash()
    {
        var bytes = new byte[Size];
        Encode(bytes);
        return SHA256.HashData(bytes);
    }

    /// <summary>The first parameter out of its range, or null.</summary>
    internal string? Validate()
    {
        foreach ((string name, Func<RiskParameters, int> value, int least, int most) in Rates)
            if (value(this) < least || value(this) > most) return $"{name} {value(this)} is outside {least}..{most}";
        if (Extremes.Length != ExtremeCount) return $"{Extremes.Length} extreme moves where there are {ExtremeCount}";
        foreach (ExtremeMove e in Extremes)
        {
            if (e.MoveSixths is < -5 or 0 or > 18) return $"extreme move {e.MoveSixths} is outside -5..18 sixths or 0";
            if (e.Counted < 0 || (long)Math.Abs(e.MoveSixths) * e.Counted > 6 * Unit) return $"{e.Counted} counted of the extreme move {e.MoveSixths} is more than the price";
        }

        return null;
    }

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Encode(Span<byte> to)
    {
        to[0] = FormatVersion;
        int at = 1;
        foreach ((_, Func<RiskParameters, int> value, _, _) in Rates) Write(to, value(this));
        foreach (ExtremeMove e in Extremes)
        {
            Write(to, e.MoveSixths);
            Write(to, e.Counted);
        }

        void Write(Span<byte> bytes, int value)
        {
            BinaryPrimitives.WriteInt32BigEndian(bytes[at..], value);
            at += 4;
        }
    }

    /// <summary>Reads canonical bytes; false with the reason for anything else.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out RiskParameters parameters, out string problem)
    {
        bool isForm = bytes.Length == Size && bytes[0] == FormatVersion;
        parameters = isForm ? Decode(bytes) : Default;
        problem = isForm ? parameters.Validate() ?? "" : $"they are not {Size} bytes of version {FormatVersion}";
        return problem.Length == 0;
    }

    /// <summary>Reads <see cref="Size"/> bytes of this version; the ranges are <see cref="Validate"/>'s.</summary>
    internal static RiskParameters Decode(ReadOnlySpan<byte> bytes)
    {
        var from = new ByteReader(bytes[1..]);
        return new RiskParameters
        {
            Basis = from.Int32(),
            PerpContingency = from.Int32(),
            SpotHaircut = from.Int32(),
            ConcentrationPerMillionUsd = from.Int32(),
            ConcentrationCap = from.Int32(),
            VolatilityUp = from.Int32(),
            VolatilityDown = from.Int32(),
            NearExponent = from.Int32(),
            FarExponent = from.Int32(),
            VolatilityPivot = from.Int32(),
            VolatilityFloor = from.Int32(),
            Twist = from.Int32(),
            TwistPivot = from.Int32(),
            VegaGap = from.Int32(),
            ShortOptionMinimum = from.Int32(),
            ChordGap = from.Int32(),
            LinearPenalty = from.Int32(),
            OptionMarkPenalty = from.Int32(),
            OptionIndexPenalty = from.Int32(),
            OptionVolatilityPenalty = from.Int32(),
            Extremes = [new(from.Int32(), from.Int32()), new(from.Int32(), from.Int32()), new(from.Int32(), from.Int32()), new(from.Int32(), from.Int32()), new(from.Int32(), from.Int32())],
        };
    }

    /// <summary>By value, the extremes included.</summary>
    public bool Equals(RiskParameters? other) => other is not null && Hash().AsSpan().SequenceEqual(other.Hash());

    public override int GetHashCode() => BinaryPrimitives.ReadInt32BigEndian(Hash());
}

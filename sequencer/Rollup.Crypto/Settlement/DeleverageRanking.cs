using Rollup.Protocol;

namespace Rollup.Crypto.Settlement;

/// <summary>One place of a deleveraging ranking.</summary>
/// <param name="Account">The holder.</param>
/// <param name="Instrument">What it holds.</param>
/// <param name="Size">Signed lots, below 2^44.</param>
/// <param name="Score">Requirement released per lot, atoms.</param>
public readonly record struct RankingEntry(int Account, int Instrument, long Size, long Score)
{
    /// <summary>account 24 | instrument 18 | size + 2^44, 45 bits | score + 2^63, 64 bits.</summary>
    public Fr Encode() => new WordWriter().Add((uint)Account, Width.Account).Add((uint)Instrument, Width.Instrument)
        .Add((ulong)(Size + Lots.PositionBound), Width.PositionSize + 1).Add((UInt128)(Score + (Int128.One << 63)), 64).ToField();
}

/// <summary>What a batch commits to when it deleverages (spec 5.8): whoever was passed over can show that the ranking was not kept, or was wrong.</summary>
public static class DeleverageRanking
{
    /// <summary>Sponge (tag ranking) of the number of entries and the entries in order; 0 without entries.</summary>
    public static Fr Root(IReadOnlyCollection<RankingEntry> entries) => entries.Count == 0
        ? Fr.Zero
        : Poseidon.Sponge(Fr.FromUInt64(Tag.Ranking), [Fr.FromUInt64((ulong)entries.Count), .. entries.Select(e => e.Encode())]);
}

using System.Numerics;
using Rollup.Crypto.Settlement;

namespace Rollup.Crypto.Tests;

public class DeleverageRankingTests
{
    private static readonly RankingEntry First = new(7, 300, -41, 9_000_000_001), Second = new(16_777_215, 262_143, (1L << 44) - 1, -5);

    [Fact]
    public void An_entry_is_one_word_of_151_bits()
    {
        BigInteger expected = 7 + ((BigInteger)300 << 24) + (((BigInteger.One << 44) - 41) << 42) + (((BigInteger.One << 63) + 9_000_000_001) << 87);
        Assert.Equal(expected, First.Encode().ToBigInteger());
    }

    [Fact]
    public void The_root_is_a_sponge_of_the_number_and_the_entries_in_order()
    {
        Assert.Equal(Poseidon.Sponge(Fr.FromUInt64(5), [Fr.FromUInt64(2), First.Encode(), Second.Encode()]), DeleverageRanking.Root([First, Second]));
        Assert.NotEqual(DeleverageRanking.Root([First, Second]), DeleverageRanking.Root([Second, First]));
        Assert.Equal(Fr.Zero, DeleverageRanking.Root([]));
    }
}

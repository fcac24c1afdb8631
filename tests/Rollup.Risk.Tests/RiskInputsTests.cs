using System.Buffers.Binary;
using System.Security.Cryptography;
using Rollup.Protocol;

namespace Rollup.Risk.Tests;

public class RiskInputsTests
{
    [Fact]
    public void Encoding_is_read_back_and_has_the_documented_layout()
    {
        byte[] bytes = Sample.Inputs().Encode();
        Assert.True(RiskInputs.TryDecode(bytes, out RiskInputs read, out string problem), problem);
        Assert.Equal(bytes, read.Encode());
        Assert.Equal(Sample.Inputs().Instruments.AsEnumerable(), read.Instruments);
        Assert.Equal(Sample.Inputs().Groups.AsEnumerable(), read.Groups);
        Assert.Equal((Sample.Inputs().Batch, Sample.Inputs().ObservedAt, Sample.Inputs().Parameters), (read.Batch, read.ObservedAt, read.Parameters));
        Assert.Equal(Sample.Inputs().Expiries.AsEnumerable(), read.Expiries);
        Assert.Equal(121, RiskParameters.Size);
        Assert.Equal(17 + 121 + 2 * 5 + 2 * 69 + 3 * 39 + 4 * 47, bytes.Length);
        Assert.Equal("0200000029" + "0000019131afa27d".Replace("0000019131afa27d", $"{Sample.Now:x16}") + "01" + "00004e20", Convert.ToHexStringLower(bytes.AsSpan(0, 18)));
        Assert.Equal("02" + "01" + $"{Sample.Now + 30 * Sample.Day:x16}" + $"{4_100_000:x16}", Convert.ToHexStringLower(bytes.AsSpan(134 + 11, 18)));
        Assert.Equal("0007" + "00000003" + "02" + "00" + "01" + "0000000003d27240", Convert.ToHexStringLower(bytes.AsSpan(134 + 11 + 1 + 138, 17)));
    }

    [Fact]
    public void Parameters_are_read_back_each_in_its_place_and_their_hash_tells_them_apart()
    {
        RiskParameters distinct = new()
        {
            Basis = 11, PerpContingency = 12, SpotHaircut = 13, ConcentrationPerMillionUsd = 14, ConcentrationCap = 15, VolatilityUp = 16, VolatilityDown = 17, NearExponent = 18,
            FarExponent = 19, VolatilityPivot = 20, VolatilityFloor = 21, Twist = 22, TwistPivot = 23, VegaGap = 24, ShortOptionMinimum = 25, ChordGap = 0, LinearPenalty = 26,
            OptionMarkPenalty = 27, OptionIndexPenalty = 28, OptionVolatilityPenalty = 29,
            Extremes = [new(-5, 30), new(-1, 31), new(2, 32), new(7, 33), new(17, 34)],
        };
        byte[] bytes = (Sample.Inputs() with { Parameters = distinct }).Encode();
        Assert.True(RiskInputs.TryDecode(bytes, out RiskInputs read, out string problem), problem);
        Assert.Equal(distinct, read.Parameters);
        Assert.Equal(distinct.Extremes.AsEnumerable(), read.Parameters.Extremes);
        Assert.Equal(SHA256.HashData(bytes.AsSpan(13, RiskParameters.Size)), distinct.Hash());
        Assert.NotEqual(distinct, distinct with { OptionVolatilityPenalty = 30 });
        Assert.NotEqual(distinct, distinct with { Extremes = [.. distinct.Extremes.SetItem(4, new(17, 35))] });
        int[] values = [.. Enumerable.Range(0, 20).Select(i => BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(14 + 4 * i)))];
        Assert.Equal([11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 0, 26, 27, 28, 29], values);
    }

    [Fact]
    public void Any_accepted_bytes_are_their_own_encoding()
    {
        byte[] good = Sample.Inputs().Encode();
        int accepted = 0;
        for (int i = 0; i < good.Length; i++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                byte[] changed = [.. good];
                changed[i] ^= (byte)(1 << bit);
                if (!RiskInputs.TryDecode(changed, out RiskInputs read, out _)) continue;
                accepted++;
                Assert.Equal(changed, read.Encode());
            }
        }

        Assert.InRange(accepted, 200, 8 * good.Length - 200);
    }

    [Fact]
    public void Random_damage_is_refused_or_canonical_and_never_an_exception()
    {
        var random = new Random(21);
        byte[] good = Sample.Inputs().Encode();
        int accepted = 0;
        for (int round = 0; round < 5_000; round++)
        {
            byte[] changed = [.. good];
            for (int i = random.Next(1, 4); i > 0; i--) changed[random.Next(changed.Length)] = (byte)(random.Next(2) == 0 ? random.Next(256) : random.Next(2) * 255);
            if (random.Next(4) == 0) changed = [.. changed[..random.Next(changed.Length)], .. changed[random.Next(changed.Length)..]];
            if (!RiskInputs.TryDecode(changed, out RiskInputs read, out _)) continue;
            accepted++;
            Assert.Equal(changed, read.Encode());
            Assert.All(RiskRows.From(read), row => Assert.Null(row.Validate()));
        }

        Assert.InRange(accepted, 100, 4_500);
    }

    [Fact]
    public void Truncated_and_extended_bytes_are_refused()
    {
        byte[] good = Sample.Inputs().Encode();
        for (int length = 0; length < good.Length; length++)
            Assert.False(RiskInputs.TryDecode(good.AsSpan(0, length), out _, out _), $"{length} of {good.Length} bytes");
        Assert.False(RiskInputs.TryDecode([.. good, 0], out _, out string problem));
        Assert.Contains("1 bytes follow", problem);
        Assert.True(RiskInputs.TryDecode(good, out _, out _));
    }

    [Fact]
    public void Counts_beyond_the_limit_are_refused_before_anything_is_allocated()
    {
        byte[] bytes = (Sample.Inputs() with { Groups = [], Expiries = [], Instruments = [] }).Encode();
        Assert.Equal(138, bytes.Length);
        bytes[^2] = bytes[^1] = 0xFF;
        Assert.False(RiskInputs.TryDecode(bytes, out _, out string problem));
        Assert.Contains("65535 instruments exceed 4096", problem);
        Assert.Equal(210_325, RiskInputs.MaxSize);
        Assert.False(RiskInputs.TryDecode(new byte[RiskInputs.MaxSize + 1], out _, out problem));
        Assert.Contains("exceed the 210325", problem);
        Assert.False(RiskInputs.TryDecode(new byte[RiskInputs.MaxSize], out _, out problem));
        Assert.Contains("version 0", problem);
    }

    public static TheoryData<string, Func<RiskInputs, RiskInputs>> Broken() => new()
    {
        { "version 3", i => i },
        { "basis 100001", i => i with { Parameters = i.Parameters with { Basis = 100_001 } } },
        { "perpetual contingency -1", i => i with { Parameters = i.Parameters with { PerpContingency = -1 } } },
        { "spot haircut 1000002", i => i with { Parameters = i.Parameters with { SpotHaircut = 1_000_002 } } },
        { "concentration coefficient -5", i => i with { Parameters = i.Parameters with { ConcentrationPerMillionUsd = -5 } } },
        { "concentration cap 500001", i => i with { Parameters = i.Parameters with { ConcentrationCap = 500_001 } } },
        { "volatility up 2000001", i => i with { Parameters = i.Parameters with { VolatilityUp = 2_000_001 } } },
        { "volatility down 1000001", i => i with { Parameters = i.Parameters with { VolatilityDown = 1_000_001 } } },
        { "near exponent 1000001", i => i with { Parameters = i.Parameters with { NearExponent = 1_000_001 } } },
        { "far exponent -2", i => i with { Parameters = i.Parameters with { FarExponent = -2 } } },
        { "volatility pivot 0", i => i with { Parameters = i.Parameters with { VolatilityPivot = 0 } } },
        { "twist pivot 366", i => i with { Parameters = i.Parameters with { TwistPivot = 366 } } },
        { "vega gap 200001", i => i with { Parameters = i.Parameters with { VegaGap = 200_001 } } },
        { "short option minimum 100001", i => i with { Parameters = i.Parameters with { ShortOptionMinimum = 100_001 } } },
        { "chord gap 2", i => i with { Parameters = i.Parameters with { ChordGap = 2 } } },
        { "extreme move -6", i => i with { Parameters = i.Parameters with { Extremes = i.Parameters.Extremes.SetItem(1, new(-6, 1)) } } },
        { "extreme move 0", i => i with { Parameters = i.Parameters with { Extremes = i.Parameters.Extremes.SetItem(1, new(0, 1)) } } },
        { "333334 counted of the extreme move 18", i => i with { Parameters = i.Parameters with { Extremes = i.Parameters.Extremes.SetItem(4, new(18, 333_334)) } } },
        { "group 16", i => i with { Groups = [new(1, 150_000), new(16, 5)] } },
        { "groups are not in strictly ascending order", i => i with { Groups = [new(2, 180_000), new(1, 150_000)] } },
        { "group 2: scan range 900001", i => i with { Groups = [new(1, 150_000), new(2, 900_001)] } },
        { "group 1: scan range 0", i => i with { Groups = [new(1, 0), new(2, 180_000)] } },
        { "group 2: has no scan range", i => i with { Groups = [new(1, 150_000)] } },
        { "group 2 has no scan range", i => i with { Groups = [new(1, 150_000)], Expiries = [Sample.BtcExpiry] } },
        { "expiries are not in strictly ascending order", i => i with { Expiries = [Sample.EthExpiry, Sample.BtcExpiry] } },
        { "expiries are not in strictly", i => i with { Expiries = [Sample.BtcExpiry, Sample.BtcExpiry, Sample.EthExpiry] } },
        { "4 years", i => Sample.With(Sample.BtcExpiry with { ExpiresAt = Sample.After(1_461) }) },
        { "basis 1000000001", i => Sample.With(Sample.BtcExpiry with { Basis = 1_000_000_001 }) },
        { "basis -500000001", i => Sample.With(Sample.BtcExpiry with { Basis = -500_000_001 }) },
        { "samples before its window", i => Sample.With(Sample.BtcExpiry with { Weight = 1, Average = 1_000_000_000 }) },
        { "average 1000000000 does not fit", i => Sample.With(Sample.BtcExpiry with { Average = 1_000_000_000 }) },
        { "a 100000000001", i => Sample.With(Sample.BtcExpiry with { Surface = Sample.BtcExpiry.Surface with { A = 100_000_000_001 } }) },
        { "m -100000000001", i => Sample.With(Sample.BtcExpiry with { Surface = Sample.BtcExpiry.Surface with { M = -100_000_000_001 } }) },
        { "b -1 ", i => Sample.With(Sample.BtcExpiry with { Surface = Sample.BtcExpiry.Surface with { B = -1 } }) },
        { "rho -1000000000", i => Sample.With(Sample.BtcExpiry with { Surface = Sample.BtcExpiry.Surface with { Rho = -1_000_000_000 } }) },
        { "sigma 0", i => Sample.With(Sample.BtcExpiry with { Surface = Sample.BtcExpiry.Surface with { Sigma = 0 } }) },
        { "b 100000000001 ", i => Sample.With(Sample.BtcExpiry with { Surface = Sample.BtcExpiry.Surface with { B = 100_000_000_001 } }) },
        { "is negative", i => Sample.With(Sample.BtcExpiry with { Surface = Sample.BtcExpiry.Surface with { A = -17_215_900 } }) },
        { "instruments are not in strictly ascending order", i => i with { Instruments = [Sample.EthPerp, Sample.BtcPerp] } },
        { "not in strictly ascending", i => i with { Instruments = [Sample.BtcPerp, Sample.BtcPerp] } },
        { "instrument 0: the id", i => i with { Instruments = [Sample.BtcPerp with { Id = 0 }] } },
        { "instrument 262144: the id", i => i with { Instruments = [Sample.BtcPerp with { Id = 1 << 18 }] } },
        { "kind 5", _ => Sample.With(Sample.BtcPerp with { Kind = (InstrumentKind)5 }) },
        { "flags 4", _ => Sample.With(Sample.BtcPerp with { Flags = (InstrumentFlags)4 }) },
        { "index 0", _ => Sample.With(Sample.BtcPerp with { Index = 0 }) },
        { "index 34359738368", _ => Sample.With(Sample.BtcPerp with { Index = 1L << 35 }) },
        { "mark 0", _ => Sample.With(Sample.BtcPerp with { Mark = 0 }) },
        { "mark 34359738368", _ => Sample.With(Sample.BtcPerp with { Mark = 1L << 35 }) },
        { "funding -34359738368", _ => Sample.With(Sample.BtcPerp with { Funding = -(1L << 35) }) },
        { "open interest -1", _ => Sample.With(Sample.BtcPerp with { OpenInterest = -1 }) },
        { "open interest 1152921504606846976", _ => Sample.With(Sample.BtcPerp with { OpenInterest = 1L << 60 }) },
        { "spot has no funding", _ => Sample.With(Sample.EthSpot with { Funding = 1 }) },
        { "exceed the whole value", i => i with { Parameters = i.Parameters with { SpotHaircut = 800_000 } } },
        { "reaches 2^35", _ => Sample.With(Sample.BtcPerp with { Mark = (1L << 35) - 1 }) },
        { "index 4294967296", _ => Sample.With(Sample.BtcCall with { Index = 1L << 32 }) },
        { "strike 0", _ => Sample.With(Sample.BtcCall with { Strike = 0 }) },
        { "strike 8589934592", _ => Sample.With(Sample.BtcPut with { Strike = 1L << 33 }) },
        { "is not listed", _ => Sample.With(Sample.BtcPut with { ExpiresAt = Sample.After(31) }) },
        { "is not listed", _ => Sample.With(Sample.BtcPut with { ExpiresAt = Sample.After(7) }) },
        { "mark 1 of an option that is not frozen", _ => Sample.With(Sample.BtcPut with { Mark = 1 }) },
        { "mark -1 is outside", _ => Sample.With(Sample.BtcSettled with { Mark = -1 }) },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void Each_broken_rule_is_named(string expected, Func<RiskInputs, RiskInputs> change)
    {
        Assert.Null(Sample.Inputs().Validate());
        RiskInputs broken = change(Sample.Inputs());
        // The bytes of the broken inputs exist even where Encode refuses to make them.
        byte[] bytes = RiskInputsCodec.Encode(broken);
        if (expected == "version 3") bytes[0] = 3;
        else
        {
            Assert.Contains(expected, broken.Validate());
            Assert.Throws<InvalidOperationException>(broken.Encode);
        }

        Assert.False(RiskInputs.TryDecode(bytes, out _, out string problem));
        Assert.Contains(expected, problem);
    }

    [Fact]
    public void A_time_beyond_44_bits_is_refused()
    {
        byte[] bytes = Sample.Inputs().Encode();
        bytes[7] = 0x10;
        Assert.False(RiskInputs.TryDecode(bytes, out _, out string problem));
        Assert.Contains("2^44", problem);
    }
}

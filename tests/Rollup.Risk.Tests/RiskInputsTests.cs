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
        Assert.Equal(36 + 2 * 5 + 3 * 39, bytes.Length);
        Assert.Equal("0100000029", Convert.ToHexStringLower(bytes.AsSpan(0, 5)));
        Assert.Equal("00000003" + "02" + "00" + "01" + "0000000003d27240", Convert.ToHexStringLower(bytes.AsSpan(36 + 10, 15)));
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
    public void Truncated_and_extended_bytes_are_refused()
    {
        byte[] good = Sample.Inputs().Encode();
        for (int length = 0; length < good.Length; length++)
            Assert.False(RiskInputs.TryDecode(good.AsSpan(0, length), out _, out _), $"{length} of {good.Length} bytes");
        Assert.False(RiskInputs.TryDecode([.. good, 0], out _, out string problem));
        Assert.Contains("exactly", problem);
        Assert.True(RiskInputs.TryDecode(good, out _, out _));
    }

    [Fact]
    public void Counts_beyond_the_limit_are_refused_before_anything_is_allocated()
    {
        byte[] bytes = new byte[36];
        bytes[0] = RiskInputs.FormatVersion;
        bytes[34] = bytes[35] = 0xFF;
        Assert.False(RiskInputs.TryDecode(bytes, out _, out string problem));
        Assert.Contains("65535 instruments exceed 4096", problem);
    }

    public static TheoryData<string, Func<RiskInputs, RiskInputs>> Broken() => new()
    {
        { "version 2", i => i },
        { "basis 1000001", i => i with { Parameters = i.Parameters with { Basis = 1_000_001 } } },
        { "perpetual contingency -1", i => i with { Parameters = i.Parameters with { PerpContingency = -1 } } },
        { "spot haircut 1000002", i => i with { Parameters = i.Parameters with { SpotHaircut = 1_000_002 } } },
        { "concentration coefficient -5", i => i with { Parameters = i.Parameters with { ConcentrationPerMillionUsd = -5 } } },
        { "concentration cap 2000000", i => i with { Parameters = i.Parameters with { ConcentrationCap = 2_000_000 } } },
        { "group 16", i => i with { Groups = [new(1, 150_000), new(16, 5)] } },
        { "groups are not in strictly ascending order", i => i with { Groups = [new(2, 180_000), new(1, 150_000)] } },
        { "group 2: scan range 900001", i => i with { Groups = [new(1, 150_000), new(2, 900_001)] } },
        { "group 1: scan range 0", i => i with { Groups = [new(1, 0), new(2, 180_000)] } },
        { "group 2 has no scan range", i => i with { Groups = [new(1, 150_000)] } },
        { "instruments are not in strictly ascending order", i => i with { Instruments = [Sample.EthPerp, Sample.BtcPerp] } },
        { "not in strictly ascending", i => i with { Instruments = [Sample.BtcPerp, Sample.BtcPerp] } },
        { "instrument 0: the id", i => i with { Instruments = [Sample.BtcPerp with { Id = 0 }] } },
        { "instrument 262144: the id", i => i with { Instruments = [Sample.BtcPerp with { Id = 1 << 18 }] } },
        { "kind 3", _ => Sample.With(Sample.BtcPerp with { Kind = InstrumentKind.Call }) },
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
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void Each_broken_rule_is_named(string expected, Func<RiskInputs, RiskInputs> change)
    {
        Assert.Null(Sample.Inputs().Validate());
        RiskInputs broken = change(Sample.Inputs());
        // The bytes of the broken inputs exist even where Encode refuses to make them.
        byte[] bytes = RiskInputsCodec.Encode(broken);
        if (expected == "version 2") bytes[0] = 2;
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

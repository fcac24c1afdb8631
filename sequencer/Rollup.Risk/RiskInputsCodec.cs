using System.Buffers.Binary;
using System.Collections.Immutable;
using Rollup.Protocol;

namespace Rollup.Risk;

/// <summary>
/// Bytes of <see cref="RiskInputs"/>, big-endian: version 1 | batch 4 | observedAt 8 | parameters | groups 1, each group 1, range 4 |
/// expiries 1, each group 1, time 8, basis 8, five numbers of the surface of 8, average 8, weight 4 | instruments 2, each id 4, kind 1,
/// flags 1, group 1, index 8, mark 8, open interest 8, and of an option strike 8, expiry 8, of others funding 8.
/// </summary>
internal static class RiskInputsCodec
{
    private static readonly int FixedSize = 1 + 4 + 8 + RiskParameters.Size + 1 + 1 + 2;
    private const int GroupSize = 1 + 4;
    private const int ExpirySize = 1 + 8 + 8 + 5 * 8 + 8 + 4;
    private const int LinearSize = 4 + 1 + 1 + 1 + 4 * 8;
    private const int OptionSize = LinearSize + 8;

    internal static int SizeOf(int groups, int expiries, int linear, int options) =>
        FixedSize + GroupSize * groups + ExpirySize * expiries + LinearSize * linear + OptionSize * options;

    internal static byte[] Encode(RiskInputs inputs)
    {
        int options = inputs.Instruments.Count(t => t.IsOption);
        var bytes = new byte[SizeOf(inputs.Groups.Length, inputs.Expiries.Length, inputs.Instruments.Length - options, options)];
        var to = new Writer(bytes);
        to.Byte(RiskInputs.FormatVersion);
        BinaryPrimitives.WriteUInt32BigEndian(to.Next(4), inputs.Batch);
        to.Int64(inputs.ObservedAt.Milliseconds);
        inputs.Parameters.Encode(to.Next(RiskParameters.Size));
        to.Byte((byte)inputs.Groups.Length);
        foreach (GroupRange g in inputs.Groups)
        {
            to.Byte((byte)g.Group);
            to.Int32(g.ScanRange);
        }

        to.Byte((byte)inputs.Expiries.Length);
        foreach (ExpiryInput e in inputs.Expiries)
        {
            to.Byte((byte)e.Group);
            SviSlice w = e.Surface;
            foreach (long value in (ReadOnlySpan<long>)[e.ExpiresAt.Milliseconds, e.Basis, w.A, w.B, w.Rho, w.M, w.Sigma, e.Average]) to.Int64(value);
            to.Int32(e.Weight);
        }

        BinaryPrimitives.WriteUInt16BigEndian(to.Next(2), (ushort)inputs.Instruments.Length);
        foreach (InstrumentInput t in inputs.Instruments)
        {
            to.Int32(t.Id);
            to.Byte((byte)t.Kind);
            to.Byte((byte)t.Flags);
            to.Byte((byte)t.Group);
            foreach (long value in t.IsOption ? (ReadOnlySpan<long>)[t.Index, t.Mark, t.OpenInterest, t.Strike, t.ExpiresAt.Milliseconds]
                : [t.Index, t.Mark, t.OpenInterest, t.Funding]) to.Int64(value);
        }

        return bytes;
    }

    /// <summary>
    /// Null, or why the bytes are not of this format; ranges are checked by <see cref="RiskInputs.Validate"/>. Where only instruments are wrong, <paramref name="inputs"/> lists them all the same.
    /// </summary>
    internal static string? Decode(ReadOnlySpan<byte> bytes, out RiskInputs inputs)
    {
        inputs = new RiskInputs(0, default, RiskParameters.Default, [], []);
        if (bytes.Length < FixedSize) return $"{bytes.Length} bytes are fewer than the {FixedSize} of empty risk inputs";
        if (bytes.Length > RiskInputs.MaxSize) return $"{bytes.Length} bytes exceed the {RiskInputs.MaxSize} that risk inputs may have";
        if (bytes[0] != RiskInputs.FormatVersion) return $"version {bytes[0]} is not {RiskInputs.FormatVersion}";

        var from = new ByteReader(bytes[1..]);
        uint batch = BinaryPrimitives.ReadUInt32BigEndian(from.Next(4));
        if (!Time(from.Int64(), out Timestamp observedAt)) return "the time of observation is outside 0..2^44-1";
        ReadOnlySpan<byte> parameters = from.Next(RiskParameters.Size);
        if (parameters[0] != RiskParameters.FormatVersion) return $"version {parameters[0]} of the parameters is not {RiskParameters.FormatVersion}";

        int groupCount = from.Byte();
        if (from.Left < GroupSize * groupCount + 1) return "the bytes end inside the groups";
        var groups = ImmutableArray.CreateBuilder<GroupRange>(groupCount);
        for (int i = 0; i < groupCount; i++) groups.Add(new GroupRange(from.Byte(), from.Int32()));

        int expiryCount = from.Byte();
        if (from.Left < ExpirySize * expiryCount + 2) return "the bytes end inside the expiries";
        var expiries = ImmutableArray.CreateBuilder<ExpiryInput>(expiryCount);
        for (int i = 0; i < expiryCount; i++)
        {
            int group = from.Byte();
            if (!Time(from.Int64(), out Timestamp expiresAt)) return $"the time of expiry number {i} is outside 0..2^44-1";
            expiries.Add(new ExpiryInput(group, expiresAt, from.Int64(), new SviSlice(from.Int64(), from.Int64(), from.Int64(), from.Int64(), from.Int64()), from.Int64(), from.Int32()));
        }

        int count = BinaryPrimitives.ReadUInt16BigEndian(from.Next(2));
        if (count > RiskInputs.MaxInstruments) return $"{count} instruments exceed {RiskInputs.MaxInstruments}";
        var instruments = ImmutableArray.CreateBuilder<InstrumentInput>(count);
        string? problem = null;
        for (int i = 0; i < count; i++)
        {
            if (from.Left < LinearSize) return "the bytes end inside the instruments";
            var t = new InstrumentInput(from.Int32(), (InstrumentKind)from.Byte(), (InstrumentFlags)from.Byte(), from.Byte(), from.Int64(), from.Int64(), 0, from.Int64());
            if (t.IsOption)
            {
                if (from.Left < OptionSize - LinearSize + 8) return "the bytes end inside the instruments";
                t = t with { Strike = from.Int64() };
                if (!Time(from.Int64(), out Timestamp expiresAt)) problem ??= $"instrument {t.Id}: the expiry is outside 0..2^44-1";
                t = t with { ExpiresAt = expiresAt };
            }
            else t = t with { Funding = from.Int64() };
            instruments.Add(t);
        }

        if (from.Left != 0) return $"{from.Left} bytes follow the last of {count} instruments";
        inputs = new RiskInputs(batch, observedAt, RiskParameters.Decode(parameters), groups.MoveToImmutable(), instruments.MoveToImmutable()) { Expiries = expiries.MoveToImmutable() };
        return problem;
    }

    private static bool Time(long milliseconds, out Timestamp time)
    {
        bool fits = milliseconds is >= 0 and < 1L << Width.Time;
        time = fits ? Timestamp.FromMilliseconds(milliseconds) : default;
        return fits;
    }

    private ref struct Writer(Span<byte> bytes)
    {
        private Span<byte> rest = bytes;

        public Span<byte> Next(int count)
        {
            Span<byte> next = rest[..count];
            rest = rest[count..];
            return next;
        }

        public void Byte(byte value) => Next(1)[0] = value;
        public void Int32(int value) => BinaryPrimitives.WriteInt32BigEndian(Next(4), value);
        public void Int64(long value) => BinaryPrimitives.WriteInt64BigEndian(Next(8), value);
    }
}

/// <summary>Reads big-endian numbers one after the other. The caller checks that they are there.</summary>
internal ref struct ByteReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> rest = bytes;

    public readonly int Left => rest.Length;

    public ReadOnlySpan<byte> Next(int count)
    {
        ReadOnlySpan<byte> next = rest[..count];
        rest = rest[count..];
        return next;
    }

    public byte Byte() => Next(1)[0];
    public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Next(4));
    public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Next(8));
}

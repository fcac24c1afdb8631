using System.Buffers.Binary;
using System.Collections.Immutable;
using Rollup.Protocol;

namespace Rollup.Risk;

/// <summary>
/// Bytes of <see cref="RiskInputs"/>, big-endian: version 1 | batch 4 | observedAt 8 | five rates of 4 | groups 1, each group 1,
/// range 4 | instruments 2, each id 4, kind 1, flags 1, group 1, index 8, mark 8, funding 8, open interest 8.
/// </summary>
internal static class RiskInputsCodec
{
    private const int FixedSize = 1 + 4 + 8 + 5 * 4 + 1 + 2;
    private const int GroupSize = 1 + 4;
    private const int InstrumentSize = 4 + 1 + 1 + 1 + 4 * 8;

    internal static byte[] Encode(RiskInputs inputs)
    {
        var bytes = new byte[FixedSize + GroupSize * inputs.Groups.Length + InstrumentSize * inputs.Instruments.Length];
        var to = new Cursor(bytes);
        BinaryPrimitives.WriteUInt32BigEndian(to.ByteThen(RiskInputs.FormatVersion, 4), inputs.Batch);
        BinaryPrimitives.WriteInt64BigEndian(to.Next(8), inputs.ObservedAt.Milliseconds);
        RiskParameters p = inputs.Parameters;
        foreach (int rate in (ReadOnlySpan<int>)[p.Basis, p.PerpContingency, p.SpotHaircut, p.ConcentrationPerMillionUsd, p.ConcentrationCap])
            BinaryPrimitives.WriteInt32BigEndian(to.Next(4), rate);
        to.Next(1)[0] = (byte)inputs.Groups.Length;
        foreach (GroupRange g in inputs.Groups) BinaryPrimitives.WriteInt32BigEndian(to.ByteThen((byte)g.Group, 4), g.ScanRange);
        BinaryPrimitives.WriteUInt16BigEndian(to.Next(2), (ushort)inputs.Instruments.Length);
        foreach (InstrumentInput t in inputs.Instruments)
        {
            BinaryPrimitives.WriteInt32BigEndian(to.Next(4), t.Id);
            to.Next(1)[0] = (byte)t.Kind;
            to.Next(1)[0] = (byte)t.Flags;
            to.Next(1)[0] = (byte)t.Group;
            foreach (long value in (ReadOnlySpan<long>)[t.Index, t.Mark, t.Funding, t.OpenInterest])
                BinaryPrimitives.WriteInt64BigEndian(to.Next(8), value);
        }

        return bytes;
    }

    /// <summary>Null, or why the bytes are not of this format; ranges are checked by <see cref="RiskInputs.Validate"/>.</summary>
    internal static string? Decode(ReadOnlySpan<byte> bytes, out RiskInputs inputs)
    {
        inputs = new RiskInputs(0, default, RiskParameters.Default, [], []);
        if (bytes.Length < FixedSize) return $"{bytes.Length} bytes are fewer than the {FixedSize} of empty risk inputs";
        if (bytes[0] != RiskInputs.FormatVersion) return $"version {bytes[0]} is not {RiskInputs.FormatVersion}";
        int groupCount = bytes[FixedSize - 3];
        int at = FixedSize - 2 + GroupSize * groupCount;
        if (bytes.Length < at + 2) return "the bytes end inside the groups";
        int count = BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);
        if (count > RiskInputs.MaxInstruments) return $"{count} instruments exceed {RiskInputs.MaxInstruments}";
        if (bytes.Length != at + 2 + InstrumentSize * count) return $"{bytes.Length} bytes do not hold {groupCount} groups and {count} instruments exactly";

        var from = new Reader(bytes[1..]);
        uint batch = BinaryPrimitives.ReadUInt32BigEndian(from.Next(4));
        long observedAt = from.Int64();
        if (observedAt is < 0 or >= 1L << Width.Time) return $"time {observedAt} is outside 0..2^44-1";
        var parameters = new RiskParameters(from.Int32(), from.Int32(), from.Int32(), from.Int32(), from.Int32());
        from.Next(1);
        var groups = ImmutableArray.CreateBuilder<GroupRange>(groupCount);
        for (int i = 0; i < groupCount; i++) groups.Add(new GroupRange(from.Byte(), from.Int32()));
        from.Next(2);
        var instruments = ImmutableArray.CreateBuilder<InstrumentInput>(count);
        for (int i = 0; i < count; i++)
            instruments.Add(new InstrumentInput(from.Int32(), (InstrumentKind)from.Byte(), (InstrumentFlags)from.Byte(), from.Byte(),
                from.Int64(), from.Int64(), from.Int64(), from.Int64()));
        inputs = new RiskInputs(batch, Timestamp.FromMilliseconds(observedAt), parameters, groups.MoveToImmutable(), instruments.MoveToImmutable());
        return null;
    }

    private ref struct Cursor(Span<byte> bytes)
    {
        private Span<byte> rest = bytes;

        public Span<byte> Next(int count)
        {
            Span<byte> next = rest[..count];
            rest = rest[count..];
            return next;
        }

        public Span<byte> ByteThen(byte value, int count)
        {
            Next(1)[0] = value;
            return Next(count);
        }
    }

    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> rest = bytes;

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
}

using System.Buffers.Binary;
using System.Collections.Immutable;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Oracle;

/// <summary>What a node says of the options of one expiry.</summary>
/// <param name="Expiry">Unix milliseconds.</param>
/// <param name="Basis">Forward / index - 1, in 10^-9.</param>
/// <param name="Surface">Total variance.</param>
public readonly record struct ExpiryReport(long Expiry, long Basis, SviSlice Surface)
{
    /// <summary>The first rule it breaks, or null: the rules of risk inputs, so that what is reported can be used.</summary>
    internal string? Validate(int group, long observedAt)
    {
        if (Expiry is < 1 or >= 1L << Width.Time) return $"expiry {Expiry} is outside 1..2^44-1";
        var inputs = new RiskInputs(0, Timestamp.FromMilliseconds(observedAt), RiskParameters.Default, [new GroupRange(group, GroupRange.Other)], [])
        {
            Expiries = [new ExpiryInput(group, Timestamp.FromMilliseconds(Expiry), Basis, Surface)],
        };
        return inputs.Validate();
    }
}

/// <summary>What a node says of one underlying.</summary>
/// <param name="Group">The margin group.</param>
/// <param name="Index">10^-6 USD a unit.</param>
/// <param name="Confidence">Half width of the interval the index is in, 10^-6 USD a unit; at most the index.</param>
/// <param name="Expiries">Ascending.</param>
public sealed record UnderlyingReport(int Group, long Index, long Confidence, ImmutableArray<ExpiryReport> Expiries)
{
    /// <summary>Indices are below this: about 10^9 USD.</summary>
    public const long IndexBound = 1L << 50;

    /// <summary>The first rule it breaks, or null.</summary>
    public string? Validate(long observedAt)
    {
        if (Group is < 0 or >= 1 << Width.Group) return $"group {Group} is outside 0..15";
        if (Index is < 1 or >= IndexBound) return $"group {Group}: index {Index} is outside 1..2^50-1";
        if (Confidence < 0 || Confidence > Index) return $"group {Group}: confidence {Confidence} is outside 0..index";
        if (Expiries.IsDefault || Expiries.Length > OracleReport.MaxExpiries) return $"group {Group}: more than {OracleReport.MaxExpiries} expiries";
        for (int i = 0; i < Expiries.Length; i++)
        {
            if (i > 0 && Expiries[i - 1].Expiry >= Expiries[i].Expiry) return $"group {Group}: expiries are not in strictly ascending order";
            if (Expiries[i].Validate(Group, observedAt) is { } problem) return $"group {Group}: {problem}";
        }

        return null;
    }
}

/// <summary>
/// One node's observation. Its bytes are canonical, so that a signature over them is a signature over the values: version 1 | node 1 | number 8 |
/// time 8 | underlyings 1, each group 1, index 8, confidence 8, expiries 1, each expiry 8, basis 8, a 8, b 8, rho 8, m 8, sigma 8. Big-endian.
/// </summary>
/// <param name="Node">Place of the node in the committee, from 0.</param>
/// <param name="Number">Strictly increasing for a node, from 1.</param>
/// <param name="ObservedAt">Unix milliseconds of the node's clock.</param>
/// <param name="Underlyings">Ascending by group.</param>
public sealed record OracleReport(int Node, long Number, long ObservedAt, ImmutableArray<UnderlyingReport> Underlyings)
{
    public const byte FormatVersion = 1;
    public const int MaxNodes = 64;
    public const int MaxUnderlyings = 16;
    public const int MaxExpiries = 64;

    private const int FixedSize = 1 + 1 + 8 + 8 + 1;
    private const int UnderlyingSize = 1 + 8 + 8 + 1;
    private const int ExpirySize = 7 * 8;

    /// <summary>No report has more bytes.</summary>
    public const int MaxSize = FixedSize + MaxUnderlyings * (UnderlyingSize + MaxExpiries * ExpirySize);

    /// <summary>The first rule that the report breaks, or null. Only valid reports encode.</summary>
    public string? Validate()
    {
        if (Node is < 0 or >= MaxNodes) return $"node {Node} is outside 0..{MaxNodes - 1}";
        if (Number < 1) return $"number {Number} is not above 0";
        if (ObservedAt is < 1 or >= 1L << Width.Time) return $"time {ObservedAt} is outside 1..2^44-1";
        if (Underlyings.IsDefaultOrEmpty || Underlyings.Length > MaxUnderlyings) return $"a report has 1 to {MaxUnderlyings} underlyings";
        for (int i = 0; i < Underlyings.Length; i++)
        {
            if (i > 0 && Underlyings[i - 1].Group >= Underlyings[i].Group) return "groups are not in strictly ascending order";
            if (Underlyings[i].Validate(ObservedAt) is { } problem) return problem;
        }

        return null;
    }

    /// <summary>The canonical bytes.</summary>
    /// <exception cref="InvalidOperationException">The report is not valid.</exception>
    public byte[] Encode()
    {
        if (Validate() is { } problem) throw new InvalidOperationException($"Oracle report: {problem}.");
        var bytes = new byte[FixedSize + Underlyings.Sum(u => UnderlyingSize + u.Expiries.Length * ExpirySize)];
        int at = 0;
        void Byte(int value) => bytes[at++] = (byte)value;
        void Word(long value)
        {
            BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(at), value);
            at += 8;
        }

        Byte(FormatVersion);
        Byte(Node);
        Word(Number);
        Word(ObservedAt);
        Byte(Underlyings.Length);
        foreach (UnderlyingReport u in Underlyings)
        {
            Byte(u.Group);
            Word(u.Index);
            Word(u.Confidence);
            Byte(u.Expiries.Length);
            foreach (ExpiryReport e in u.Expiries)
                foreach (long value in (ReadOnlySpan<long>)[e.Expiry, e.Basis, e.Surface.A, e.Surface.B, e.Surface.Rho, e.Surface.M, e.Surface.Sigma]) Word(value);
        }

        return bytes;
    }

    /// <summary>Reads canonical bytes; false with the reason for anything that <see cref="Encode"/> does not produce.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out OracleReport report, out string problem)
    {
        report = new OracleReport(0, 0, 0, []);
        problem = Decode(bytes, ref report) ?? report.Validate() ?? "";
        return problem.Length == 0;
    }

    private static string? Decode(ReadOnlySpan<byte> bytes, ref OracleReport report)
    {
        if (bytes.Length is < FixedSize or > MaxSize) return $"{bytes.Length} bytes are outside {FixedSize}..{MaxSize}";
        if (bytes[0] != FormatVersion) return $"version {bytes[0]} is not {FormatVersion}";
        int count = bytes[FixedSize - 1], at = FixedSize;
        if (count > MaxUnderlyings) return $"{count} underlyings exceed {MaxUnderlyings}";
        var underlyings = ImmutableArray.CreateBuilder<UnderlyingReport>(count);
        for (int i = 0; i < count; i++)
        {
            if (bytes.Length - at < UnderlyingSize) return $"the bytes end inside underlying {i}";
            ReadOnlySpan<byte> head = bytes.Slice(at, UnderlyingSize);
            int expiryCount = head[^1];
            at += UnderlyingSize;
            if (bytes.Length - at < expiryCount * ExpirySize) return $"the bytes end inside the expiries of underlying {i}";
            var expiries = ImmutableArray.CreateBuilder<ExpiryReport>(expiryCount);
            for (int e = 0; e < expiryCount; e++, at += ExpirySize)
            {
                ReadOnlySpan<byte> words = bytes.Slice(at, ExpirySize);
                expiries.Add(new ExpiryReport(Word(words, 0), Word(words, 1), new SviSlice(Word(words, 2), Word(words, 3), Word(words, 4), Word(words, 5), Word(words, 6))));
            }

            underlyings.Add(new UnderlyingReport(head[0], Word(head[1..], 0), Word(head[1..], 1), expiries.MoveToImmutable()));
        }

        if (at != bytes.Length) return $"{bytes.Length - at} bytes follow the report";
        report = new OracleReport(bytes[1], Word(bytes[2..], 0), Word(bytes[2..], 1), underlyings.MoveToImmutable());
        return null;
    }

    private static long Word(ReadOnlySpan<byte> bytes, int index) => BinaryPrimitives.ReadInt64BigEndian(bytes[(8 * index)..]);
}

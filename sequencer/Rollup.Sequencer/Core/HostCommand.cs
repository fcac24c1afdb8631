using System.Buffers.Binary;
using Rollup.Api;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Sequencer.Core;

/// <summary>What stands in one journal record: a command of the engine, or a note of the host.</summary>
internal abstract record HostCommand(Timestamp Time);

/// <summary>The configuration that the journal was started under; its first record.</summary>
internal sealed record GenesisCommand(Timestamp Time, byte[] Configuration) : HostCommand(Time);

/// <summary>Time passes.</summary>
internal sealed record TickCommand(Timestamp Time) : HostCommand(Time);

/// <summary>An order, cancel or withdrawal whose signature was verified before it was journaled.</summary>
internal sealed record RequestCommand(Timestamp Time, SignedRequest Request, EddsaSignature Signature) : HostCommand(Time);

/// <summary>The next operation of the vault's queue.</summary>
internal sealed record OperationCommand(Timestamp Time, QueuedOperation Queued) : HostCommand(Time);

/// <summary>A bid in an auction, whose signatures were verified before it was journaled.</summary>
/// <param name="Account">The account that is auctioned.</param>
/// <param name="Orders">1..16, all of one account.</param>
internal sealed record BidCommand(Timestamp Time, int Account, IReadOnlyList<(SignedRequest Request, EddsaSignature Signature)> Orders) : HostCommand(Time);

/// <summary>New prices, and with them an epoch.</summary>
internal sealed record OpenEpochCommand(Timestamp Time, byte[] RiskInputs) : HostCommand(Time);

/// <summary>The newest prices within the epoch.</summary>
internal sealed record LiveRiskCommand(Timestamp Time, byte[] RiskInputs) : HostCommand(Time);

/// <summary>What is permitted from now on, by margin group.</summary>
internal sealed record PermitCommand(Timestamp Time, GroupActions Actions) : HostCommand(Time);

/// <summary>Turns positions of settled instruments into cash, as far as the batch has room.</summary>
internal sealed record ConvertCommand(Timestamp Time) : HostCommand(Time);

/// <summary>Closes the epoch.</summary>
internal sealed record SealCommand(Timestamp Time) : HostCommand(Time);

/// <summary>A view key that its owner disclosed ahead of the registration.</summary>
internal sealed record ViewKeyCommand(Timestamp Time, Fr ViewKey) : HostCommand(Time);

/// <summary>Bytes of a journal record: tag 1 | time 8, big-endian | fields. Field elements are canonical, 32 bytes big-endian.</summary>
internal static class HostCommandCodec
{
    private const byte TickTag = 1, RequestTag = 2, OperationTag = 3, OpenEpochTag = 4, SealTag = 5, LiveRiskTag = 6, PermitTag = 7, ConvertTag = 8, BidTag = 10, GenesisTag = 64, ViewKeyTag = 65;
    private const int HeaderSize = 9;
    private const int SignedSize = 4 * Fr.ByteLength;
    private const int RequestSize = HeaderSize + SignedSize;
    private const int PermitSize = HeaderSize + 8;
    private const int BidSize = HeaderSize + 4;
    private const int OperationSize = HeaderSize + 8 + Operation.Words * Fr.ByteLength + Address.Size + 1 + Fr.ByteLength;

    internal static byte[] Encode(HostCommand command) => command switch
    {
        TickCommand => Header(TickTag, command.Time, HeaderSize),
        SealCommand => Header(SealTag, command.Time, HeaderSize),
        RequestCommand c => Elements(Header(RequestTag, c.Time, RequestSize), HeaderSize, c.Request.Pack(), c.Signature.R8x, c.Signature.R8y, c.Signature.S),
        BidCommand c => EncodeBid(c),
        OpenEpochCommand c => [.. Header(OpenEpochTag, c.Time, HeaderSize), .. c.RiskInputs],
        LiveRiskCommand c => [.. Header(LiveRiskTag, c.Time, HeaderSize), .. c.RiskInputs],
        PermitCommand c => EncodePermit(c),
        ConvertCommand => Header(ConvertTag, command.Time, HeaderSize),
        GenesisCommand c => [.. Header(GenesisTag, c.Time, HeaderSize), .. c.Configuration],
        ViewKeyCommand c => Elements(Header(ViewKeyTag, c.Time, HeaderSize + Fr.ByteLength), HeaderSize, c.ViewKey),
        OperationCommand c => EncodeOperation(c),
        _ => throw new ArgumentException($"{command.GetType().Name} is not journaled.", nameof(command)),
    };

    /// <summary>Inverse of <see cref="Encode"/>.</summary>
    /// <exception cref="FormatException">No command has these bytes.</exception>
    internal static HostCommand Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderSize) throw new FormatException($"a record of {bytes.Length} bytes is shorter than a command");
        long milliseconds = BinaryPrimitives.ReadInt64BigEndian(bytes[1..]);
        if (milliseconds is < 0 or >= 1L << Width.Time) throw new FormatException($"time {milliseconds} is outside 0..2^44-1");
        Timestamp time = Timestamp.FromMilliseconds(milliseconds);
        return (bytes[0], bytes.Length) switch
        {
            (TickTag, HeaderSize) => new TickCommand(time),
            (SealTag, HeaderSize) => new SealCommand(time),
            (OpenEpochTag, _) => new OpenEpochCommand(time, bytes[HeaderSize..].ToArray()),
            (LiveRiskTag, _) => new LiveRiskCommand(time, bytes[HeaderSize..].ToArray()),
            (PermitTag, PermitSize) => new PermitCommand(time, new GroupActions(BinaryPrimitives.ReadUInt64BigEndian(bytes[HeaderSize..]))),
            (ConvertTag, HeaderSize) => new ConvertCommand(time),
            (GenesisTag, _) => new GenesisCommand(time, bytes[HeaderSize..].ToArray()),
            (ViewKeyTag, HeaderSize + Fr.ByteLength) => new ViewKeyCommand(time, Element(bytes, HeaderSize)),
            (RequestTag, RequestSize) when DecodeSigned(bytes[HeaderSize..]) is var (request, signature) => new RequestCommand(time, request, signature),
            (BidTag, > BidSize and <= BidSize + Bound.Positions * SignedSize) when (bytes.Length - BidSize) % SignedSize == 0 => DecodeBid(time, bytes),
            (OperationTag, OperationSize) => DecodeOperation(time, bytes),
            _ => throw new FormatException($"tag {bytes[0]} with {bytes.Length} bytes is no command"),
        };
    }

    private static (SignedRequest Request, EddsaSignature Signature) DecodeSigned(ReadOnlySpan<byte> bytes) => (
        SignedRequest.TryUnpack(Element(bytes, 0), out SignedRequest request) ? request : throw new FormatException("the signed word is malformed"),
        new EddsaSignature(Element(bytes, 32), Element(bytes, 64), Element(bytes, 96)));

    private static byte[] EncodePermit(PermitCommand command)
    {
        byte[] bytes = Header(PermitTag, command.Time, PermitSize);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(HeaderSize), command.Actions.Bits);
        return bytes;
    }

    private static byte[] EncodeBid(BidCommand command)
    {
        byte[] bytes = Header(BidTag, command.Time, BidSize + command.Orders.Count * SignedSize);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(HeaderSize), command.Account);
        for (int i = 0; i < command.Orders.Count; i++)
        {
            (SignedRequest request, EddsaSignature signature) = command.Orders[i];
            Elements(bytes, BidSize + i * SignedSize, request.Pack(), signature.R8x, signature.R8y, signature.S);
        }

        return bytes;
    }

    private static BidCommand DecodeBid(Timestamp time, ReadOnlySpan<byte> bytes)
    {
        int account = BinaryPrimitives.ReadInt32BigEndian(bytes[HeaderSize..]);
        if (account is < 0 or >= 1 << Width.Account) throw new FormatException($"account {account} is outside 0..2^24-1");
        var orders = new (SignedRequest, EddsaSignature)[(bytes.Length - BidSize) / SignedSize];
        for (int i = 0; i < orders.Length; i++) orders[i] = DecodeSigned(bytes[(BidSize + i * SignedSize)..]);
        return new BidCommand(time, account, orders);
    }

    private static byte[] EncodeOperation(OperationCommand command)
    {
        byte[] bytes = Header(OperationTag, command.Time, OperationSize);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(HeaderSize), command.Queued.Index);
        Elements(bytes, HeaderSize + 8, command.Queued.Operation.Encode());
        int at = HeaderSize + 8 + Operation.Words * Fr.ByteLength;
        command.Queued.Depositor.CopyTo(bytes.AsSpan(at));
        bytes[at + Address.Size] = command.Queued.ViewKey is null ? (byte)0 : (byte)1;
        command.Queued.ViewKey.GetValueOrDefault().WriteBigEndian(bytes.AsSpan(at + Address.Size + 1));
        return bytes;
    }

    private static OperationCommand DecodeOperation(Timestamp time, ReadOnlySpan<byte> bytes)
    {
        var words = new Fr[Operation.Words];
        for (int i = 0; i < words.Length; i++) words[i] = Element(bytes, HeaderSize + 8 + i * Fr.ByteLength);
        if (!Operation.TryDecode(words, out Operation operation)) throw new FormatException("the words are no operation");
        ReadOnlySpan<byte> rest = bytes[(HeaderSize + 8 + words.Length * Fr.ByteLength)..];
        Fr? viewKey = rest[Address.Size] switch
        {
            0 => null,
            1 => Element(rest, Address.Size + 1),
            byte flag => throw new FormatException($"view key flag {flag} is neither 0 nor 1"),
        };
        return new OperationCommand(time, new QueuedOperation(BinaryPrimitives.ReadInt64BigEndian(bytes[HeaderSize..]), operation, Address.FromBytes(rest[..Address.Size]), viewKey));
    }

    private static byte[] Header(byte tag, Timestamp time, int size)
    {
        var bytes = new byte[size];
        bytes[0] = tag;
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(1), time.Milliseconds);
        return bytes;
    }

    private static byte[] Elements(byte[] bytes, int at, params ReadOnlySpan<Fr> elements)
    {
        foreach (Fr element in elements)
        {
            element.WriteBigEndian(bytes.AsSpan(at));
            at += Fr.ByteLength;
        }

        return bytes;
    }

    private static Fr Element(ReadOnlySpan<byte> bytes, int at) =>
        Fr.TryFromCanonicalBigEndian(bytes.Slice(at, Fr.ByteLength), out Fr element) ? element : throw new FormatException("a field element is not canonical");
}

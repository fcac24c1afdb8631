using System.Buffers.Binary;
using System.Collections.Immutable;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Gossip;

/// <summary>The topics of one rollup, and the protocol by which nodes ask each other for what they missed (spec 12).</summary>
public sealed class GossipTopics(Fr domain)
{
    private readonly string prefix = $"/rollup/{domain.ToHex()}";

    /// <summary><see cref="BatchAnnouncement"/>.</summary>
    public string Batches => $"{prefix}/batches/1";

    /// <summary><see cref="SignedReceipt"/>.</summary>
    public string Receipts => $"{prefix}/receipts/1";

    /// <summary><see cref="SignedRiskInputs"/>.</summary>
    public string Risk => $"{prefix}/risk/1";

    /// <summary><see cref="SignedReport"/>.</summary>
    public string Reports => $"{prefix}/reports/1";

    public string Fetch => $"{prefix}/fetch/1";

    public IReadOnlyList<string> All => [Batches, Receipts, Risk, Reports];
}

/// <summary>What a sealed batch publishes, before L1 shows it: the words of spec 5.1, the risk inputs, the last receipt.</summary>
public sealed record PublicBatch(ImmutableArray<Fr> Words, ReceiptHead Receipts, ImmutableArray<byte> RiskInputs)
{
    private const byte FormatVersion = 1;
    private const int MaxWords = 1024;
    private const int FixedSize = 1 + 2 + 8 + 32;

    /// <summary>No batch has more bytes.</summary>
    public static readonly int MaxSize = FixedSize + MaxWords * Fr.ByteLength + Rollup.Risk.RiskInputs.MaxSize;

    /// <summary>version 1 | word count 2 | words 32 each | last receipt's number 8, hash 32 | risk inputs; big-endian.</summary>
    public byte[] Encode()
    {
        var bytes = new byte[FixedSize + Words.Length * Fr.ByteLength + RiskInputs.Length];
        bytes[0] = FormatVersion;
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(1), checked((ushort)Words.Length));
        int at = 3;
        foreach (Fr word in Words)
        {
            word.WriteBigEndian(bytes.AsSpan(at));
            at += Fr.ByteLength;
        }

        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(at), Receipts.Number);
        Receipts.Hash.ToBytes().CopyTo(bytes, at + 8);
        RiskInputs.CopyTo(bytes, at + 40);
        return bytes;
    }

    /// <summary>Inverse of <see cref="Encode"/>; false for bytes that no batch has. The words' meaning is not looked at, but for the batch's number.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out PublicBatch batch, out uint number)
    {
        (batch, number) = (new PublicBatch([], default, []), 0);
        if (bytes.Length < FixedSize || bytes.Length > MaxSize || bytes[0] != FormatVersion) return false;
        int count = BinaryPrimitives.ReadUInt16BigEndian(bytes[1..]);
        if (count is < PublicData.FixedWords or > MaxWords || bytes.Length < FixedSize + count * Fr.ByteLength) return false;
        var words = new Fr[count];
        for (int i = 0; i < count; i++)
            if (!Fr.TryFromCanonicalBigEndian(bytes.Slice(3 + i * Fr.ByteLength, Fr.ByteLength), out words[i])) return false;
        ReadOnlySpan<byte> rest = bytes[(3 + count * Fr.ByteLength)..];
        long receipt = BinaryPrimitives.ReadInt64BigEndian(rest);
        if (receipt < 0 || !BatchHeader.TryDecode(words[1], out BatchHeader header)) return false;
        number = header.Batch;
        batch = new PublicBatch([.. words], new ReceiptHead(receipt, Bytes32.FromBytes(rest[8..40])), [.. rest[40..]]);
        return true;
    }
}

/// <summary>The sequencer's word that a batch is sealed. Bytes: batch 4 | size of the data 4 | keccak256 of the data 32 | r, s, v 65; big-endian.</summary>
public readonly record struct BatchAnnouncement(uint Batch, int DataSize, Bytes32 DataHash, EcdsaSignature Signature)
{
    public const int Size = 4 + 4 + 32 + EcdsaSignature.Size;

    public static BatchAnnouncement Sign(uint batch, ReadOnlySpan<byte> data, Fr domain, EthereumKey key)
    {
        var unsigned = new BatchAnnouncement(batch, data.Length, Bytes32.FromBytes(Keccak.Hash256(data)), default);
        return unsigned with { Signature = key.Sign(unsigned.Digest(domain)) };
    }

    public bool IsOf(Fr domain, Address signer) => Secp256k1.TryRecover(Digest(domain), Signature, out Address found) && found == signer;

    /// <summary>Whether these are the data it announces.</summary>
    public bool Covers(ReadOnlySpan<byte> data) => data.Length == DataSize && Bytes32.FromBytes(Keccak.Hash256(data)) == DataHash;

    public byte[] ToBytes() => [.. Body(), .. Signature.ToBytes()];

    /// <summary>Inverse of <see cref="ToBytes"/>; false for bytes that no announcement has.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out BatchAnnouncement announcement)
    {
        announcement = default;
        if (bytes.Length != Size || bytes[^1] is not (27 or 28)) return false;
        uint batch = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        int size = BinaryPrimitives.ReadInt32BigEndian(bytes[4..]);
        if (batch == 0 || size < 1 || size > PublicBatch.MaxSize) return false;
        announcement = new BatchAnnouncement(batch, size, Bytes32.FromBytes(bytes[8..40]), EcdsaSignature.FromBytes(bytes[40..]));
        return true;
    }

    private byte[] Body()
    {
        var bytes = new byte[40];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Batch);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4), DataSize);
        DataHash.ToBytes().CopyTo(bytes, 8);
        return bytes;
    }

    private byte[] Digest(Fr domain) => Keccak.Hash256([.. "rollup-batch-announcement-1"u8, .. domain.ToBigEndianBytes(), .. Body()]);
}

/// <summary>The inputs of an epoch's risk table with the sequencer's signature. Bytes: r, s, v 65 | risk inputs.</summary>
public static class SignedRiskInputs
{
    public static readonly int MaxSize = EcdsaSignature.Size + RiskInputs.MaxSize;

    public static byte[] Sign(ReadOnlySpan<byte> inputs, Fr domain, EthereumKey key) => [.. key.Sign(Digest(inputs, domain)).ToBytes(), .. inputs];

    /// <summary>Reads what <see cref="Sign"/> made with the key of <paramref name="signer"/>; false for anything else.</summary>
    public static bool TryOpen(ReadOnlySpan<byte> bytes, Fr domain, Address signer, out RiskInputs inputs)
    {
        inputs = null!;
        if (bytes.Length <= EcdsaSignature.Size || bytes.Length > MaxSize || bytes[EcdsaSignature.Size - 1] is not (27 or 28)) return false;
        ReadOnlySpan<byte> body = bytes[EcdsaSignature.Size..];
        return Secp256k1.TryRecover(Digest(body, domain), EcdsaSignature.FromBytes(bytes[..EcdsaSignature.Size]), out Address found) && found == signer
            && RiskInputs.TryDecode(body, out inputs, out _);
    }

    private static byte[] Digest(ReadOnlySpan<byte> inputs, Fr domain) => Keccak.Hash256([.. "rollup-risk-table-1"u8, .. domain.ToBigEndianBytes(), .. Keccak.Hash256(inputs)]);
}

using System.Buffers.Binary;
using Rollup.Protocol;

namespace Rollup.Crypto.Settlement;

/// <summary>What the sequencer promises of one accepted request: its place in the order of all (spec 11). The hash is what it signs, and what the next receipt names.</summary>
/// <param name="Number">From 1, without gaps.</param>
/// <param name="OrderHash">Of the request and its signature, <see cref="OrderHashOf"/>.</param>
/// <param name="Time">When it was executed, Unix milliseconds; never falls.</param>
/// <param name="Previous">Hash of the receipt before; zero for the first.</param>
public readonly record struct Receipt(long Number, Bytes32 OrderHash, long Time, Bytes32 Previous)
{
    private const int Words = 8;

    /// <summary>keccak256(word | R8.x | R8.y | S), 32 bytes each: the signature, which only the owner can make, keeps others from guessing the order.</summary>
    public static Bytes32 OrderHashOf(Fr word, in EddsaSignature signature)
    {
        Span<byte> data = stackalloc byte[4 * Fr.ByteLength];
        word.WriteBigEndian(data);
        signature.R8x.WriteBigEndian(data[32..]);
        signature.R8y.WriteBigEndian(data[64..]);
        signature.S.WriteBigEndian(data[96..]);
        return Bytes32.FromBytes(Keccak.Hash256(data));
    }

    /// <summary>keccak256(abi.encode("rollup-receipt", domain, number, orderHash, time, previous)).</summary>
    public Bytes32 HashIn(Fr domain)
    {
        ReadOnlySpan<byte> name = "rollup-receipt"u8;
        Span<byte> data = stackalloc byte[Words * 32];
        data.Clear();
        data[31] = 6 * 32; // Where the string stands: after the six words.
        domain.WriteBigEndian(data[32..]);
        BinaryPrimitives.WriteInt64BigEndian(data[88..], Number);
        OrderHash.ToBytes().CopyTo(data[96..]);
        BinaryPrimitives.WriteInt64BigEndian(data[152..], Time);
        Previous.ToBytes().CopyTo(data[160..]);
        data[223] = (byte)name.Length;
        name.CopyTo(data[224..]);
        return Bytes32.FromBytes(Keccak.Hash256(data));
    }
}

/// <summary>The last receipt of a chain of them; number 0 and hash zero before the first.</summary>
public readonly record struct ReceiptHead(long Number, Bytes32 Hash)
{
    /// <summary>The receipt that follows.</summary>
    public Receipt Next(Bytes32 orderHash, long time) => new(Number + 1, orderHash, time, Hash);
}

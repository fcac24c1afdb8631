using System.Buffers.Binary;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>A receipt with the sequencer's signature over its hash (spec 11). Bytes: number 8 | order hash 32 | time 8 | previous 32 | r, s, v 65; big-endian.</summary>
public readonly record struct SignedReceipt(Receipt Receipt, EcdsaSignature Signature)
{
    public const int Size = 8 + 32 + 8 + 32 + EcdsaSignature.Size;

    public static SignedReceipt Sign(Receipt receipt, Fr domain, EthereumKey key) => new(receipt, key.Sign(receipt.HashIn(domain).ToBytes()));

    /// <summary>Whether <paramref name="signer"/> signed it for this domain.</summary>
    public bool IsOf(Fr domain, Address signer) => Secp256k1.TryRecover(Receipt.HashIn(domain).ToBytes(), Signature, out Address found) && found == signer;

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        BinaryPrimitives.WriteInt64BigEndian(bytes, Receipt.Number);
        Receipt.OrderHash.ToBytes().CopyTo(bytes, 8);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(40), Receipt.Time);
        Receipt.Previous.ToBytes().CopyTo(bytes, 48);
        Signature.ToBytes().CopyTo(bytes, 80);
        return bytes;
    }

    /// <summary>Inverse of <see cref="ToBytes"/>; false for bytes that no receipt has.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out SignedReceipt receipt)
    {
        receipt = default;
        if (bytes.Length != Size || bytes[^1] is not (27 or 28)) return false;
        long number = BinaryPrimitives.ReadInt64BigEndian(bytes), time = BinaryPrimitives.ReadInt64BigEndian(bytes[40..]);
        if (number < 1 || time is < 0 or >= 1L << Width.Time) return false;
        receipt = new SignedReceipt(new Receipt(number, Bytes32.FromBytes(bytes[8..40]), time, Bytes32.FromBytes(bytes[48..80])), EcdsaSignature.FromBytes(bytes[80..]));
        return true;
    }
}

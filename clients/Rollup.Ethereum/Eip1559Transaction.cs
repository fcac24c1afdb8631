using System.Numerics;
using Rollup.Crypto;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>A signed transaction: what is sent, and the hash it will be known by.</summary>
public sealed record SignedTransaction(byte[] Raw, Bytes32 Hash);

/// <summary>A transaction of type 2 (EIP-1559) with an empty access list. Amounts in wei. <see cref="To"/> null creates a contract.</summary>
public sealed record Eip1559Transaction
{
    private const byte Type = 2;

    public required ulong ChainId { get; init; }
    public required ulong Nonce { get; init; }
    public required BigInteger MaxPriorityFeePerGas { get; init; }
    public required BigInteger MaxFeePerGas { get; init; }
    public required ulong GasLimit { get; init; }
    public Address? To { get; init; }
    public BigInteger Value { get; init; }
    public byte[] Data { get; init; } = [];

    /// <summary>The digest that is signed: keccak256(0x02 ‖ rlp(fields)).</summary>
    public byte[] SigningDigest() => Keccak.Hash256([Type, .. Rlp.List(Fields())]);

    public SignedTransaction Sign(EthereumKey key)
    {
        var signature = key.Sign(SigningDigest());
        byte[] raw = [Type, .. Rlp.List([.. Fields(),
            Rlp.Integer(signature.YParity ? 1 : 0),
            Rlp.Integer(new BigInteger(signature.R.ToBytes(), isUnsigned: true, isBigEndian: true)),
            Rlp.Integer(new BigInteger(signature.S.ToBytes(), isUnsigned: true, isBigEndian: true))])];
        return new SignedTransaction(raw, Bytes32.FromBytes(Keccak.Hash256(raw)));
    }

    private byte[][] Fields() =>
    [
        Rlp.Integer(ChainId), Rlp.Integer(Nonce), Rlp.Integer(MaxPriorityFeePerGas), Rlp.Integer(MaxFeePerGas), Rlp.Integer(GasLimit),
        Rlp.Bytes(To is { } to ? to.ToBytes() : []), Rlp.Integer(Value), Rlp.Bytes(Data), Rlp.List(),
    ];
}

using System.Buffers.Binary;
using System.Numerics;
using Rollup.Protocol;

namespace Rollup.Crypto.Settlement;

/// <summary>What a trader signs (spec 4.2): an order, a withdrawal or a cancel, as one 242-bit word.</summary>
/// <param name="Kind">Which of the three.</param>
/// <param name="Flags">8 bits of time in force and execution options; signed, not proven.</param>
/// <param name="IsSell">False = buy.</param>
/// <param name="Instrument">0..2^18-1; for a withdrawal the asset (0 = cash).</param>
/// <param name="Account">0..2^24-1.</param>
/// <param name="Slot">Order slot 0..255.</param>
/// <param name="Size">Lots (atoms for cash), below 2^48.</param>
/// <param name="Limit">Atoms per lot, below 2^35.</param>
/// <param name="FeeRate">Highest fee accepted, 10^-6 of the quote, below 2^20.</param>
/// <param name="Expiry">Unix milliseconds, below 2^44; must be later than the batch's opening.</param>
/// <param name="Nonce">1..2^33-1.</param>
public readonly record struct SignedRequest(
    RowKind Kind, byte Flags, bool IsSell, int Instrument, int Account, byte Slot, long Size, long Limit, int FeeRate, long Expiry, long Nonce)
{
    /// <summary>The packed word.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A field exceeds its width.</exception>
    public Fr Pack() => new WordWriter()
        .Add((uint)Kind, Width.RowKind).Add(Flags, Width.OrderFlags).Add(IsSell ? 1u : 0u, 1)
        .Add((uint)Instrument, Width.Instrument).Add((uint)Account, Width.Account).Add(Slot, Width.Slot)
        .Add((ulong)Size, Width.Fill).Add((ulong)Limit, Width.Price).Add((uint)FeeRate, Width.FeeRate)
        .Add((ulong)Expiry, Width.Time).Add((ulong)Nonce, Width.Nonce).ToField();

    /// <summary>Inverse of <see cref="Pack"/>; false if bits above the word are set or the kind is unknown.</summary>
    public static bool TryUnpack(in Fr word, out SignedRequest request)
    {
        var reader = new WordReader(word);
        request = new SignedRequest(
            (RowKind)reader.ReadInt(Width.RowKind), (byte)reader.ReadInt(Width.OrderFlags), reader.ReadInt(1) != 0,
            reader.ReadInt(Width.Instrument), reader.ReadInt(Width.Account), (byte)reader.ReadInt(Width.Slot),
            (long)reader.Read(Width.Fill), (long)reader.Read(Width.Price), reader.ReadInt(Width.FeeRate),
            (long)reader.Read(Width.Time), (long)reader.Read(Width.Nonce));
        return reader.IsExhausted && Enum.IsDefined(request.Kind);
    }

    /// <summary>The message that is signed: H(domain, word).</summary>
    public Fr Message(in Fr domain) => Poseidon.Hash(domain, Pack());
}

/// <summary>Separates vaults, chains and circuit versions in everything signed (spec 4.1).</summary>
public static class SettlementDomain
{
    /// <summary>
    /// keccak256(abi.encode("rollup-settlement", chainId, vault, circuitVersion)) mod r. A vault starts with <see cref="CircuitVersion.Value"/>, and each upgrade raises its version.
    /// </summary>
    public static Fr Of(BigInteger chainId, Address vault, uint version = CircuitVersion.Value)
    {
        ReadOnlySpan<byte> name = "rollup-settlement"u8;
        // abi.encode of (string, uint256, address, uint256): head of four words, then the string's length and its padded bytes.
        var data = new byte[6 * 32];
        data[31] = 4 * 32;
        byte[] chain = chainId.ToByteArray(isUnsigned: true, isBigEndian: true);
        chain.CopyTo(data.AsSpan(64 - chain.Length));
        vault.CopyTo(data.AsSpan(64 + 12));
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(124), version);
        data[159] = (byte)name.Length;
        name.CopyTo(data.AsSpan(160));
        return Fr.FromBytesReducedBigEndian(Keccak.Hash256(data));
    }
}

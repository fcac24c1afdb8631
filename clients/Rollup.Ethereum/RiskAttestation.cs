using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using Rollup.Crypto;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>
/// What members of the oracle committee sign of a batch (spec 10.6), with their signatures, as the sequencer leaves it for the prover bridge beside the sealed batch. Bytes: version 1 | batch 4 |
/// keccak256 of the risk inputs 32 | risk root 32 | report time 8 | signatures of 65, by ascending address; big-endian.
/// </summary>
/// <param name="ReportTime">Unix milliseconds: when the inputs were observed.</param>
/// <param name="Signatures">65 bytes each.</param>
public sealed record RiskAttestation(uint Batch, Bytes32 InputsHash, Fr RiskRoot, long ReportTime, ImmutableArray<byte> Signatures)
{
    /// <summary>Signatures at most: a committee has no more members.</summary>
    public const int MaxSignatures = 32;

    private const byte FormatVersion = 1;
    private const int FixedSize = 1 + 4 + 32 + 32 + 8;

    /// <summary>The file's name in the spool.</summary>
    public static string NameOf(uint batch) => batch.ToString("D6", CultureInfo.InvariantCulture) + ".attestation";

    /// <summary>keccak256(abi.encode("rollup-risk-inputs", domain, batch, keccak256(riskInputs), riskRoot, reportTime)).</summary>
    public static byte[] Digest(Fr domain, uint batch, Bytes32 inputsHash, Fr riskRoot, long reportTime) => Keccak.Hash256(AbiCodec.Encode(
        [AbiType.Parse("string"), AbiType.Parse("uint256"), AbiType.Parse("uint32"), AbiType.Parse("bytes32"), AbiType.Parse("uint256"), AbiType.Parse("uint64")],
        ["rollup-risk-inputs", domain.ToBigInteger(), batch, inputsHash.ToBytes(), riskRoot.ToBigInteger(), reportTime]));

    /// <summary>With signatures by signer, as many as there may be.</summary>
    public static RiskAttestation Of(uint batch, Bytes32 inputsHash, Fr riskRoot, long reportTime, IEnumerable<KeyValuePair<Address, EcdsaSignature>> signatures) => new(batch, inputsHash, riskRoot, reportTime,
        [.. signatures.OrderBy(s => s.Key.ToString(), StringComparer.Ordinal).Take(MaxSignatures).SelectMany(s => s.Value.ToBytes())]);

    public byte[] ToBytes()
    {
        var bytes = new byte[FixedSize + Signatures.Length];
        bytes[0] = FormatVersion;
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(1), Batch);
        InputsHash.ToBytes().CopyTo(bytes, 5);
        RiskRoot.WriteBigEndian(bytes.AsSpan(37));
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(69), ReportTime);
        Signatures.CopyTo(bytes, FixedSize);
        return bytes;
    }

    /// <summary>Inverse of <see cref="ToBytes"/>; false for bytes that no attestation has. Whether the signatures are any the contract says.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out RiskAttestation attestation)
    {
        attestation = null!;
        if (bytes.Length < FixedSize || bytes[0] != FormatVersion || (bytes.Length - FixedSize) % EcdsaSignature.Size != 0 || bytes.Length - FixedSize > MaxSignatures * EcdsaSignature.Size
            || !Fr.TryFromCanonicalBigEndian(bytes[37..69], out Fr root) || BinaryPrimitives.ReadInt64BigEndian(bytes[69..]) is var time && time is < 0 or >= 1L << Width.Time) return false;
        attestation = new RiskAttestation(BinaryPrimitives.ReadUInt32BigEndian(bytes[1..]), Bytes32.FromBytes(bytes[5..37]), root, time, [.. bytes[FixedSize..]]);
        return true;
    }
}

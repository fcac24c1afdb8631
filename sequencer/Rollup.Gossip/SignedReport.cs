using System.Buffers.Binary;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.Oracle;
using Rollup.Protocol;

namespace Rollup.Gossip;

/// <summary>
/// A report as it travels: its canonical bytes, then 65 bytes of a secp256k1 signature r, s, v over
/// Keccak-256("rollup-oracle-report-1" | chain id 8 | vault 20 | report). Chain and vault keep a report from serving another rollup.
/// </summary>
public static class SignedReport
{
    public const int SignatureSize = 65;
    public const int MaxSize = OracleReport.MaxSize + SignatureSize;

    public static byte[] Sign(EthereumKey key, ulong chainId, Address vault, OracleReport report)
    {
        byte[] bytes = report.Encode();
        return [.. bytes, .. key.Sign(Digest(chainId, vault, bytes)).ToBytes()];
    }

    /// <summary>Reads a signed report and checks that <paramref name="signer"/> signed it.</summary>
    /// <returns>What is wrong, or null.</returns>
    public static string? Open(ReadOnlySpan<byte> bytes, ulong chainId, Address vault, Address signer, out OracleReport report)
    {
        report = new OracleReport(0, 0, 0, []);
        if (bytes.Length is <= SignatureSize or > MaxSize) return $"{bytes.Length} bytes are no signed report";
        ReadOnlySpan<byte> body = bytes[..^SignatureSize];
        try
        {
            EcdsaSignature signature = EcdsaSignature.FromBytes(bytes[^SignatureSize..]);
            if (!Secp256k1.TryRecover(Digest(chainId, vault, body), signature, out Address found) || found != signer) return $"the signature is not of {signer}";
        }
        catch (FormatException error)
        {
            return error.Message;
        }

        return OracleReport.TryDecode(body, out report, out string problem) ? null : problem;
    }

    private static byte[] Digest(ulong chainId, Address vault, ReadOnlySpan<byte> report)
    {
        Span<byte> chain = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(chain, chainId);
        return Keccak.Hash256([.. "rollup-oracle-report-1"u8, .. chain, .. vault.ToBytes(), .. report]);
    }
}

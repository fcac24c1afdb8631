using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Rollup.Groth16;

/// <summary>
/// The secret of a development key: whoever has it can prove anything. Dispose overwrites it; the numbers lie in pinned memory,
/// so that no copy is left behind by the collector.
/// </summary>
public sealed class DevSecret : IDisposable
{
    private const int UniformBytes = 64;

    private readonly Fr[] _values = GC.AllocateArray<Fr>(4, pinned: true);

    private DevSecret(ReadOnlySpan<byte> uniform)
    {
        for (var i = 0; i < _values.Length; i++)
        {
            _values[i] = Fr.FromBytesReducedBigEndian(uniform.Slice(i * UniformBytes, UniformBytes));
            // 0 and 1 are trivial, equal ones are weak; each has a chance of about 2^-254.
            if (_values[i].IsZero || _values[i].IsOne || _values.AsSpan(0, i).Contains(_values[i]))
                throw new InvalidOperationException("The secret is trivial: draw another.");
        }
    }

    internal Fr Alpha => _values[0];

    internal Fr Beta => _values[1];

    internal Fr Delta => _values[2];

    internal Fr Tau => _values[3];

    /// <summary>Draws a secret.</summary>
    public static DevSecret Draw()
    {
        Span<byte> uniform = stackalloc byte[4 * UniformBytes];
        RandomNumberGenerator.Fill(uniform);
        return FromUniform(uniform);
    }

    /// <summary>Derives a secret from a seed, for reproducible keys: alpha, beta, delta, tau from SHA-512 of seed and index.</summary>
    /// <param name="seed">Anything; who knows it knows the secret.</param>
    public static DevSecret FromSeed(string seed)
    {
        Span<byte> uniform = stackalloc byte[4 * UniformBytes];
        for (var i = 0; i < 4; i++)
            SHA512.HashData(Encoding.UTF8.GetBytes($"rollup development key secret {i}:{seed}"), uniform.Slice(i * UniformBytes, UniformBytes));
        return FromUniform(uniform);
    }

    /// <summary>Overwrites the secret.</summary>
    public void Dispose() => CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(_values.AsSpan()));

    private static DevSecret FromUniform(Span<byte> uniform)
    {
        try
        {
            return new DevSecret(uniform);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(uniform);
        }
    }
}

using System.Security.Cryptography;
using Scalar = Rollup.Crypto.PrimeField<Rollup.Crypto.BabyJubJubOrder>;

namespace Rollup.Crypto;

/// <summary>
/// An EdDSA-Poseidon key, equal to circomlibjs' for the same seed: BLAKE-512 of the seed gives the clamped scalar s and a prefix; A = (s/8)·Base8;
/// the nonce of a signature is BLAKE-512(prefix, message), so signatures are deterministic.
/// </summary>
/// <remarks>
/// What holds about side channels: scalar multiplication, reductions and products of secrets run the same instructions on the same addresses for all values,
/// as far as the just-in-time compiler keeps comparisons as flags (it does on x64). Not covered: copies of intermediate values that the runtime leaves on the
/// stack, and power or fault attacks. The seed and what follows from it live in pinned memory, zeroed by <see cref="Dispose"/>.
/// </remarks>
public sealed class EddsaPrivateKey : IDisposable
{
    /// <summary>Bytes of a seed.</summary>
    public const int SeedLength = 32;

    // Seed, clamped scalar, nonce prefix.
    private readonly byte[] _secret = GC.AllocateArray<byte>(3 * SeedLength, pinned: true);
    private bool _disposed;

    /// <summary>Takes a copy of the seed.</summary>
    /// <param name="seed">32 uniformly random bytes.</param>
    /// <exception cref="ArgumentException">Another length.</exception>
    public EddsaPrivateKey(ReadOnlySpan<byte> seed)
    {
        if (seed.Length != SeedLength) throw new ArgumentException($"A seed has {SeedLength} bytes, got {seed.Length}.", nameof(seed));
        seed.CopyTo(_secret);
        Span<byte> expanded = _secret.AsSpan(SeedLength);
        Blake512.Hash(seed, expanded);
        expanded[0] &= 0xF8;
        expanded[31] = (byte)(expanded[31] & 0x7F | 0x40);
        // s/8 mod l: s is a multiple of 8, so the division in the field is the exact one.
        BabyJubJubPoint a = BabyJubJubPoint.MultiplyBase8(SecretScalar * EighthOfOne);
        PublicKey = new(a.X, a.Y);
    }

    /// <summary>The key others verify with.</summary>
    public EddsaPublicKey PublicKey { get; }

    private static Scalar EighthOfOne { get; } = Scalar.FromUInt64(8).Inverse();

    private Scalar SecretScalar => Scalar.FromBytesReducedLittleEndian(_secret.AsSpan(SeedLength, SeedLength));

    /// <summary>Signs: R8 = r·Base8, S = r + H(R8, A, message)·s mod l.</summary>
    /// <param name="message">The field element to sign.</param>
    /// <exception cref="ObjectDisposedException">The key was zeroed.</exception>
    public EddsaSignature Sign(in Fr message)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Span<byte> input = stackalloc byte[SeedLength + Fr.ByteLength];
        Span<byte> hash = stackalloc byte[Blake512.HashLength];
        _secret.AsSpan(2 * SeedLength).CopyTo(input);
        message.WriteLittleEndian(input[SeedLength..]);
        Blake512.Hash(input, hash);
        Scalar nonce = Scalar.FromBytesReducedLittleEndian(hash);
        CryptographicOperations.ZeroMemory(input);
        CryptographicOperations.ZeroMemory(hash);

        BabyJubJubPoint r8 = BabyJubJubPoint.MultiplyBase8(nonce);
        Scalar s = nonce + EddsaPublicKey.Challenge(r8, PublicKey, message) * SecretScalar;
        Span<ulong> limbs = stackalloc ulong[4];
        s.ToCanonical(limbs);
        return new(r8.X, r8.Y, Fr.FromLimbsReduced(limbs[0], limbs[1], limbs[2], limbs[3]));
    }

    /// <summary>Copies the seed out, for an encrypted key store.</summary>
    /// <param name="destination">Receives 32 bytes; the caller zeroes it.</param>
    /// <exception cref="ObjectDisposedException">The key was zeroed.</exception>
    public void CopySeedTo(Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _secret.AsSpan(0, SeedLength).CopyTo(destination);
    }

    /// <summary>Zeroes the secrets.</summary>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_secret);
        _disposed = true;
    }

    /// <summary>The public key; never the seed.</summary>
    public override string ToString() => $"private key of {PublicKey}";
}

namespace Rollup.Groth16;

/// <summary>
/// A Groth16 verification key (J. Groth, "On the Size of Pairing-based Non-interactive Arguments", 2016). An instance is
/// always usable: its points are in their groups, none is infinity, no secret is visibly trivial, and gamma ≠ delta, without
/// which anybody can make proofs.
/// </summary>
public sealed class VerifyingKey : IEquatable<VerifyingKey>
{
    /// <summary>Most public inputs accepted, far above what a verifier contract can afford.</summary>
    public const int MaxPublicInputs = 1024;

    // alpha, beta, gamma, delta.
    private const int FixedEvmLength = EvmEncoding.G1Length + 3 * EvmEncoding.G2Length;

    private readonly G1Point[] _ic;

    /// <summary>Checks and holds a key.</summary>
    /// <param name="alpha1">α in G1.</param>
    /// <param name="beta2">β in G2.</param>
    /// <param name="gamma2">γ in G2.</param>
    /// <param name="delta2">δ in G2.</param>
    /// <param name="ic">For the constant one and each public input i, (β·A_i(τ) + α·B_i(τ) + C_i(τ))/γ in G1.</param>
    /// <exception cref="InvalidKeyException">The key would accept or refuse proofs without regard to the circuit.</exception>
    public VerifyingKey(in G1Point alpha1, in G2Point beta2, in G2Point gamma2, in G2Point delta2, ReadOnlySpan<G1Point> ic)
    {
        Alpha1 = alpha1;
        Beta2 = beta2;
        Gamma2 = gamma2;
        Delta2 = delta2;
        _ic = ic.ToArray();
        if (new KeyPoints(alpha1, beta2, gamma2, delta2, _ic).FindFaults().FirstOrDefault() is { } finding)
            throw new InvalidKeyException(finding.Detail);
    }

    /// <summary>α in G1.</summary>
    public G1Point Alpha1 { get; }

    /// <summary>β in G2.</summary>
    public G2Point Beta2 { get; }

    /// <summary>γ in G2.</summary>
    public G2Point Gamma2 { get; }

    /// <summary>δ in G2.</summary>
    public G2Point Delta2 { get; }

    /// <summary>One point for the constant one, then one a public input.</summary>
    public ReadOnlySpan<G1Point> Ic => _ic;

    /// <summary>Number of public inputs, outputs of the circuit included.</summary>
    public int PublicCount => _ic.Length - 1;

    /// <summary>
    /// The key as the verifier contract's verifyingKey() returns it: 32-byte words alpha x, y; beta, gamma, delta each x.c1, x.c0,
    /// y.c1, y.c0; then x, y of each IC point: 448 + 64·(PublicCount + 1) bytes.
    /// </summary>
    public byte[] ToEvmWords()
    {
        var words = new byte[FixedEvmLength + _ic.Length * EvmEncoding.G1Length];
        var rest = words.AsSpan();
        EvmEncoding.Write(Alpha1, rest);
        rest = rest[EvmEncoding.G1Length..];
        foreach (var point in (ReadOnlySpan<G2Point>)[Beta2, Gamma2, Delta2])
        {
            EvmEncoding.Write(point, rest);
            rest = rest[EvmEncoding.G2Length..];
        }
        for (var i = 0; i < _ic.Length; i++)
            EvmEncoding.Write(_ic[i], rest[(i * EvmEncoding.G1Length)..]);
        return words;
    }

    /// <summary>Reads what <see cref="ToEvmWords"/> writes (without the offset and length that the ABI puts before an array).</summary>
    /// <exception cref="InvalidKeyException">Wrong length, a coordinate not below q, or not a usable key.</exception>
    public static VerifyingKey FromEvmWords(ReadOnlySpan<byte> words)
    {
        var icLength = words.Length - FixedEvmLength;
        if (icLength < EvmEncoding.G1Length || icLength % EvmEncoding.G1Length != 0 || icLength / EvmEncoding.G1Length > MaxPublicInputs + 1)
            throw new InvalidKeyException($"A key of {words.Length} bytes; it has {FixedEvmLength} and {EvmEncoding.G1Length} for each of 1 to {MaxPublicInputs + 1} IC points.");
        var canonical = EvmEncoding.TryRead(words, out G1Point alpha);
        var rest = words[EvmEncoding.G1Length..];
        canonical &= EvmEncoding.TryRead(rest, out G2Point beta);
        canonical &= EvmEncoding.TryRead(rest[EvmEncoding.G2Length..], out G2Point gamma);
        canonical &= EvmEncoding.TryRead(rest[(2 * EvmEncoding.G2Length)..], out G2Point delta);
        rest = rest[(3 * EvmEncoding.G2Length)..];
        var ic = new G1Point[icLength / EvmEncoding.G1Length];
        for (var i = 0; i < ic.Length; i++)
            canonical &= EvmEncoding.TryRead(rest[(i * EvmEncoding.G1Length)..], out ic[i]);
        return canonical
            ? new VerifyingKey(alpha, beta, gamma, delta, ic)
            : throw new InvalidKeyException("A coordinate of the key is not below q.");
    }

    /// <inheritdoc/>
    public bool Equals(VerifyingKey? other) => other is not null
        && Alpha1 == other.Alpha1 && Beta2 == other.Beta2 && Gamma2 == other.Gamma2 && Delta2 == other.Delta2
        && Ic.SequenceEqual(other.Ic);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as VerifyingKey);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Alpha1, Delta2);
}

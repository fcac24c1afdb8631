using Rollup.Groth16.Curve;

namespace Rollup.Groth16;

/// <summary>What is wrong with a key.</summary>
public enum KeyFault
{
    /// <summary>A file cannot be read as what it should be, or has sizes that no key has.</summary>
    Malformed,

    /// <summary>A point is not on its curve, or a coordinate is not below q.</summary>
    PointOffCurve,

    /// <summary>A point is on G2's curve but not in the group of order r.</summary>
    PointOutsideGroup,

    /// <summary>A point that must not be infinity is.</summary>
    PointAtInfinity,

    /// <summary>alpha, beta or delta is the generator: nobody put a secret into it.</summary>
    SecretIsOne,

    /// <summary>gamma equals delta: anybody can make proofs.</summary>
    GammaEqualsDelta,

    /// <summary>Two parts of the key that must hold the same secret do not.</summary>
    PartsDisagree,

    /// <summary>A development key, whose maker can forge proofs, for a chain that is not local.</summary>
    DevelopmentKey,

    /// <summary>Fewer than <see cref="KeyChecker.LeastContributions"/> contributions with a secret, for a chain that is not local.</summary>
    TooFewContributions,

    /// <summary>The key was made for another circuit.</summary>
    OtherCircuit,

    /// <summary>The verification key is of another proving key.</summary>
    OtherVerificationKey,
}

/// <summary>A fault of a key.</summary>
/// <param name="Fault">Its name.</param>
/// <param name="Detail">What exactly, in words.</param>
public sealed record KeyFinding(KeyFault Fault, string Detail);

/// <summary>The points of a verification key before anybody has judged them; the one place that judges them.</summary>
/// <param name="Alpha1">α in G1.</param>
/// <param name="Beta2">β in G2.</param>
/// <param name="Gamma2">γ in G2.</param>
/// <param name="Delta2">δ in G2.</param>
/// <param name="Ic">One point for the constant one, then one a public input.</param>
internal sealed record KeyPoints(G1Point Alpha1, G2Point Beta2, G2Point Gamma2, G2Point Delta2, G1Point[] Ic)
{
    /// <summary>Why the key would accept or refuse proofs without regard to the circuit, if it would.</summary>
    public IEnumerable<KeyFinding> FindFaults()
    {
        if (Ic.Length is 0 or > VerifyingKey.MaxPublicInputs + 1)
            yield return new(KeyFault.Malformed, $"{Ic.Length} IC points; 1 to {VerifyingKey.MaxPublicInputs + 1} are accepted.");
        // gamma is the generator in every key of a ceremony.
        KeyFinding?[] judged = [Judge("alpha", Alpha1, isSecret: true), Judge("beta", Beta2, isSecret: true), Judge("gamma", Gamma2, isSecret: false), Judge("delta", Delta2, isSecret: true)];
        foreach (var finding in judged.OfType<KeyFinding>())
            yield return finding;
        if (Gamma2 == Delta2)
            yield return new(KeyFault.GammaEqualsDelta, "gamma equals delta: anybody can make proofs for this key.");
        for (var i = 0; i < Ic.Length; i++)
        {
            if (Judge($"IC point {i}", Ic[i], isSecret: false) is { } finding)
                yield return finding;
        }
    }

    /// <summary>What is wrong with one point, if anything.</summary>
    /// <param name="name">Its name in the finding.</param>
    /// <param name="point">Any coordinates.</param>
    /// <param name="isSecret">Whether it is a secret's multiple of the generator, which must not be the generator itself.</param>
    public static KeyFinding? Judge<T, TGroup>(string name, in AffinePoint<T, TGroup> point, bool isSecret)
        where T : struct, IEquatable<T>
        where TGroup : struct, IGroup<T> =>
        !point.IsOnCurve ? new(KeyFault.PointOffCurve, $"{name} is not on the curve.")
        : point.IsInfinity ? new(KeyFault.PointAtInfinity, $"{name} is infinity.")
        : !point.IsInGroup ? new(KeyFault.PointOutsideGroup, $"{name} is on the curve, but not in the group of order r.")
        : isSecret && point == AffinePoint<T, TGroup>.Generator ? new(KeyFault.SecretIsOne, $"{name} is the generator: nobody put a secret into it.")
        : null;
}

using System.Security.Cryptography;
using System.Text;
using Rollup.Crypto;
using Rollup.Groth16;
using Rollup.Groth16.Curve;

namespace Rollup.TestSupport;

/// <summary>
/// The verifying key of contracts/test/fixtures/FixtureVerifier.sol, whose secret is small known numbers, and proofs that hold for any
/// public inputs under it: settlement can be tested with the real verifier and no prover.
/// </summary>
public static class KnownKey
{
    /// <summary>Of <see cref="Key"/>; another number gives another key.</summary>
    public const ulong FixtureDelta = 7;

    private static readonly Fr Alpha = Fr.FromUInt64(3), Beta = Fr.FromUInt64(5);
    private static readonly Fr[] Ic = [.. ((ulong[])[11, 13, 17, 19, 23, 37, 41, 43, 47, 53]).Select(Fr.FromUInt64)];
    private const int SettlementInputs = 4;
    private static readonly Fr Gamma = Fr.FromBytesReducedBigEndian(SHA512.HashData(Encoding.ASCII.GetBytes("rollup development key: gamma")));

    public static VerifyingKey Key { get; } = Make(FixtureDelta);

    /// <summary>The key whose delta is another number, or that is for another number of public inputs, up to nine.</summary>
    public static VerifyingKey Make(ulong delta, int inputs = SettlementInputs) => new(
        G1Point.Generator * Alpha, G2Point.Generator * Beta, DevKeys.MarkGamma2, G2Point.Generator * Fr.FromUInt64(delta), [.. Ic.Take(1 + inputs).Select(s => G1Point.Generator * s)]);

    /// <summary>With A = a G1, B = G2, C = c G1 the equation a = alpha beta + gamma s + delta c is solved for a.</summary>
    /// <param name="publicInputs">As many as the key is for.</param>
    /// <param name="c">Makes different proofs of the same inputs.</param>
    /// <param name="delta">Of the key.</param>
    public static Proof Forge(ReadOnlySpan<Fr> publicInputs, ulong c = 29, ulong delta = FixtureDelta)
    {
        Fr s = Ic[0];
        for (int i = 0; i < publicInputs.Length; i++) s += Ic[i + 1] * publicInputs[i];
        Fr free = Fr.FromUInt64(c);
        return new Proof(G1Point.Generator * (Alpha * Beta + Gamma * s + Fr.FromUInt64(delta) * free), G2Point.Generator, G1Point.Generator * free);
    }
}

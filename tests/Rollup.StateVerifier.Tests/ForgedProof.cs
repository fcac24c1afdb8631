using System.Security.Cryptography;
using System.Text;
using Rollup.Groth16;

namespace Rollup.StateVerifier.Tests;

/// <summary>
/// Proofs of any public inputs for the key of contracts/test/fixtures/FixtureVerifier.sol, whose secret is known: real proofs to the real
/// verifier, without a circuit. With A = a G1, B = G2, C = c G1 the equation a = alpha beta + gamma s + delta c can be solved for a.
/// </summary>
internal static class ForgedProof
{
    private const ulong Alpha = 3, Beta = 5, Delta = 7, Free = 29;
    private static readonly ulong[] Ic = [11, 13, 17, 19, 23];
    private static readonly Fr Gamma = Fr.FromBytesReducedBigEndian(SHA512.HashData(Encoding.ASCII.GetBytes("rollup development key: gamma")));

    /// <summary>A key of that secret for four public inputs, or for fewer.</summary>
    public static VerifyingKey Key(int publicInputs = 4) => new(
        G1Point.Generator * Fr.FromUInt64(Alpha), G2Point.Generator * Fr.FromUInt64(Beta), DevKeys.MarkGamma2, G2Point.Generator * Fr.FromUInt64(Delta),
        [.. Ic.Take(1 + publicInputs).Select(scalar => G1Point.Generator * Fr.FromUInt64(scalar))]);

    public static byte[] Make(params ReadOnlySpan<Fr> inputs)
    {
        Fr s = Fr.FromUInt64(Ic[0]);
        for (int i = 0; i < inputs.Length; i++) s += Fr.FromUInt64(Ic[i + 1]) * inputs[i];
        Fr a = Fr.FromUInt64(Alpha * Beta + Delta * Free) + Gamma * s;
        return new Proof(G1Point.Generator * a, G2Point.Generator, G1Point.Generator * Fr.FromUInt64(Free)).ToEvmWords();
    }
}

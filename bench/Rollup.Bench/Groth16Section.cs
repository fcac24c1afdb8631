using System.Diagnostics;
using Rollup.Groth16;
using Rollup.Groth16.Curve;
using Rollup.Groth16.Formats;

namespace Rollup.Bench;

/// <summary>Curve arithmetic and verification on one core; development keys of a synthetic circuit on one core and on all.</summary>
public sealed class Groth16Section : ISection
{
    private const int Constraints = 250_000, TermsPerRow = 6, PublicInputs = SyntheticCircuit.PublicInputs;

    private readonly byte[] _sink = new byte[G2Point.ByteLength];

    /// <inheritdoc/>
    public string Name => "groth16";

    /// <inheritdoc/>
    public void Run(Table table)
    {
        Fr scalar = Fr.FromUInt64(0x9E3779B97F4A7C15).Pow(7);
        G1Point p = G1Point.Generator * scalar;
        G2Point q = G2Point.Generator * scalar.Square();
        table.Time("G1 scalar multiplication", "us", 1, () => (p * scalar).WriteMontgomery(_sink));
        table.Time("G2 scalar multiplication", "us", 1, () => (q * scalar).WriteMontgomery(_sink));
        table.Time("G2 group check", "us", 1, () => Require(q.IsInGroup));
        table.Time("pairing", "us", 1, () => Require(Pairing.Compute(p, q) != Fq12.One));

        var (key, proof, inputs) = Simulate();
        var verifier = new Groth16Verifier(key);
        table.Time($"Groth16 verification, {PublicInputs} public inputs", "us", 1, () => Require(verifier.Verify(proof, inputs).IsValid));

        FixedBase<Fq, Bn254G1>(table, "G1", 200_000);
        FixedBase<Fq2, Bn254G2>(table, "G2", 50_000);

        byte[] file = SyntheticCircuit.File(Constraints, TermsPerRow);
        long start = Stopwatch.GetTimestamp();
        R1cs r1cs = R1csFile.Parse(file, "synthetic");
        table.Add($"read .r1cs, {Constraints} constraints", Stopwatch.GetElapsedTime(start).TotalSeconds, "s");
        foreach (int threads in Environment.ProcessorCount > 1 ? new[] { 1, Environment.ProcessorCount } : [1])
        {
            using var secret = DevSecret.Draw();
            using FileStream zkey = File.Create(Path.GetTempFileName(), 1 << 20, FileOptions.DeleteOnClose);
            start = Stopwatch.GetTimestamp();
            DevKeys.Write(r1cs, secret, zkey, threads);
            table.Add($"development key, {Constraints} constraints, {threads} threads", Stopwatch.GetElapsedTime(start).TotalSeconds, "s");
        }
    }

    private static void FixedBase<T, TGroup>(Table table, string name, int count)
        where T : struct, IEquatable<T>
        where TGroup : struct, IGroup<T>
    {
        var prepared = new FixedBaseTable<T, TGroup>(AffinePoint<T, TGroup>.Generator, 1_000_000, 1);
        var scalars = new Fr[count];
        Fr scalar = Fr.FromUInt64(0x9E3779B97F4A7C15).Pow(5);
        for (int i = 0; i < count; i++)
        {
            scalars[i] = scalar;
            scalar = scalar.Square() + Fr.One;
        }
        var points = new AffinePoint<T, TGroup>[count];
        table.Time($"{name} fixed-base multiplication in a batch", "us", count, () => prepared.Multiply(scalars, points, 1));
    }

    // A key with known exponents and a proof made of them: e(A, B) = e(alpha, beta)·e(S, gamma)·e(C, delta).
    private static (VerifyingKey Key, Proof Proof, Fr[] Inputs) Simulate()
    {
        Fr alpha = Fr.FromUInt64(11), beta = Fr.FromUInt64(12), gamma = Fr.FromUInt64(13), delta = Fr.FromUInt64(14), sum = Fr.FromUInt64(20);
        var inputs = new Fr[PublicInputs];
        var ic = new G1Point[inputs.Length + 1];
        ic[0] = G1Point.Generator * sum;
        for (int i = 0; i < inputs.Length; i++)
        {
            inputs[i] = Fr.FromUInt64(77 + (ulong)i).Pow(99);
            Fr exponent = Fr.FromUInt64(21 + (ulong)i);
            ic[i + 1] = G1Point.Generator * exponent;
            sum += exponent * inputs[i];
        }
        Fr a = Fr.FromUInt64(31), b = Fr.FromUInt64(32);
        Fr c = (a * b - alpha * beta - sum * gamma) * delta.Inverse();
        var key = new VerifyingKey(G1Point.Generator * alpha, G2Point.Generator * beta, G2Point.Generator * gamma, G2Point.Generator * delta, ic);
        return (key, new Proof(G1Point.Generator * a, G2Point.Generator * b, G1Point.Generator * c), inputs);
    }

    private static void Require(bool condition)
    {
        if (!condition)
            throw new InvalidOperationException("The measured code gave a wrong answer.");
    }
}

using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using Rollup.Groth16.Curve;
using Rollup.Groth16.Formats;

namespace Rollup.Groth16;

/// <summary>
/// Development proving keys straight from a constraint system, by a party that knows the secret (J. Groth 2016, section 3.2),
/// in seconds where a ceremony takes hours. Worthless as evidence, and recognisable: every such key, proving and verifying,
/// has <see cref="MarkGamma2"/> as its gamma, so the mark survives in the .zkey, in verification_key.json and in a deployed
/// contract, and cannot be taken off without making the key anew. A ceremony's key has G2's generator there.
/// </summary>
public static class DevKeys
{
    /// <summary>Largest domain: the provers need a root of unity of twice its size, and r - 1 has 28 factors of two.</summary>
    public const int MaxDomainPower = 27;

    private const int PointsPerBlock = 1 << 16;

    // Known to all, which takes nothing from a key whose whole secret is known to its maker.
    private static readonly Fr Gamma = Fr.FromBytesReducedBigEndian(SHA512.HashData(Encoding.ASCII.GetBytes("rollup development key: gamma")));

    /// <summary>The gamma of every development key, in G2.</summary>
    public static G2Point MarkGamma2 { get; } = G2Point.Generator * Gamma;

    /// <summary>Whether a key was made here. Such a key must not be used where anybody relies on it.</summary>
    public static bool IsDevelopment(VerifyingKey key) => IsMark(key.Gamma2);

    /// <summary>Whether a chain is a local one by its number (anvil's and geth's development chains), where development keys may be used.</summary>
    public static bool IsLocalChain(ulong chainId) => chainId is 31337 or 1337;

    internal static bool IsMark(in G2Point gamma) => gamma == MarkGamma2;

    /// <summary>Writes a snarkjs-compatible .zkey for a circuit. Its circuit hash is SHA-512 of the .r1cs file; it has no contributions.</summary>
    /// <param name="r1cs">The circuit.</param>
    /// <param name="secret">The secret; the caller disposes it.</param>
    /// <param name="zkey">Seekable, writable, empty stream.</param>
    /// <param name="parallelism">Threads to use, 1 or more; the file does not depend on it.</param>
    /// <exception cref="ArgumentException">The circuit has no constraints, or more than the field's domain or the verifier can hold.</exception>
    public static void Write(R1cs r1cs, DevSecret secret, Stream zkey, int parallelism = 1)
    {
        var power = QapEvaluation.DomainPower(r1cs);
        if (r1cs.ConstraintCount == 0 || power > MaxDomainPower || r1cs.PublicCount > VerifyingKey.MaxPublicInputs)
            throw new ArgumentException($"{r1cs.ConstraintCount} constraints and {r1cs.PublicCount} public inputs: a key needs 1 or more constraints, at most 2^{MaxDomainPower} of both and {VerifyingKey.MaxPublicInputs} of the latter.", nameof(r1cs));
        var writer = new BinFileWriter(zkey, "zkey", 1, 10);
        WriteHeader(writer, r1cs, secret, power);
        WriteCoefficients(writer, r1cs);
        WritePoints(writer, r1cs, secret, power, parallelism);
        writer.Begin(Zkey.ContributionSection);
        writer.Write(r1cs.ContentHash.Span);
        writer.Write(0u);
        writer.End();
        writer.Complete();
    }

    private static void WriteHeader(BinFileWriter writer, R1cs r1cs, DevSecret secret, int power)
    {
        writer.Begin(Zkey.ProtocolSection);
        writer.Write(Zkey.Groth16);
        writer.End();
        writer.Begin(Zkey.HeaderSection);
        writer.WriteModulus<Crypto.Bn254Base>();
        writer.WriteModulus<Crypto.Bn254Scalar>();
        writer.Write((uint)r1cs.WireCount);
        writer.Write((uint)r1cs.PublicCount);
        writer.Write(1u << power);
        Write(writer, G1Point.Generator * secret.Alpha);
        Write(writer, G1Point.Generator * secret.Beta);
        Write(writer, G2Point.Generator * secret.Beta);
        Write(writer, MarkGamma2);
        Write(writer, G1Point.Generator * secret.Delta);
        Write(writer, G2Point.Generator * secret.Delta);
        writer.End();
    }

    private static void WriteCoefficients(BinFileWriter writer, R1cs r1cs)
    {
        // The files hold v·R², so that one Montgomery product with a plain witness value gives Montgomery form.
        var radix = Fr.FromBigInteger(BigInteger.One << 256);
        var encoded = new byte[(r1cs.Coefficients.Length + 1) * Fr.ByteLength];
        for (var i = 0; i < r1cs.Coefficients.Length; i++)
            (r1cs.Coefficients.Span[i] * radix).WriteMontgomeryLittleEndian(encoded.AsSpan(i * Fr.ByteLength));
        var one = r1cs.Coefficients.Length;
        radix.WriteMontgomeryLittleEndian(encoded.AsSpan(one * Fr.ByteLength));

        writer.Begin(Zkey.CoefficientSection);
        writer.Write((uint)(r1cs.A.TermCount + r1cs.B.TermCount + r1cs.PublicCount + 1));
        for (var row = 0; row < r1cs.ConstraintCount; row++)
        {
            WriteRow(0, r1cs.A, row);
            WriteRow(1, r1cs.B, row);
        }
        for (var s = 0; s <= r1cs.PublicCount; s++)
            WriteTerm(0, r1cs.ConstraintCount + s, s, one);
        writer.End();

        void WriteRow(uint matrix, SparseMatrix terms, int row)
        {
            var wires = terms.Wires(row);
            var coefficients = terms.CoefficientIndices(row);
            for (var i = 0; i < wires.Length; i++)
                WriteTerm(matrix, row, wires[i], coefficients[i]);
        }

        void WriteTerm(uint matrix, int row, int wire, int coefficient)
        {
            writer.Write(matrix);
            writer.Write((uint)row);
            writer.Write((uint)wire);
            writer.Write(encoded.AsSpan(coefficient * Fr.ByteLength, Fr.ByteLength));
        }
    }

    private static void WritePoints(BinFileWriter writer, R1cs r1cs, DevSecret secret, int power, int parallelism)
    {
        var qap = QapEvaluation.At(secret.Tau, r1cs, power);
        var inverseDelta = secret.Delta.Inverse();
        var inverseGamma = Gamma.Inverse();
        var combined = new Fr[r1cs.WireCount];
        for (var s = 0; s < combined.Length; s++)
            combined[s] = (secret.Beta * qap.A[s] + secret.Alpha * qap.B[s] + qap.C[s]) * (s <= r1cs.PublicCount ? inverseGamma : inverseDelta);
        // h = (A·B - C)/Z has degree below n; the prover hands in A·B - C on the n odd points of the doubled domain, and it is
        // zero on the even ones, so these n Lagrange polynomials of the doubled domain carry it to τ.
        var quotient = QapEvaluation.Lagrange(secret.Tau, power + 1, 1, 2, inverseDelta);

        var firstPrivate = r1cs.PublicCount + 1;
        var g1 = new FixedBaseTable<Fq, Bn254G1>(G1Point.Generator, 3 * r1cs.WireCount + quotient.Length, parallelism);
        Section(Zkey.IcSection, g1, combined.AsMemory(0, firstPrivate));
        Section(Zkey.HSection, g1, quotient);
        Section(Zkey.CSection, g1, combined.AsMemory(firstPrivate));
        Section(Zkey.ASection, g1, qap.A);
        Section(Zkey.B1Section, g1, qap.B);
        Section(Zkey.B2Section, new FixedBaseTable<Fq2, Bn254G2>(G2Point.Generator, r1cs.WireCount, parallelism), qap.B);

        // Each of these gives the secret away.
        foreach (var values in (Fr[][])[qap.A, qap.B, qap.C, combined, quotient])
            Array.Clear(values);

        void Section<T, TGroup>(uint id, FixedBaseTable<T, TGroup> table, ReadOnlyMemory<Fr> scalars)
            where T : struct, IEquatable<T>
            where TGroup : struct, IGroup<T>
        {
            writer.Begin(id);
            var points = new AffinePoint<T, TGroup>[Math.Min(PointsPerBlock, scalars.Length)];
            for (var start = 0; start < scalars.Length; start += PointsPerBlock)
            {
                var block = scalars.Slice(start, Math.Min(PointsPerBlock, scalars.Length - start));
                table.Multiply(block, points, parallelism);
                foreach (ref readonly var point in points.AsSpan(0, block.Length))
                    Write(writer, point);
            }
            writer.End();
        }
    }

    private static void Write<T, TGroup>(BinFileWriter writer, in AffinePoint<T, TGroup> point)
        where T : struct, IEquatable<T>
        where TGroup : struct, IGroup<T>
    {
        Span<byte> bytes = stackalloc byte[AffinePoint<T, TGroup>.ByteLength];
        point.WriteMontgomery(bytes);
        writer.Write(bytes);
    }
}

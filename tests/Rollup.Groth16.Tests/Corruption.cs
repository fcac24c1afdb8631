using System.Numerics;

namespace Rollup.Groth16.Tests;

/// <summary>A proof and its public inputs as a call of the contract carries them, and ways to spoil them.</summary>
internal sealed record Corruption(string Name, byte[] Proof, byte[] Public)
{
    private static readonly (string Name, int Offset, int Length)[] Points = [("A", 0, 64), ("B", 64, 128), ("C", 192, 64)];

    /// <summary>Deterministic corruptions that each must be refused: all kinds, then random ones up to the count.</summary>
    public static IEnumerable<Corruption> Of(Proof proof, Fr[] publicInputs, int count)
    {
        var good = new Corruption("good", proof.ToEvmWords(), [.. publicInputs.SelectMany(input => input.ToBigEndianBytes())]);
        var random = new Random(20);
        var made = 0;
        foreach (var corruption in Systematic(good, proof).TakeWhile(_ => made < count))
        {
            made++;
            yield return corruption;
        }
        for (; made < count; made++)
            yield return Random(good, proof, publicInputs, random);
    }

    private static IEnumerable<Corruption> Systematic(Corruption good, Proof proof)
    {
        foreach (var (name, offset, length) in Points)
        {
            yield return good.With($"{name} infinite", bytes => bytes.AsSpan(offset, length).Clear());
            yield return good.With($"{name} all ones", bytes => bytes.AsSpan(offset, length).Fill(0xff));
        }
        yield return good.With("all infinite", bytes => Array.Clear(bytes));
        yield return good with { Name = "A negated", Proof = new Proof(-proof.A, proof.B, proof.C).ToEvmWords() };
        yield return good with { Name = "B negated", Proof = new Proof(proof.A, -proof.B, proof.C).ToEvmWords() };
        yield return good with { Name = "C negated", Proof = new Proof(proof.A, proof.B, -proof.C).ToEvmWords() };
        yield return good with { Name = "A and C negated", Proof = new Proof(-proof.A, proof.B, -proof.C).ToEvmWords() };
        yield return good with { Name = "A and C swapped", Proof = new Proof(proof.C, proof.B, proof.A).ToEvmWords() };
        yield return good with { Name = "generators", Proof = new Proof(G1Point.Generator, G2Point.Generator, G1Point.Generator).ToEvmWords() };
        yield return good.With("B's c0 and c1 swapped", bytes =>
        {
            var copy = bytes.ToArray();
            foreach (var (from, to) in ((int, int)[])[(64, 96), (96, 64), (128, 160), (160, 128)])
                copy.AsSpan(from, 32).CopyTo(bytes.AsSpan(to));
        });
        for (var word = 0; word < 8; word++)
        {
            var at = word * 32;
            yield return good.With($"word {word} + q", bytes => Add(bytes, at, Fq.Modulus));
            yield return good.With($"word {word} = q", bytes => Add(bytes, at, Fq.Modulus - Read(bytes, at)));
        }
        for (var input = 0; input < good.Public.Length / 32; input++)
        {
            var at = input * 32;
            yield return good.WithPublic($"input {input} + r", bytes => Add(bytes, at, Fr.Modulus));
            yield return good.WithPublic($"input {input} + 2r", bytes => Add(bytes, at, 2 * Fr.Modulus));
            yield return good.WithPublic($"input {input} = r", bytes => Add(bytes, at, Fr.Modulus - Read(bytes, at)));
            yield return good.WithPublic($"input {input} + 1", bytes => Add(bytes, at, 1));
            yield return good.WithPublic($"input {input} = 0", bytes => bytes.AsSpan(at, 32).Clear());
        }
        for (var bit = 0; bit < good.Proof.Length * 8; bit++)
            yield return good.With($"proof bit {bit}", bytes => bytes[bit / 8] ^= (byte)(1 << (bit % 8)));
        for (var bit = 0; bit < good.Public.Length * 8; bit++)
            yield return good.WithPublic($"input bit {bit}", bytes => bytes[bit / 8] ^= (byte)(1 << (bit % 8)));
    }

    private static Corruption Random(Corruption good, Proof proof, Fr[] publicInputs, Random random)
    {
        var scalar = Fr.FromUInt64((ulong)random.NextInt64(2, long.MaxValue));
        // The first five kinds cost a full verification each, so they get a share that keeps the test short.
        switch (random.Next(16))
        {
            case 0:
                return good with { Name = "A another point", Proof = new Proof(G1Point.Generator * scalar, proof.B, proof.C).ToEvmWords() };
            case 1:
                return good with { Name = "B another point", Proof = new Proof(proof.A, G2Point.Generator * scalar, proof.C).ToEvmWords() };
            case 2:
                return good with { Name = "C another point", Proof = new Proof(proof.A, proof.B, proof.C + G1Point.Generator * scalar).ToEvmWords() };
            case 3 or 8:
                var outside = TestPoints.OnTwistOutsideGroup((ulong)random.Next(1, 1 << 20));
                return good with { Name = "B outside the group", Proof = new Proof(proof.A, random.Next(2) == 0 ? outside : proof.B + outside, proof.C).ToEvmWords() };
            case 4:
                return good with { Name = "A scaled, B not unscaled", Proof = new Proof(proof.A * scalar, proof.B, proof.C).ToEvmWords() };
            case 5:
                var inputs = publicInputs.ToArray();
                var (i, j) = (random.Next(inputs.Length), random.Next(inputs.Length - 1));
                j += j >= i ? 1 : 0;
                (inputs[i], inputs[j]) = (inputs[j] + scalar, inputs[i] - scalar);
                return good with { Name = $"inputs {i} and {j} changed", Public = [.. inputs.SelectMany(input => input.ToBigEndianBytes())] };
            case 6 or 9 or 10 or 11 or 12:
                return good.With("random words", bytes => random.NextBytes(bytes.AsSpan(32 * random.Next(8), 32)));
            default:
                return good.WithPublic("random input", bytes => random.NextBytes(bytes.AsSpan(32 * random.Next(publicInputs.Length), 32)));
        }
    }

    private Corruption With(string name, Action<byte[]> change)
    {
        var bytes = Proof.ToArray();
        change(bytes);
        return this with { Name = name, Proof = bytes };
    }

    private Corruption WithPublic(string name, Action<byte[]> change)
    {
        var bytes = Public.ToArray();
        change(bytes);
        return this with { Name = name, Public = bytes };
    }

    private static BigInteger Read(byte[] bytes, int at) => new(bytes.AsSpan(at, 32), isUnsigned: true, isBigEndian: true);

    private static void Add(byte[] bytes, int at, BigInteger value)
    {
        var sum = (Read(bytes, at) + value).ToByteArray(isUnsigned: true, isBigEndian: true);
        bytes.AsSpan(at, 32).Clear();
        sum.CopyTo(bytes, at + 32 - sum.Length);
    }
}

using System.Security.Cryptography;
using Rollup.Groth16.Curve;
using Rollup.Groth16.Formats;

namespace Rollup.Groth16;

/// <summary>What a check of a proving key found.</summary>
/// <param name="Info">The key in short; null if the file could not be read as far as that.</param>
/// <param name="CircuitComparison">What was compared with the circuit, and what cannot be; empty if no circuit was given.</param>
/// <param name="Findings">Every fault; none if the key may be used.</param>
public sealed record KeyReport(ZkeyInfo? Info, string CircuitComparison, IReadOnlyList<KeyFinding> Findings);

/// <summary>
/// Says whether a proving key may be trusted, as far as the key alone and its circuit tell. That its points are the ones of the circuit under the ceremony's
/// powers of tau, and that the contributions were made as they are recorded, only those powers show (<c>snarkjs zkey verify</c>).
/// </summary>
public static class KeyChecker
{
    /// <summary>Contributions with a secret that a key needs outside a local chain. A beacon is none: all know it.</summary>
    public const int LeastContributions = 2;

    // The twist's order is r times a number whose smallest factor is 10069, so a sum with coefficients of 16 random bits misses a point outside the group with
    // a chance of 7/65536 at most.
    private const int GroupRounds = 10, PointsPerSum = 1 << 18;

    /// <summary>Checks a key, and finds all its faults.</summary>
    /// <param name="zkey">The proving key.</param>
    /// <param name="r1cs">The circuit it should be for, or null.</param>
    /// <param name="verificationKey">The verification_key.json that should be its own, or null.</param>
    /// <param name="isLocalChain">Whether it is for a local chain, where development keys and keys without contributions may be used.</param>
    /// <param name="parallelism">Threads to use, 1 or more.</param>
    /// <param name="cancellation">Stops the check.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static KeyReport Check(string zkey, string? r1cs, string? verificationKey, bool isLocalChain, int parallelism, CancellationToken cancellation = default)
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = parallelism, CancellationToken = cancellation };
        var findings = new List<KeyFinding>();
        var offCurve = new List<BinaryFormatException>();
        ZkeyInfo? info = null;
        var comparison = "";
        Attempt(() =>
        {
            using var key = Zkey.OpenUnjudged(zkey, offCurve);
            Attempt(() => FindFaultsOfPoints(key, offCurve, findings, options));
            if (verificationKey is not null)
                Attempt(() => CompareVerificationKey(key, verificationKey, findings));
            info = key.ReadInfo();
            FindFaultsOfCeremony(key, info, isLocalChain, findings);
            if (r1cs is not null)
                comparison = CompareCircuit(key, info, R1csFile.Load(r1cs), r1cs, findings);
        });
        return new(info, comparison, [.. findings.Distinct()]);

        void Attempt(Action part)
        {
            try
            {
                part();
            }
            catch (BinaryFormatException error)
            {
                findings.Add(new(KeyFault.Malformed, error.Message));
            }
        }
    }

    private static void FindFaultsOfPoints(Zkey key, List<BinaryFormatException> offCurve, List<KeyFinding> findings, ParallelOptions options)
    {
        var scanned = KeyScan.FindFaults(key, options);
        findings.AddRange(offCurve.Concat(scanned).Select(error => new KeyFinding(
            error.Section == Zkey.CoefficientSection ? KeyFault.Malformed : KeyFault.PointOffCurve, error.Message)));
        KeyFinding?[] judged = [.. key.Points.FindFaults(), KeyPoints.Judge("beta in G1", key.Beta1, isSecret: true), KeyPoints.Judge("delta in G1", key.Delta1, isSecret: true)];
        // Those off the curve were found already, with their places.
        findings.AddRange(judged.OfType<KeyFinding>().Where(finding => finding.Fault != KeyFault.PointOffCurve));
        if (offCurve.Count + scanned.Count > 0)
            return;

        if (!B2IsInGroup(key, options))
            findings.Add(new(KeyFault.PointOutsideGroup, $"A point of section {Zkey.B2Section} is on the curve, but not in the group of order r."));
        if (!HaveSameSecret(key.Beta1, key.Points.Beta2))
            findings.Add(new(KeyFault.PartsDisagree, "beta in G1 is not beta in G2."));
        if (!HaveSameSecret(key.Delta1, key.Points.Delta2))
            findings.Add(new(KeyFault.PartsDisagree, "delta in G1 is not delta in G2."));
    }

    private static void FindFaultsOfCeremony(Zkey key, ZkeyInfo info, bool isLocalChain, List<KeyFinding> findings)
    {
        if (info.Contributions is [.., var last] && last.DeltaAfter != key.Delta1)
            findings.Add(new(KeyFault.PartsDisagree, "delta is not what the last contribution left: the record is of another key."));
        if (isLocalChain)
            return;
        if (info.IsDevelopment)
            findings.Add(new(KeyFault.DevelopmentKey, "A development key: whoever made it can forge proofs."));
        var secrets = info.Contributions.Count(contribution => !contribution.IsBeacon);
        if (secrets < LeastContributions)
            findings.Add(new(KeyFault.TooFewContributions, $"{secrets} contributions with a secret; {LeastContributions} are the least, so that nobody alone knows it."));
    }

    private static string CompareCircuit(Zkey key, ZkeyInfo info, R1cs circuit, string name, List<KeyFinding> findings)
    {
        var counts = findings.Count;
        Compare("wires", key.WireCount, circuit.WireCount);
        Compare("public inputs", key.PublicCount, circuit.PublicCount);
        Compare("constraints", info.ConstraintCount, circuit.ConstraintCount);
        if (findings.Count == counts && CompareCoefficients(key, circuit) is { } difference)
            findings.Add(new(KeyFault.OtherCircuit, $"{name}: {difference}"));
        if (!info.IsDevelopment)
            return "numbers of wires, public inputs and constraints, every coefficient of A and B; not C, of which the key holds no coefficients, "
                + "and not its circuit hash, which is of the ceremony's first key: `snarkjs zkey verify` checks both with the powers of tau";
        if (!info.CircuitHash.Span.SequenceEqual(circuit.ContentHash.Span))
            findings.Add(new(KeyFault.OtherCircuit, $"{name}: its SHA-512 is not the key's circuit hash."));
        return "circuit hash (SHA-512 of the .r1cs), numbers of wires, public inputs and constraints, every coefficient of A and B";

        void Compare(string what, int ofKey, int ofCircuit)
        {
            if (ofKey != ofCircuit)
                findings.Add(new(KeyFault.OtherCircuit, $"{name}: {ofCircuit} {what}; the key has {ofKey}."));
        }
    }

    // Each coefficient of the key must be a term of the circuit that no other has taken; the order within the section is free.
    private static string? CompareCoefficients(Zkey key, R1cs circuit)
    {
        var taken = (A: new bool[circuit.A.TermCount], B: new bool[circuit.B.TermCount], Public: new bool[circuit.PublicCount + 1]);
        var count = 0L;
        foreach (var coefficient in key.ReadCoefficients())
        {
            var row = coefficient.Constraint - circuit.ConstraintCount;
            var isTerm = row < 0
                ? coefficient.IsB ? Take(circuit.B, taken.B, coefficient) : Take(circuit.A, taken.A, coefficient)
                : !coefficient.IsB && row == coefficient.Wire && row < taken.Public.Length && coefficient.Value.IsOne && !taken.Public[row];
            if (!isTerm)
                return $"has no such coefficient of wire {coefficient.Wire} in constraint {coefficient.Constraint} of {(coefficient.IsB ? "B" : "A")} as the key.";
            if (row >= 0)
                taken.Public[row] = true;
            count++;
        }
        var missing = taken.A.Length + (long)taken.B.Length + taken.Public.Length - count;
        return missing == 0 ? null : $"has {missing} coefficients that the key has not.";

        bool Take(SparseMatrix matrix, bool[] takenTerms, in ZkeyCoefficient coefficient)
        {
            var wires = matrix.Wires(coefficient.Constraint);
            var values = matrix.CoefficientIndices(coefficient.Constraint);
            var before = matrix.TermsBefore(coefficient.Constraint);
            for (var i = 0; i < wires.Length; i++)
            {
                if (wires[i] != coefficient.Wire || takenTerms[before + i] || circuit.Coefficients.Span[values[i]] != coefficient.Value)
                    continue;
                return takenTerms[before + i] = true;
            }
            return false;
        }
    }

    private static void CompareVerificationKey(Zkey key, string file, List<KeyFinding> findings)
    {
        try
        {
            var other = SnarkJson.ReadVerifyingKey(SnarkJson.ReadFile(file), file);
            var points = key.Points;
            if ((other.Alpha1, other.Beta2, other.Gamma2, other.Delta2) != (points.Alpha1, points.Beta2, points.Gamma2, points.Delta2) || !other.Ic.SequenceEqual(points.Ic))
                findings.Add(new(KeyFault.OtherVerificationKey, $"{file} is not the verification key of this proving key."));
        }
        catch (InvalidKeyException error)
        {
            findings.Add(new(KeyFault.OtherVerificationKey, error.Message));
        }
    }

    private static bool HaveSameSecret(in G1Point first, in G2Point second) =>
        Pairing.Product([(first, G2Point.Generator), (-G1Point.Generator, second)]) == Fq12.One;

    private static bool B2IsInGroup(Zkey key, ParallelOptions options)
    {
        for (var first = 0; first < key.WireCount; first += PointsPerSum)
        {
            var points = new G2Point[Math.Min(PointsPerSum, key.WireCount - first)];
            key.ReadB2(first, points);
            var coefficients = new ulong[4 * points.Length];
            var random = new byte[2 * points.Length];
            for (var round = 0; round < GroupRounds; round++)
            {
                RandomNumberGenerator.Fill(random);
                for (var i = 0; i < points.Length; i++)
                    coefficients[4 * i] = (uint)(random[2 * i] | random[2 * i + 1] << 8);
                if (!MultiScalar.Sum(points, coefficients, options).ToAffine().IsInGroup)
                    return false;
            }
        }
        return true;
    }
}

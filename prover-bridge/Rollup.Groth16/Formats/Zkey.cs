using System.Security.Cryptography;
using System.Text;

namespace Rollup.Groth16.Formats;

/// <summary>A step of the ceremony, as section 10 records it.</summary>
/// <param name="Name">What the contributor called it; may be empty.</param>
/// <param name="IsBeacon">True for a public random beacon, false for a contribution with a secret.</param>
/// <param name="DeltaAfter">δ in G1 after it.</param>
public sealed record ZkeyContribution(string Name, bool IsBeacon, G1Point DeltaAfter);

/// <summary>What can be said of a proving key without its circuit.</summary>
/// <param name="WireCount">Wires of the circuit, the constant one included.</param>
/// <param name="PublicCount">Public inputs, outputs of the circuit included.</param>
/// <param name="DomainSize">Size of the evaluation domain, a power of two above constraints and public inputs together.</param>
/// <param name="ConstraintCount">Constraints of the circuit.</param>
/// <param name="Contributions">Contributions to phase 2, first to last.</param>
/// <param name="CircuitHash">64 bytes: snarkjs's Blake2b over its initial key, or for a development key SHA-512 of the .r1cs file.</param>
/// <param name="IsDevelopment">True for a key of <see cref="DevKeys"/>: its secret is known, it proves nothing to anybody.</param>
/// <param name="FileHash">SHA-256 of the whole file.</param>
public sealed record ZkeyInfo(
    int WireCount, int PublicCount, int DomainSize, int ConstraintCount, IReadOnlyList<ZkeyContribution> Contributions,
    ReadOnlyMemory<byte> CircuitHash, bool IsDevelopment, ReadOnlyMemory<byte> FileHash);

/// <summary>A coefficient of A or B (section 4).</summary>
/// <param name="IsB">Matrix B rather than A.</param>
/// <param name="Constraint">Row, below the domain's size.</param>
/// <param name="Wire">Column.</param>
/// <param name="Value">The coefficient itself.</param>
public readonly record struct ZkeyCoefficient(bool IsB, int Constraint, int Wire, Fr Value);

/// <summary>
/// An opened snarkjs .zkey (version 1, Groth16, BN254). Sections: 1 protocol, 2 header, 3 IC, 4 coefficients of A and B,
/// 5 A in G1, 6 B in G1, 7 B in G2, 8 (β·A + α·B + C)/δ of the private wires, 9 Lagrange polynomials of the odd half of the
/// doubled domain over δ, 10 contributions. Points are affine, Montgomery, little-endian; coefficients carry R².
/// </summary>
public sealed class Zkey : IDisposable
{
    /// <summary>Section ids of point sections.</summary>
    public const uint IcSection = 3, ASection = 5, B1Section = 6, B2Section = 7, CSection = 8, HSection = 9;

    internal const uint ProtocolSection = 1, HeaderSection = 2, CoefficientSection = 4, ContributionSection = 10;
    internal const uint Groth16 = 1;
    internal const int CoefficientBytes = 3 * sizeof(uint) + Fr.ByteLength;

    // (2^256)^-1: a stored coefficient is read as its Montgomery form and once more divided by R.
    internal static readonly Fr InverseOfR = Fr.FromBigInteger(System.Numerics.BigInteger.One << 256).Inverse();

    private const int MaxContributions = 10_000, MaxParameterBytes = 4096, TranscriptBytes = 64, CircuitHashBytes = 64;

    private readonly BinFile _file;
    private VerifyingKey? _verifyingKey;

    private Zkey(BinFile file, ICollection<BinaryFormatException>? offCurve)
    {
        _file = file;
        var protocol = file.Read(ProtocolSection);
        if (protocol.ReadUInt32() is var id && id != Groth16)
            throw protocol.Error($"protocol {id} is not Groth16 ({Groth16})", protocol.Offset - sizeof(uint));
        protocol.RequireEnd();

        var header = file.Read(HeaderSection);
        header.RequireModulus<Crypto.Bn254Base>("base field");
        header.RequireModulus<Crypto.Bn254Scalar>("scalar field");
        WireCount = header.ReadCount("wires", R1csFile.MaxCount);
        PublicCount = header.ReadCount("public inputs", VerifyingKey.MaxPublicInputs);
        if (PublicCount >= WireCount)
            throw header.Error($"{PublicCount} public inputs among {WireCount} wires");
        DomainSize = header.ReadCount("points of the domain", 1 << DevKeys.MaxDomainPower);
        if (!System.Numerics.BitOperations.IsPow2(DomainSize))
            throw header.Error($"the domain's size {DomainSize} is not a power of two", header.Offset - sizeof(uint));
        if (DomainSize < PublicCount + 2)
            throw header.Error($"a domain of {DomainSize} points has no room for a constraint and the rows of {PublicCount} public inputs", header.Offset - sizeof(uint));
        Alpha1 = ReadPoint<Fq, Curve.Bn254G1>(header, offCurve);
        Beta1 = ReadPoint<Fq, Curve.Bn254G1>(header, offCurve);
        var beta2 = ReadPoint<Curve.Fq2, Curve.Bn254G2>(header, offCurve);
        var gamma2 = ReadPoint<Curve.Fq2, Curve.Bn254G2>(header, offCurve);
        Delta1 = ReadPoint<Fq, Curve.Bn254G1>(header, offCurve);
        var delta2 = ReadPoint<Curve.Fq2, Curve.Bn254G2>(header, offCurve);
        header.RequireEnd();

        RequireLength(IcSection, PublicCount + 1, G1Point.ByteLength);
        RequireLength(ASection, WireCount, G1Point.ByteLength);
        RequireLength(B1Section, WireCount, G1Point.ByteLength);
        RequireLength(B2Section, WireCount, G2Point.ByteLength);
        RequireLength(CSection, WireCount - PublicCount - 1, G1Point.ByteLength);
        RequireLength(HSection, DomainSize, G1Point.ByteLength);

        var ic = new G1Point[PublicCount + 1];
        ReadPoints<Fq, Curve.Bn254G1>(IcSection, 0, ic, offCurve);
        Points = new KeyPoints(Alpha1, beta2, gamma2, delta2, ic);
    }

    /// <summary>Wires of the circuit, the constant one included.</summary>
    public int WireCount { get; }

    /// <summary>Public inputs, outputs of the circuit included.</summary>
    public int PublicCount { get; }

    /// <summary>Size of the evaluation domain, a power of two.</summary>
    public int DomainSize { get; }

    /// <summary>α in G1.</summary>
    public G1Point Alpha1 { get; }

    /// <summary>β in G1.</summary>
    public G1Point Beta1 { get; }

    /// <summary>δ in G1.</summary>
    public G1Point Delta1 { get; }

    /// <summary>The verification key of this proving key.</summary>
    /// <exception cref="InvalidKeyException">It must not be used; never thrown by a key of <see cref="Open"/> or <see cref="Parse"/>.</exception>
    public VerifyingKey VerifyingKey => _verifyingKey ??= new VerifyingKey(Points.Alpha1, Points.Beta2, Points.Gamma2, Points.Delta2, Points.Ic);

    /// <summary>The points of the verification key, judged or not.</summary>
    internal KeyPoints Points { get; }

    /// <summary>Opens a key: reads its header and IC, and checks the length of every section of points.</summary>
    /// <exception cref="BinaryFormatException">The file is malformed, of another protocol or of another curve.</exception>
    /// <exception cref="InvalidKeyException">The verification key in it must not be used.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Zkey Open(string path) => Create(BinFile.Open(path, "zkey", 1), null);

    /// <summary>As <see cref="Open"/>, over bytes in memory.</summary>
    public static Zkey Parse(ReadOnlyMemory<byte> content, string name) => Create(BinFile.Parse(content, name, "zkey", 1), null);

    /// <summary>Opens a key that may be one that must not be used: for a check that finds all its faults.</summary>
    /// <param name="path">The .zkey file.</param>
    /// <param name="offCurve">Receives the points of header and IC that are not on their curve.</param>
    /// <exception cref="BinaryFormatException">The file is malformed otherwise, of another protocol or of another curve.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    internal static Zkey OpenUnjudged(string path, ICollection<BinaryFormatException> offCurve) => Create(BinFile.Open(path, "zkey", 1), offCurve);

    /// <summary>Reads points of G1 from section IC, A, B1, C or H, and checks that they are on the curve.</summary>
    /// <param name="section">One of the section constants.</param>
    /// <param name="first">Index of the first point wanted.</param>
    /// <param name="points">Receives as many points as it is long.</param>
    public void ReadPoints(uint section, int first, Span<G1Point> points) => ReadPoints<Fq, Curve.Bn254G1>(section, first, points);

    /// <summary>Reads points of section B2, and checks that they are on the curve (not that they are in the group).</summary>
    /// <param name="first">Index of the first point wanted.</param>
    /// <param name="points">Receives as many points as it is long.</param>
    public void ReadB2(int first, Span<G2Point> points) => ReadPoints<Curve.Fq2, Curve.Bn254G2>(B2Section, first, points);

    /// <summary>Reads section 4: the rows of A and B, among them a row of A for the constant one and each public input.</summary>
    public IEnumerable<ZkeyCoefficient> ReadCoefficients()
    {
        var reader = _file.Read(CoefficientSection);
        var count = reader.ReadUInt32();
        if (reader.Remaining != count * (long)CoefficientBytes)
            throw reader.Error($"{count} coefficients need {count * (long)CoefficientBytes} bytes, the section has {reader.Remaining} left");
        for (var i = 0u; i < count; i++)
        {
            var at = reader.Offset;
            var (matrix, constraint, wire) = (reader.ReadUInt32(), reader.ReadUInt32(), reader.ReadUInt32());
            if (matrix > 1 || constraint >= DomainSize || wire >= WireCount)
                throw reader.Error($"coefficient of matrix {matrix}, constraint {constraint}, wire {wire}; there are 2 matrices, {DomainSize} rows, {WireCount} wires", at);
            if (!Fr.TryFromMontgomeryLittleEndian(reader.ReadBytes(Fr.ByteLength), out var value))
                throw reader.Error("a coefficient is not below r", at);
            yield return new ZkeyCoefficient(matrix == 1, (int)constraint, (int)wire, value * InverseOfR);
        }
    }

    /// <summary>Reads the whole file for a summary.</summary>
    /// <exception cref="BinaryFormatException">Coefficients or contributions are malformed.</exception>
    public ZkeyInfo ReadInfo()
    {
        var lastRow = -1;
        foreach (var coefficient in ReadCoefficients())
            lastRow = Math.Max(lastRow, coefficient.Constraint);
        if (lastRow < PublicCount)
            throw new BinaryFormatException(_file.Name, CoefficientSection, _file.Locate(CoefficientSection).Start, "the rows of the public inputs are missing");
        var (circuitHash, contributions) = ReadContributions();
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        _file.CopyTo(sha.AppendData);
        return new ZkeyInfo(
            WireCount, PublicCount, DomainSize, lastRow - PublicCount, contributions, circuitHash,
            DevKeys.IsMark(Points.Gamma2), sha.GetHashAndReset());
    }

    /// <inheritdoc cref="BinFile.Map"/>
    internal MappedFile Map() => _file.Map();

    /// <summary>Start in the file and length in bytes of a section.</summary>
    internal (long Start, long Length) Locate(uint section) => _file.Locate(section);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static Zkey Create(BinFile file, ICollection<BinaryFormatException>? offCurve)
    {
        try
        {
            var key = new Zkey(file, offCurve);
            if (offCurve is null)
                _ = key.VerifyingKey;
            return key;
        }
        catch (InvalidKeyException error)
        {
            file.Dispose();
            throw new InvalidKeyException($"{file.Name}: {error.Message}");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private void RequireLength(uint section, long points, int bytesEach)
    {
        var (start, length) = _file.Locate(section);
        if (length != points * bytesEach)
            throw new BinaryFormatException(_file.Name, section, start, $"the section has {length} bytes; {points} points need {points * bytesEach}");
    }

    private void ReadPoints<T, TGroup>(uint section, int first, Span<Curve.AffinePoint<T, TGroup>> points, ICollection<BinaryFormatException>? offCurve = null)
        where T : struct, IEquatable<T>
        where TGroup : struct, Curve.IGroup<T>
    {
        var reader = _file.Read(section, first * (long)Curve.AffinePoint<T, TGroup>.ByteLength);
        for (var i = 0; i < points.Length; i++)
            points[i] = ReadPoint<T, TGroup>(reader, offCurve);
    }

    // Off the curve, a point is an error, or is noted and given out as it is.
    private static Curve.AffinePoint<T, TGroup> ReadPoint<T, TGroup>(SectionReader reader, ICollection<BinaryFormatException>? offCurve)
        where T : struct, IEquatable<T>
        where TGroup : struct, Curve.IGroup<T>
    {
        var at = reader.Offset;
        if (Curve.AffinePoint<T, TGroup>.TryReadMontgomery(reader.ReadBytes(Curve.AffinePoint<T, TGroup>.ByteLength), out var point))
            return point;
        var error = reader.Error("a point is not on the curve, or a coordinate is not below q", at);
        if (offCurve is null)
            throw error;
        offCurve.Add(error);
        return point;
    }

    private (byte[] CircuitHash, List<ZkeyContribution> Contributions) ReadContributions()
    {
        var reader = _file.Read(ContributionSection);
        var circuitHash = reader.ReadBytes(CircuitHashBytes).ToArray();
        var count = reader.ReadCount("contributions", MaxContributions);
        var contributions = new List<ZkeyContribution>();
        for (var i = 0; i < count; i++)
        {
            var delta = ReadPoint<Fq, Curve.Bn254G1>(reader, null);
            // The secret's proof of knowledge (two points of G1, one of G2), the transcript's hash.
            reader.ReadBytes(2 * G1Point.ByteLength + G2Point.ByteLength + TranscriptBytes);
            var type = reader.ReadUInt32();
            if (type > 1)
                throw reader.Error($"contribution {i} is of unknown type {type}", reader.Offset - sizeof(uint));
            var length = reader.ReadCount("bytes of parameters", MaxParameterBytes);
            contributions.Add(new ZkeyContribution(ReadName(reader, length), type == 1, delta));
        }
        reader.RequireEnd();
        return (circuitHash, contributions);
    }

    // Parameters: 1, length, name in UTF-8; 2, a byte of iterations; 3, length, the beacon. All optional, in this order.
    private static string ReadName(SectionReader reader, int length)
    {
        var at = reader.Offset;
        var bytes = reader.ReadBytes(length);
        return bytes.IsEmpty || bytes[0] != 1 ? ""
            : bytes.Length >= 2 && bytes[1] <= bytes.Length - 2 ? Encoding.UTF8.GetString(bytes.Slice(2, bytes[1]))
            : throw reader.Error("a contribution's name is longer than its parameters", at);
    }
}

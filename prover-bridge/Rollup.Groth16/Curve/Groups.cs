using System.Runtime.CompilerServices;

namespace Rollup.Groth16.Curve;

/// <summary>
/// One of BN254's two groups of order r: arithmetic of its coordinates, and the constants of y² = x³ + b. Implemented by empty
/// structs, so that the points' code is compiled once for each group with these calls inlined.
/// </summary>
/// <typeparam name="T">Coordinates.</typeparam>
public interface IGroup<T>
    where T : struct, IEquatable<T>
{
    /// <summary>b.</summary>
    static abstract T B { get; }

    /// <summary>Coordinates of the standard generator.</summary>
    static abstract (T X, T Y) Generator { get; }

    /// <summary>True if every point of the curve is in the group of order r.</summary>
    static abstract bool CofactorIsOne { get; }

    /// <summary>The coordinate 1.</summary>
    static abstract T One { get; }

    /// <summary>Bytes of a coordinate in snarkjs's files.</summary>
    static abstract int ByteLength { get; }

    /// <summary>Whether a coordinate is zero.</summary>
    static abstract bool IsZero(in T a);

    /// <summary>Sum.</summary>
    static abstract T Add(in T a, in T b);

    /// <summary>Difference.</summary>
    static abstract T Subtract(in T a, in T b);

    /// <summary>Product.</summary>
    static abstract T Multiply(in T a, in T b);

    /// <summary>a².</summary>
    static abstract T Square(in T a);

    /// <summary>1/a; a is not zero.</summary>
    static abstract T Inverse(in T a);

    /// <summary>Writes Montgomery form, little-endian: coordinates as .zkey files hold them.</summary>
    static abstract void WriteMontgomery(in T a, Span<byte> destination);

    /// <summary>Reads what <see cref="WriteMontgomery"/> wrote; false if a part is not below q.</summary>
    static abstract bool TryReadMontgomery(ReadOnlySpan<byte> source, out T value);
}

/// <summary>G1: y² = x³ + 3 over Fq, all of whose points have order r.</summary>
public readonly struct Bn254G1 : IGroup<Fq>
{
    private static readonly Fq Three = Fq.FromUInt64(3);
    private static readonly (Fq X, Fq Y) Base = (Fq.One, Fq.FromUInt64(2));

    /// <inheritdoc/>
    public static Fq B => Three;

    /// <inheritdoc/>
    public static (Fq X, Fq Y) Generator => Base;

    /// <inheritdoc/>
    public static bool CofactorIsOne => true;

    /// <inheritdoc/>
    public static Fq One => Fq.One;

    /// <inheritdoc/>
    public static int ByteLength => Fq.ByteLength;

    /// <inheritdoc/>
    public static bool IsZero(in Fq a) => a.IsZero;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Fq Add(in Fq a, in Fq b) => a + b;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Fq Subtract(in Fq a, in Fq b) => a - b;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Fq Multiply(in Fq a, in Fq b) => a * b;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Fq Square(in Fq a) => a.Square();

    /// <inheritdoc/>
    public static Fq Inverse(in Fq a) => a.Inverse();

    /// <inheritdoc/>
    public static void WriteMontgomery(in Fq a, Span<byte> destination) => a.WriteMontgomeryLittleEndian(destination);

    /// <inheritdoc/>
    public static bool TryReadMontgomery(ReadOnlySpan<byte> source, out Fq value) => Fq.TryFromMontgomeryLittleEndian(source, out value);
}

/// <summary>G2: the subgroup of order r of the twist y² = x³ + 3/ξ over Fq2, which has points of other orders too.</summary>
public readonly struct Bn254G2 : IGroup<Fq2>
{
    private static readonly Fq2 TwistB = Fq2.Xi.Inverse() * Fq.FromUInt64(3);

    // EIP-197's generator.
    private static readonly (Fq2 X, Fq2 Y) Base = (
        new(
            Fq.Parse("10857046999023057135944570762232829481370756359578518086990519993285655852781"),
            Fq.Parse("11559732032986387107991004021392285783925812861821192530917403151452391805634")),
        new(
            Fq.Parse("8495653923123431417604973247489272438418190587263600148770280649306958101930"),
            Fq.Parse("4082367875863433681332203403145435568316851327593401208105741076214120093531")));

    /// <inheritdoc/>
    public static Fq2 B => TwistB;

    /// <inheritdoc/>
    public static (Fq2 X, Fq2 Y) Generator => Base;

    /// <inheritdoc/>
    public static bool CofactorIsOne => false;

    /// <inheritdoc/>
    public static Fq2 One => Fq2.One;

    /// <inheritdoc/>
    public static int ByteLength => 2 * Fq.ByteLength;

    /// <inheritdoc/>
    public static bool IsZero(in Fq2 a) => a.IsZero;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Fq2 Add(in Fq2 a, in Fq2 b) => a + b;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Fq2 Subtract(in Fq2 a, in Fq2 b) => a - b;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Fq2 Multiply(in Fq2 a, in Fq2 b) => a * b;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Fq2 Square(in Fq2 a) => a.Square();

    /// <inheritdoc/>
    public static Fq2 Inverse(in Fq2 a) => a.Inverse();

    /// <inheritdoc/>
    public static void WriteMontgomery(in Fq2 a, Span<byte> destination)
    {
        a.C0.WriteMontgomeryLittleEndian(destination);
        a.C1.WriteMontgomeryLittleEndian(destination[Fq.ByteLength..]);
    }

    /// <inheritdoc/>
    public static bool TryReadMontgomery(ReadOnlySpan<byte> source, out Fq2 value)
    {
        var valid = Fq.TryFromMontgomeryLittleEndian(source[..Fq.ByteLength], out var c0);
        valid &= Fq.TryFromMontgomeryLittleEndian(source[Fq.ByteLength..], out var c1);
        value = new(c0, c1);
        return valid;
    }
}

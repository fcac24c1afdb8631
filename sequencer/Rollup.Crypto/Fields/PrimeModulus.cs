namespace Rollup.Crypto;

/// <summary>
/// The constants of a prime field of odd order p &lt; 2^254, limbs little-endian. Implemented by empty structs, so that
/// <see cref="PrimeField{TModulus}"/> is compiled once for each field with the constants in the instructions.
/// R = 2^256 (the Montgomery radix, as in snarkjs' binary formats).
/// </summary>
public interface IPrimeModulus
{
    /// <summary>p, bits 0..63.</summary>
    static abstract ulong P0 { get; }

    /// <summary>p, bits 64..127.</summary>
    static abstract ulong P1 { get; }

    /// <summary>p, bits 128..191.</summary>
    static abstract ulong P2 { get; }

    /// <summary>p, bits 192..255; at most 2^62 - 1, which the multiplication without a carry word relies on.</summary>
    static abstract ulong P3 { get; }

    /// <summary>-p^-1 mod 2^64.</summary>
    static abstract ulong NegativeInverse { get; }

    /// <summary>R mod p, the number one in Montgomery form.</summary>
    static abstract ReadOnlySpan<ulong> R { get; }

    /// <summary>R^2 mod p: multiplying by it enters Montgomery form.</summary>
    static abstract ReadOnlySpan<ulong> RSquared { get; }

    /// <summary>The largest s with 2^s dividing p - 1.</summary>
    static abstract int TwoAdicity { get; }

    /// <summary>The smallest quadratic non-residue.</summary>
    static abstract ulong NonResidue { get; }
}

/// <summary>r, the order of BN254's groups: the field that circom computes in, and BabyJubJub's base field.</summary>
public readonly struct Bn254Scalar : IDigitModulus
{
    /// <inheritdoc/>
    public static ulong P0 => 0x43E1F593F0000001;

    /// <inheritdoc/>
    public static ulong P1 => 0x2833E84879B97091;

    /// <inheritdoc/>
    public static ulong P2 => 0xB85045B68181585D;

    /// <inheritdoc/>
    public static ulong P3 => 0x30644E72E131A029;

    /// <inheritdoc/>
    public static ulong NegativeInverse => 0xC2E1F593EFFFFFFF;

    /// <inheritdoc/>
    public static ReadOnlySpan<ulong> R =>
        [0xAC96341C4FFFFFFB, 0x36FC76959F60CD29, 0x666EA36F7879462E, 0x0E0A77C19A07DF2F];

    /// <inheritdoc/>
    public static ReadOnlySpan<ulong> RSquared =>
        [0x1BB8E645AE216DA7, 0x53FE3AB1E35C59E3, 0x8C49833D53BB8085, 0x0216D0B17F4E44A5];

    /// <inheritdoc/>
    public static int TwoAdicity => 28;

    /// <inheritdoc/>
    public static ulong NonResidue => 5;

    /// <inheritdoc/>
    public static double D0 => 551490712240129;

    /// <inheritdoc/>
    public static double D1 => 298204647270524;

    /// <inheritdoc/>
    public static double D2 => -557033826758751;

    /// <inheritdoc/>
    public static double D3 => 22935798733633;

    /// <inheritdoc/>
    public static double D4 => 851317936231194;

    /// <inheritdoc/>
    public static double NegativeInverse51 => 551490712240127;
}

/// <summary>q, the order of BN254's base field: coordinates of its points.</summary>
public readonly struct Bn254Base : IDigitModulus
{
    /// <inheritdoc/>
    public static ulong P0 => 0x3C208C16D87CFD47;

    /// <inheritdoc/>
    public static ulong P1 => 0x97816A916871CA8D;

    /// <inheritdoc/>
    public static ulong P2 => 0xB85045B68181585D;

    /// <inheritdoc/>
    public static ulong P3 => 0x30644E72E131A029;

    /// <inheritdoc/>
    public static ulong NegativeInverse => 0x87D20782E4866389;

    /// <inheritdoc/>
    public static ReadOnlySpan<ulong> R =>
        [0xD35D438DC58F0D9D, 0x0A78EB28F5C70B3D, 0x666EA36F7879462C, 0x0E0A77C19A07DF2F];

    /// <inheritdoc/>
    public static ReadOnlySpan<ulong> RSquared =>
        [0xF32CFC5B538AFA89, 0xB5E71911D44501FB, 0x47AB1EFF0A417FF6, 0x06D89F71CAB8351F];

    /// <inheritdoc/>
    public static int TwoAdicity => 1;

    /// <inheritdoc/>
    public static ulong NonResidue => 3;

    /// <inheritdoc/>
    public static double D0 => 154029749239111;

    /// <inheritdoc/>
    public static double D1 => 612489067865988;

    /// <inheritdoc/>
    public static double D2 => -557033797581398;

    /// <inheritdoc/>
    public static double D3 => 22935798733633;

    /// <inheritdoc/>
    public static double D4 => 851317936231194;

    /// <inheritdoc/>
    public static double NegativeInverse51 => 571208714576777;
}

/// <summary>l, the order of BabyJubJub's large subgroup: the field of EdDSA's secret scalars and of S.</summary>
public readonly struct BabyJubJubOrder : IPrimeModulus
{
    /// <inheritdoc/>
    public static ulong P0 => 0x677297DC392126F1;

    /// <inheritdoc/>
    public static ulong P1 => 0xAB3EEDB83920EE0A;

    /// <inheritdoc/>
    public static ulong P2 => 0x370A08B6D0302B0B;

    /// <inheritdoc/>
    public static ulong P3 => 0x060C89CE5C263405;

    /// <inheritdoc/>
    public static ulong NegativeInverse => 0x532CE5AEBC48F5EF;

    /// <inheritdoc/>
    public static ReadOnlySpan<ulong> R =>
        [0x073315DEA08F9C76, 0xE7ACFFC6A098F24B, 0xF85A9201D818F015, 0x01F16424E1BB7724];

    /// <inheritdoc/>
    public static ReadOnlySpan<ulong> RSquared =>
        [0x35E44ABEE7ECB21E, 0x74646CACF5F84EC4, 0xE472DF203FAA158F, 0x0445B524F1BA50A8];

    /// <inheritdoc/>
    public static int TwoAdicity => 4;

    /// <inheritdoc/>
    public static ulong NonResidue => 19;
}

namespace Rollup.Protocol;

/// <summary>
/// Division with its rounding direction in the name. C#'s <c>/</c> truncates toward zero, which rounds a loss in its holder's
/// favour; money therefore never uses it.
/// </summary>
public static class Rounding
{
    /// <summary>Greatest integer not above <paramref name="numerator"/> / <paramref name="denominator"/>.</summary>
    /// <param name="numerator">Any value.</param>
    /// <param name="denominator">Above 0.</param>
    public static long FloorDiv(long numerator, long denominator)
    {
        (long quotient, long remainder) = Math.DivRem(numerator, Positive(denominator));
        return remainder < 0 ? quotient - 1 : quotient;
    }

    /// <summary>Least integer not below <paramref name="numerator"/> / <paramref name="denominator"/>.</summary>
    /// <inheritdoc cref="FloorDiv(long, long)"/>
    public static long CeilDiv(long numerator, long denominator)
    {
        (long quotient, long remainder) = Math.DivRem(numerator, Positive(denominator));
        return remainder > 0 ? quotient + 1 : quotient;
    }

    /// <inheritdoc cref="FloorDiv(long, long)"/>
    public static Int128 FloorDiv(Int128 numerator, Int128 denominator)
    {
        (Int128 quotient, Int128 remainder) = Int128.DivRem(numerator, Positive(denominator));
        return remainder < 0 ? quotient - 1 : quotient;
    }

    /// <inheritdoc cref="CeilDiv(long, long)"/>
    public static Int128 CeilDiv(Int128 numerator, Int128 denominator)
    {
        (Int128 quotient, Int128 remainder) = Int128.DivRem(numerator, Positive(denominator));
        return remainder > 0 ? quotient + 1 : quotient;
    }

    private static long Positive(long denominator) =>
        denominator > 0 ? denominator : throw new ArgumentOutOfRangeException(nameof(denominator), denominator, "A denominator is above 0.");

    private static Int128 Positive(Int128 denominator) =>
        denominator > 0 ? denominator : throw new ArgumentOutOfRangeException(nameof(denominator), denominator, "A denominator is above 0.");
}

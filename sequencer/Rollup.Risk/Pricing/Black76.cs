using Rollup.Protocol;

namespace Rollup.Risk.Pricing;

/// <summary>
/// Undiscounted value of a European option on a forward (F. Black, "The pricing of commodity contracts", 1976, formulas 9 and 10), in integers alone.
/// Prices are atoms a lot, 1 .. 2^35 - 1; values are in 2^-24 atoms; the total deviation v = volatility x sqrt(time) is in Q58, at least 0.
/// <para>
/// <b>Method.</b> With A the smaller and B the larger of forward and strike, m = ln(B/A), a = m/v - v/2 and b = a + v, the option that is out of the money is worth
/// A G, G = phi(a) (M(a) - M(b)) if a >= 0, else 1 - phi(a) (M(-a) + M(b)), M being Mills' ratio: B phi(b) = A phi(a) leaves one exponential, and the error is relative
/// to the <i>smaller</i> of the two prices. The other option follows by parity.
/// </para>
/// <para>
/// <b>Exact.</b> Put = Call - (F - K); max(0, F - K) &lt;= Call &lt;= F, so max(0, K - F) &lt;= Put &lt;= K; v = 0 gives the intrinsic value, v >= 24 the forward (put: the strike);
/// Call(F, K) - F + K = Call(K, F) (what is computed is symmetric).
/// </para>
/// <para>
/// <b>Within <see cref="Error"/> of the exact formula</b>, hence up to twice that: non-decreasing in v and (call) in the forward, non-increasing in the strike; up to
/// four times that: convex in forward and in strike. A caller who needs bounds takes <c>Call - Error</c> and <c>Call + Error</c>.
/// </para>
/// </summary>
public static class Black76
{
    /// <summary>Values are in 2^-24 atoms.</summary>
    public const int FractionBits = 24;

    /// <summary>Forwards and strikes are below it, in atoms a lot.</summary>
    public const long PriceBound = 1L << 35;

    /// <summary>Volatilities, in 10^-9 a root year, are at most this: 13,743%.</summary>
    public const long MaxVolatility = 1L << 37;

    /// <summary>Times, in milliseconds, are at most this: 8.7 years.</summary>
    public const long MaxTime = 1L << 38;

    /// <summary>From here on, 24 in Q58, a call is worth its forward (it lacks less than 10^-27 of it).</summary>
    public const long SaturatedDeviation = 24L << 58;

    private const long RootPerVolatility = 7309643889704606100; // 2^110 / (10^9 sqrt(31,536,000,000 ms a year))

    /// <summary>Bound of the error of a call or put, in 2^-24 atoms: 2^-53 of the smaller of forward and strike, and one unit of rounding.</summary>
    public static long Error(long forward, long strike) => (Math.Min(forward, strike) >> (53 - FractionBits)) + 2;

    /// <summary>Value of a call in 2^-24 atoms.</summary>
    /// <param name="forward">Atoms a lot, 1 .. 2^35 - 1.</param>
    /// <param name="strike">Atoms a lot, 1 .. 2^35 - 1.</param>
    /// <param name="deviation">v in Q58, at least 0.</param>
    public static long Call(long forward, long strike, long deviation) => Call(Price(forward), FixedMath.Ln(forward), Price(strike), FixedMath.Ln(strike), deviation);

    /// <summary>Value of a put in 2^-24 atoms: Call - (F - K).</summary>
    /// <inheritdoc cref="Call(long, long, long)"/>
    public static long Put(long forward, long strike, long deviation) => Call(forward, strike, deviation) - ((forward - strike) << FractionBits);

    /// <summary><see cref="Call(long, long, long)"/> for many pairs of forward and deviation; the logarithm of the strike is taken once.</summary>
    /// <param name="strike">Atoms a lot, 1 .. 2^35 - 1.</param>
    /// <param name="forwards">Atoms a lot.</param>
    /// <param name="deviations">v in Q58, as many as there are forwards.</param>
    /// <param name="values">Receives as many values, in 2^-24 atoms.</param>
    public static void Calls(long strike, ReadOnlySpan<long> forwards, ReadOnlySpan<long> deviations, Span<long> values)
    {
        if (forwards.Length != deviations.Length || forwards.Length != values.Length)
            throw new ArgumentException($"{forwards.Length} forwards, {deviations.Length} deviations, {values.Length} values: they are as many.", nameof(values));
        long lnStrike = FixedMath.Ln(Price(strike));
        for (int i = 0; i < values.Length; i++) values[i] = Call(Price(forwards[i]), FixedMath.Ln(forwards[i]), strike, lnStrike, deviations[i]);
    }

    /// <summary>dCall/dv = dPut/dv = F phi(d1) in 2^-24 atoms a unit of v. Its error, relative to min(F, K), is within 2^-54 + 2^-57/v.</summary>
    /// <inheritdoc cref="Call(long, long, long)"/>
    public static long DeviationVega(long forward, long strike, long deviation)
    {
        long logMoneyness = Math.Abs(FixedMath.Ln(Price(forward)) - FixedMath.Ln(Price(strike)));
        if (!Arguments(logMoneyness, deviation, out long a)) return 0;
        return FixedMath.Product(Math.Min(forward, strike), FixedMath.NormalDensity(a), 62 - FractionBits); // 35 + 61 bits
    }

    /// <summary>Vega a lot for one point of volatility, 0.01 F phi(d1) sqrt(time), in 2^-24 atoms.</summary>
    /// <param name="forward">Atoms a lot, 1 .. 2^35 - 1.</param>
    /// <param name="strike">Atoms a lot, 1 .. 2^35 - 1.</param>
    /// <param name="deviation">v in Q58, at least 0.</param>
    /// <param name="time">Milliseconds, 0 .. 2^38.</param>
    public static long VegaPerPoint(long forward, long strike, long deviation, long time) =>
        FixedMath.Product(DeviationVega(forward, strike, deviation), DeviationOfVolatility(10_000_000, time), 58); // 58 + 54 bits

    /// <summary>v = volatility x sqrt(time / 365 days) in Q58, rounded down: at most 2 + volatility/4 units (volatility as a number, 1 = 100%) below the exact value.</summary>
    /// <param name="volatility">10^-9 a root year, 0 .. 2^37.</param>
    /// <param name="time">Milliseconds, 0 .. 2^38.</param>
    public static long DeviationOfVolatility(long volatility, long time)
    {
        if (volatility is < 0 or > MaxVolatility) throw new ArgumentOutOfRangeException(nameof(volatility), volatility, "A volatility is 0 .. 2^37, in 10^-9.");
        if (time is < 0 or > MaxTime) throw new ArgumentOutOfRangeException(nameof(time), time, "A time is 0 .. 2^38 ms.");
        // (Q43 root of milliseconds: 63 bits) x 38 bits x (Q110 constant: 63 bits), Q153 in 164 bits; kept: Q58.
        UInt128 product = (UInt128)(ulong)FixedMath.Sqrt((UInt128)(ulong)time << 86) * (ulong)volatility;
        UInt128 high = (product >> 64) * RootPerVolatility + (((product & ulong.MaxValue) * RootPerVolatility) >> 64);
        return (long)UInt128.Min(high >> 31, SaturatedDeviation);
    }

    /// <summary>v = floor(sqrt(w)) in Q58 of a total variance w in Q56.</summary>
    /// <param name="variance">w in Q56 (below 128), at least 0.</param>
    public static long DeviationOfVariance(long variance) =>
        variance >= 0 ? FixedMath.Sqrt((UInt128)variance << 60) : throw new ArgumentOutOfRangeException(nameof(variance), variance, "A variance is at least 0.");

    private static long Call(long forward, long lnForward, long strike, long lnStrike, long deviation)
    {
        long intrinsic = Math.Max(0, forward - strike) << FractionBits;
        if (deviation == 0) return intrinsic;
        // 35 + 62 bits.
        return intrinsic + FixedMath.Product(Math.Min(forward, strike), OutOfTheMoney(Math.Abs(lnForward - lnStrike), deviation), 62 - FractionBits);
    }

    /// <summary>G in Q62, 0 .. 1.</summary>
    private static long OutOfTheMoney(long logMoneyness, long deviation)
    {
        if (!Arguments(logMoneyness, deviation, out long a)) return a > 0 ? 0 : FixedMath.One;
        long density = FixedMath.NormalDensity(a);
        long far = FixedMath.Mills(a + deviation); // b^2 = a^2 + 2m, so b < 11.6
        long value = a >= 0
            ? FixedMath.Product(density, FixedMath.Mills(a) - far, 61)
            : FixedMath.One - FixedMath.Product(density, FixedMath.Mills(-a) + far, 61);
        return Math.Clamp(value, 0, FixedMath.One);
    }

    /// <summary>a = m/v - v/2 in Q58; false where it is beyond <see cref="FixedMath.Tail"/>.</summary>
    private static bool Arguments(long logMoneyness, long deviation, out long a)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(deviation);
        // m < 24.3, so m/v >= 32 leaves v/2 far behind. Otherwise the quotient has 63 bits; 63 + 58 bits before.
        if (logMoneyness != 0 && logMoneyness >> 5 >= deviation)
        {
            a = long.MaxValue;
            return false;
        }

        long quotient = logMoneyness == 0 ? 0 : (long)(((UInt128)logMoneyness << 58) / (ulong)deviation);
        a = quotient - (deviation >> 1);
        return a is > -FixedMath.Tail and < FixedMath.Tail;
    }

    private static long Price(long price) => price is >= 1 and < PriceBound
        ? price
        : throw new ArgumentOutOfRangeException(nameof(price), price, "A price is 1 .. 2^35 - 1 atoms a lot.");
}

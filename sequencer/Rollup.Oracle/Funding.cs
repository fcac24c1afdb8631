using Rollup.Protocol;

namespace Rollup.Oracle;

/// <summary>Rates of funding, millionths of the index in eight hours.</summary>
/// <param name="InterestPpm">What longs pay shorts at a premium of 0; may be negative.</param>
/// <param name="PremiumBoundPpm">The premium counts up to this, to either side.</param>
/// <param name="MaxElapsed">
/// Milliseconds that count between two takings: a halt is not charged. F moves by at most (|interest| + bound) x MaxElapsed / 8 h of the index in an epoch.
/// </param>
public sealed record FundingRates(int InterestPpm, int PremiumBoundPpm = 3_000, int MaxElapsed = 60_000);

/// <summary>
/// Cumulative funding F of one perpetual. Between two prices the premium of the earlier one holds; what F owes below a whole atom is carried.
/// A value. Bit budget: index &lt; 2^35, rates &lt; 2^20, elapsed &lt; 2^16: 2^71 a step.
/// </summary>
/// <param name="Cumulative">F, atoms per lot: whole, as rows have it.</param>
/// <param name="Owed">What is owed beyond it, 0 or more after <see cref="Take()"/>, in atoms / <see cref="Denominator"/>.</param>
/// <param name="Elapsed">Milliseconds counted since F was taken last.</param>
public readonly record struct Funding(long Cumulative, Int128 Owed = default, long Elapsed = 0)
{
    /// <summary>Eight hours in milliseconds.</summary>
    public const long Period = 8 * 60 * 60 * 1000;

    private const long Unit = 1_000_000;

    /// <summary>Of <see cref="Owed"/>.</summary>
    public const long Denominator = Unit * Period;

    /// <summary>
    /// The premium: max(0, impact bid - index) - max(0, index - impact ask), atoms per lot. A side without the depth counts for nothing.
    /// </summary>
    public static long Premium(long index, long? impactBid, long? impactAsk) =>
        Math.Max(0, (impactBid ?? index) - index) - Math.Max(0, index - (impactAsk ?? index));

    /// <summary>Lets time pass at one premium. Not called while the index is not fresh: funding then stands still.</summary>
    /// <param name="index">Atoms per lot, 1..2^35-1.</param>
    /// <param name="premium">Atoms per lot, any sign.</param>
    /// <param name="milliseconds">0 or more.</param>
    public Funding Accrue(FundingRates rates, long index, long premium, long milliseconds)
    {
        long counted = Math.Clamp(milliseconds, 0, rates.MaxElapsed - Elapsed);
        Int128 bound = (Int128)index * rates.PremiumBoundPpm;
        Int128 rate = Int128.Clamp((Int128)premium * Unit, -bound, bound) + (Int128)index * rates.InterestPpm;
        return this with { Owed = Owed + rate * counted, Elapsed = Elapsed + counted };
    }

    /// <summary>Moves the whole atoms owed into F, for a new epoch; the remainder stays owed (rounded down, so it is never negative).</summary>
    public Funding Take() => Take(this);

    /// <summary>The same with what was owed at an earlier time, when F was proposed for the epoch that opens now; what came since stays owed and counted.</summary>
    /// <param name="proposed">This funding at that time; nothing was taken since.</param>
    public Funding Take(in Funding proposed)
    {
        Int128 whole = Rounding.FloorDiv(proposed.Owed, Denominator);
        return new Funding(Cumulative + (long)whole, Owed - whole * Denominator, Elapsed - proposed.Elapsed);
    }
}

/// <summary>The price at which a notional trades against one side of a book.</summary>
public static class ImpactPrice
{
    /// <summary>
    /// The mean price of an order that takes <paramref name="notional"/> from the levels; a bid's is rounded down, an ask's up, so that rounding never makes a
    /// premium. Null if the levels hold less.
    /// </summary>
    /// <param name="levels">Best first: price in atoms per lot, below 2^35, and lots, below 2^48.</param>
    /// <param name="notional">Atoms, 1..2^50.</param>
    public static long? Of(IEnumerable<(long Price, long Lots)> levels, long notional, bool isAsk)
    {
        if (notional is < 1 or > 1L << 50) throw new ArgumentOutOfRangeException(nameof(notional), notional, "A notional is 1..2^50 atoms.");
        long left = notional, lots = 0;
        foreach ((long price, long size) in levels)
        {
            if ((Int128)price * size < left)
            {
                left -= price * size;
                lots += size;
                continue;
            }

            // The last level gives left / price lots: notional / (lots + left / price), with 2^50 x 2^35 above and no more than 2^51 below.
            Int128 above = (Int128)notional * price, below = (Int128)lots * price + left;
            return (long)(isAsk ? Rounding.CeilDiv(above, below) : Rounding.FloorDiv(above, below));
        }

        return null;
    }
}

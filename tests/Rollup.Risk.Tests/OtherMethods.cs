namespace Rollup.Risk.Tests;

/// <summary>One position of a book of a single underlying, as the methods of other venues see it.</summary>
/// <param name="Strike">0 for a perpetual or future.</param>
/// <param name="IsPut">Put, not call.</param>
/// <param name="Forward">Of its expiry.</param>
/// <param name="Days">To expiry.</param>
/// <param name="Volatility">A year.</param>
/// <param name="Size">Signed units.</param>
internal sealed record Position(double Strike, bool IsPut, double Forward, double Days, double Volatility, double Size)
{
    public double Value(double move = 0, double volatility = 1) => Size * (Strike == 0 ? Forward * (1 + move)
        : ReferenceModel.Black(Forward * (1 + move), Strike, Volatility * volatility * Math.Sqrt(Days / 365), IsPut));

    public double Delta => Size * (Strike == 0 ? 1 : ReferenceModel.Normal(Math.Log(Forward / Strike) / Deviation + Deviation / 2) - (IsPut ? 1 : 0));

    private double Deviation => Math.Max(1e-9, Volatility * Math.Sqrt(Days / 365));
}

/// <summary>
/// Initial margin beyond the mark value of a book of one underlying under other published methods, small: enough to compare sizes, not their whole rule books.
/// </summary>
internal static class OtherMethods
{
    /// <summary>
    /// The sixteen scenarios of SPAN (CME, "SPAN: Standard Portfolio Analysis of Risk"): 0, 1/3, 2/3, 3/3 of the scan range both ways, volatility up and down by one relative range for all
    /// expiries alike, and twice the range of which 35% counts. The ranges are a clearing house's choice: ours for the price, 25% for volatility.
    /// </summary>
    public static double Span(IReadOnlyList<Position> book, double range)
    {
        double worst = 0;
        foreach (int third in new[] { 0, 1, -1, 2, -2, 3, -3 })
            foreach (double volatility in new[] { 1.25, 0.75 }) worst = Math.Max(worst, Loss(book, third * range / 3, _ => volatility));
        foreach (int sign in new[] { 1, -1 }) worst = Math.Max(worst, 0.35 * Loss(book, sign * 2 * range, _ => 1));
        return worst;
    }

    /// <summary>
    /// Paradex (docs.paradex.trade/risk/portfolio-margin): 24 scenarios, volatility +40% and -22% by (30 / max(1, days))^0.30 or 0.13, weighted moves up to +500%; at least 2% of the
    /// net and 1% of the hedged delta.
    /// </summary>
    public static double Paradex(IReadOnlyList<Position> book, double spot)
    {
        double worst = 0;
        for (int step = -4; step <= 4; step++)
        {
            worst = Math.Max(worst, Loss(book, 0.04 * step, Up));
            if (Math.Abs(step) < 4) worst = Math.Max(worst, Loss(book, 0.04 * step, d => 1 - 0.22 * Scale(d)));
        }

        foreach ((double move, double weight) in new[] { (-0.66, 0.24), (-0.33, 0.48), (0.5, 0.32), (1, 0.16), (2, 0.08), (3, 0.0533), (4, 0.04), (5, 0.032) })
            worst = Math.Max(worst, weight * Loss(book, move, Up));
        double net = Math.Abs(book.Sum(p => p.Delta)), hedged = (book.Sum(p => Math.Abs(p.Delta)) - net) / 2;
        return Math.Max(worst, (0.02 * net + 0.01 * hedged) * spot);

        static double Scale(double days) => Math.Pow(30 / Math.Max(1, days), days < 30 ? 0.30 : 0.13);
        static double Up(double days) => 1 + 0.4 * Scale(days);
    }

    /// <summary>
    /// Margin leg by leg (docs.aevo.xyz, Standard Margin): a short option max(15% - out of the money, 10%) of spot; a long one its premium; a perpetual here 10%, tenfold leverage. Nothing offsets.
    /// </summary>
    public static double Standard(IReadOnlyList<Position> book, double spot) => book.Sum(p =>
        p.Strike == 0 ? 0.1 * spot * Math.Abs(p.Size)
        : p.Size > 0 ? p.Value()
        : -p.Size * spot * Math.Max(0.15 - Math.Max(0, p.IsPut ? spot - p.Strike : p.Strike - spot) / spot, 0.1));

    private static double Loss(IReadOnlyList<Position> book, double move, Func<double, double> volatility) => book.Sum(p => p.Value() - p.Value(move, volatility(p.Days)));
}

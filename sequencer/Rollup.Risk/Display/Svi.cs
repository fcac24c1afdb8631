using System.Numerics;

namespace Rollup.Risk.Display;

/// <summary>
/// Raw SVI: total variance of one expiry as a function of log-moneyness k = ln(K/F), w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)) (Gatheral and Jacquier,
/// "Arbitrage-free SVI volatility surfaces", 2014, formula 3.1).
/// </summary>
/// <param name="A">Level.</param>
/// <param name="B">Slope of the wings, at least 0.</param>
/// <param name="Rho">Asymmetry of the wings, -1 .. 1.</param>
/// <param name="M">Where the bend is.</param>
/// <param name="Sigma">How wide the bend is, above 0.</param>
public readonly record struct Svi(double A, double B, double Rho, double M, double Sigma)
{
    /// <summary>w(k).</summary>
    public double Variance(double k)
    {
        double x = k - M;
        return A + B * (Rho * x + Math.Sqrt(x * x + Sigma * Sigma));
    }

    /// <summary>w at many points, in vectors.</summary>
    /// <param name="k">Log-moneyness.</param>
    /// <param name="variance">Receives as many total variances.</param>
    public void Variance(ReadOnlySpan<double> k, Span<double> variance)
    {
        if (k.Length != variance.Length) throw new ArgumentException($"{k.Length} points, {variance.Length} variances: they are as many.", nameof(variance));
        int i = 0;
        for (; i <= k.Length - Vector<double>.Count; i += Vector<double>.Count)
        {
            Vector<double> x = new Vector<double>(k[i..]) - new Vector<double>(M);
            (new Vector<double>(A) + B * (Rho * x + Vector.SquareRoot(x * x + new Vector<double>(Sigma * Sigma)))).CopyTo(variance[i..]);
        }

        for (; i < k.Length; i++) variance[i] = Variance(k[i]);
    }

    /// <summary>
    /// Gatheral's g(k) = (1 - k w'/(2w))^2 - w'^2/4 (1/w + 1/4) + w''/2, the sign of the implied density: a butterfly at k costs something if it is at least 0 (formula 2.1 of the same paper).
    /// </summary>
    public double ButterflyMargin(double k)
    {
        double x = k - M, root = Math.Sqrt(x * x + Sigma * Sigma), w = Variance(k), slope = B * (Rho + x / root), bend = B * Sigma * Sigma / (root * root * root);
        double first = 1 - k * slope / (2 * w);
        return first * first - slope * slope / 4 * (1 / w + 0.25) + bend / 2;
    }

    /// <summary>The least <see cref="ButterflyMargin"/> on an even grid; below 0 there is butterfly arbitrage.</summary>
    /// <param name="from">Least log-moneyness.</param>
    /// <param name="to">Largest log-moneyness.</param>
    /// <param name="steps">Steps of the grid, at least 1.</param>
    public double LeastButterflyMargin(double from, double to, int steps)
    {
        Svi svi = this;
        return Least(svi.ButterflyMargin, from, to, steps);
    }

    /// <summary>The least difference of total variance to a later expiry on an even grid; below 0 there is calendar arbitrage.</summary>
    /// <param name="later">The later expiry.</param>
    /// <inheritdoc cref="LeastButterflyMargin"/>
    public double LeastCalendarMargin(Svi later, double from, double to, int steps)
    {
        Svi svi = this;
        return Least(k => later.Variance(k) - svi.Variance(k), from, to, steps);
    }

    private static double Least(Func<double, double> margin, double from, double to, int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        double least = margin(from);
        for (int i = 1; i <= steps; i++) least = Math.Min(least, margin(from + (to - from) * i / steps));
        return least;
    }
}

namespace Rollup.Risk.Display;

/// <summary>
/// The volatility that a price implies under Black-76. Where the price is exact, so is the total deviation v = volatility x sqrt(time), to some 10^-15; where it is rounded, the volatility is off
/// by that rounding divided by vega. The value of the option that is out of the money is used, so a price deep in the money tells as little as its last digits do.
/// </summary>
public static class ImpliedVolatility
{
    private const int MaxSteps = 64;

    /// <summary>The volatility a root year; 0 where the price is the intrinsic value, NaN where no volatility gives it.</summary>
    /// <param name="isCall">Call or put.</param>
    /// <param name="forward">Above 0.</param>
    /// <param name="strike">Above 0.</param>
    /// <param name="time">Years, above 0.</param>
    /// <param name="price">Undiscounted, in the forward's currency.</param>
    public static double Of(bool isCall, double forward, double strike, double time, double price)
    {
        double smaller = Math.Min(forward, strike), outOfTheMoney = price - Math.Max(0, isCall ? forward - strike : strike - forward);
        if (outOfTheMoney == 0) return 0;
        if (!(outOfTheMoney > 0 && outOfTheMoney < smaller)) return double.NaN;
        return Deviation(Math.Abs(Math.Log(forward / strike)), outOfTheMoney / smaller, (smaller - outOfTheMoney) / smaller) / Math.Sqrt(time);
    }

    /// <summary>
    /// Solves G(v) = value, where G = phi(a) (M(a) - M(b)) is the normalised value (<see cref="Pricing.Black76"/>), a = m/v - v/2, b = m/v + v/2. G bends at v = sqrt(2m), where a = 0. Below, (-ln G)^(-1/2) is
    /// nearly linear in v; above, ln(1 - G) is tame (Jaeckel, "Let's be rational", 2015, chooses objectives by the same branches). Halley's step from a bound, within a bracket that only shrinks.
    /// </summary>
    /// <param name="m">|ln(F/K)|.</param>
    /// <param name="value">Above 0.</param>
    /// <param name="complement">1 - value, with its own precision.</param>
    private static double Deviation(double m, double value, double complement)
    {
        double bend = Math.Sqrt(2 * m), atBend = Normal.InverseRootTwoPi * (Normal.Mills(0) - Normal.Mills(bend));
        bool below = value < atBend;
        // exp(-a^2/2) exceeds G where a >= 0, and 1 - G where a <= 0: an upper bound of |a|, hence the far end of the bracket.
        double logarithm = Math.Log(below ? value : complement), x = Math.Sqrt(-2 * logarithm), root = Math.Sqrt(x * x + 2 * m);
        (double low, double high) = below ? (2 * m / (x + root), bend) : (bend, x + root);
        double target = 1 / Math.Sqrt(-logarithm);
        // Above the bend G is concave, so that its tangent there starts below the solution.
        double v = below ? low : Math.Min(high, bend + (value - atBend) / Normal.InverseRootTwoPi);
        for (int step = 0; step < MaxSteps; step++)
        {
            double a = m / v - v / 2, b = a + v, density = Normal.Density(a), bending = a * b / v; // bending = G'' / G', G' = phi(a)
            double excess, slope, curvature; // f, f', f'' / f'
            if (below)
            {
                double g = density * (Normal.Mills(a) - Normal.Mills(b)), log = Math.Log(g), rate = density / g;
                excess = 1 / Math.Sqrt(-log) - target;
                slope = rate / (-2 * log * Math.Sqrt(-log));
                curvature = bending - rate - 1.5 * rate / log;
            }
            else
            {
                double c = density * (Normal.Mills(-a) + Normal.Mills(b)), rate = density / c;
                excess = logarithm - Math.Log(c);
                slope = rate;
                curvature = bending + rate;
            }

            if (excess > 0) high = v;
            else low = v;
            double newton = -excess / slope, next = v + newton / (1 + Math.Max(-0.5, newton * curvature / 2));
            // Also where a density underflowed and the step is not a number.
            if (!(next >= low && next <= high)) next = (low + high) / 2;
            // Convergence is cubic: a step of 10^-7 leaves an error far below the last place.
            if (Math.Abs(next - v) <= 1e-7 * v) return next;
            v = next;
        }

        return v;
    }
}

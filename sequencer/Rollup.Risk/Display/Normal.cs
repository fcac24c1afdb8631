using System.Runtime.Intrinsics;

namespace Rollup.Risk.Display;

/// <summary>
/// The standard normal distribution in double precision, through Mills' ratio M(x) = (1 - N(x)) / phi(x), so that tails keep their relative precision: 10^-14 for |x| up to 8,
/// growing with x^2 (the exponential's argument) beyond.
/// </summary>
internal static class Normal
{
    public const double InverseRootTwoPi = 0.3989422804014327;

    /// <summary>
    /// (x + 4) M(x) in powers of t = (x - 4) / (x + 4): the polynomial that agrees with it at the 25 Chebyshev nodes; the next coefficient of its Chebyshev series is below 10^-17.
    /// The mapping is Schonfelder's (Mathematics of Computation 32, 1978, "Chebyshev expansions for the error and related functions").
    /// </summary>
    private static ReadOnlySpan<double> MillsSeries =>
    [
        1.8932190633084853, -1.5237709108199835, 0.9704095548675874, -0.46754096299832926, 0.1513917623124891, -0.01890045086179461, -0.008722295275113486,
        0.00408785568219404, 0.00033424462447582926, -0.0005792693112383798, -4.7833112184110975e-06, 8.809575792458322e-05, 1.7965666540766273e-06, -1.4843347253192145e-05,
        -1.5791693622508298e-06, 2.5688741365377523e-06, 6.836016680202922e-07, -4.006262909600915e-07, -2.1840990663360633e-07, 4.482320698500524e-08, 5.4154267181159925e-08,
        -1.509241818614183e-09, -9.520279114401458e-09, -2.9433098761634534e-10, 8.812534041624495e-10,
    ];

    /// <summary>phi(x).</summary>
    public static double Density(double x) => InverseRootTwoPi * Math.Exp(-0.5 * x * x);

    /// <summary>N(x).</summary>
    public static double Cdf(double x)
    {
        double tail = Density(x) * Mills(Math.Abs(x));
        return x < 0 ? tail : 1 - tail;
    }

    /// <summary>M(x) for x from 0 to infinity.</summary>
    public static double Mills(double x)
    {
        double u = 1 / (x + 4), t = 1 - 8 * u, sum = MillsSeries[^1];
        for (int k = MillsSeries.Length - 2; k >= 0; k--) sum = Math.FusedMultiplyAdd(sum, t, MillsSeries[k]);
        return sum * u;
    }

    /// <inheritdoc cref="Mills(double)"/>
    public static Vector512<double> Mills(Vector512<double> x)
    {
        Vector512<double> u = Vector512<double>.One / (x + Vector512.Create(4.0)), t = Vector512<double>.One - u * 8, sum = Vector512.Create(MillsSeries[^1]);
        for (int k = MillsSeries.Length - 2; k >= 0; k--) sum = Vector512.FusedMultiplyAdd(sum, t, Vector512.Create(MillsSeries[k]));
        return sum * u;
    }
}

namespace Rollup.Risk.Display;

/// <summary>
/// Discounted value of a European option on a forward and its derivatives (F. Black, 1976), in double precision: for screens and reports alone. Nothing that is hashed, signed,
/// proven or posted may use this namespace; that is what <see cref="Pricing.Black76"/> is for.
/// </summary>
/// <param name="Value">In the forward's currency.</param>
/// <param name="Delta">dV/dF.</param>
/// <param name="Gamma">d2V/dF2.</param>
/// <param name="Vega">dV/d(volatility), for a change of 1.00.</param>
/// <param name="Theta">dV/d(calendar time) at an unchanged forward, a year.</param>
/// <param name="Rho">dV/d(rate) at an unchanged forward, for a change of 1.00.</param>
/// <param name="Vanna">d2V/dF d(volatility).</param>
/// <param name="Volga">d2V/d(volatility)2.</param>
public readonly record struct Greeks(double Value, double Delta, double Gamma, double Vega, double Theta, double Rho, double Vanna, double Volga)
{
    /// <summary>One option; many at once: <see cref="OptionColumns"/>.</summary>
    /// <param name="isCall">Call or put.</param>
    /// <param name="forward">Above 0.</param>
    /// <param name="strike">Above 0.</param>
    /// <param name="time">Years, above 0.</param>
    /// <param name="volatility">A root year (1 = 100%), above 0.</param>
    /// <param name="rate">Continuous, a year.</param>
    public static Greeks Of(bool isCall, double forward, double strike, double time, double volatility, double rate)
    {
        double rootTime = Math.Sqrt(time), v = volatility * rootTime, sign = isCall ? 1 : -1, discount = Math.Exp(-rate * time);
        // Beyond 10^4 nothing changes any more, and products with infinity are kept out.
        double d1 = Math.Clamp(Math.Log(forward / strike) / v + v / 2, -1e4, 1e4), d2 = d1 - v;
        double density = Normal.Density(d1);
        double tail1 = density * Normal.Mills(Math.Abs(d1)), tail2 = density * (forward / strike) * Normal.Mills(Math.Abs(d2)); // K phi(d2) = F phi(d1)
        double n1 = sign * d1 < 0 ? tail1 : 1 - tail1, n2 = sign * d2 < 0 ? tail2 : 1 - tail2;
        double value = discount * sign * (forward * n1 - strike * n2), vega = discount * forward * density * rootTime;
        return new(value, discount * sign * n1, discount * density / (forward * v), vega, rate * value - vega * volatility / (2 * time), -time * value,
            -discount * density * d2 / volatility, vega * d1 * d2 / volatility);
    }
}

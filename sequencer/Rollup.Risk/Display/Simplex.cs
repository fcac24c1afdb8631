namespace Rollup.Risk.Display;

/// <summary>Minimum of a function of two variables without derivatives (J. A. Nelder and R. Mead, "A simplex method for function minimization", 1965).</summary>
internal static class Simplex
{
    private const int MaxSteps = 400;
    private const double Smallest = 1e-11;

    /// <summary>A local minimum near a point.</summary>
    /// <param name="function">Finite at the start.</param>
    /// <param name="start">Where to begin.</param>
    /// <param name="stepX">First step in x.</param>
    /// <param name="stepY">First step in y.</param>
    public static (double X, double Y) Minimum(Func<(double X, double Y), double> function, (double X, double Y) start, double stepX, double stepY)
    {
        var corners = new ((double X, double Y) At, double Value)[] { Corner(start), Corner((start.X + stepX, start.Y)), Corner((start.X, start.Y + stepY)) };
        for (int step = 0; step < MaxSteps; step++)
        {
            Array.Sort(corners, (a, b) => a.Value.CompareTo(b.Value));
            (double X, double Y) best = corners[0].At, worst = corners[2].At, middle = ((best.X + corners[1].At.X) / 2, (best.Y + corners[1].At.Y) / 2);
            if (Math.Abs(worst.X - best.X) + Math.Abs(worst.Y - best.Y) <= Smallest * (1 + Math.Abs(best.X) + Math.Abs(best.Y))) break;
            var reflected = Corner(Beyond(1));
            if (reflected.Value < corners[0].Value)
            {
                var expanded = Corner(Beyond(2));
                corners[2] = expanded.Value < reflected.Value ? expanded : reflected;
            }
            else if (reflected.Value < corners[1].Value)
            {
                corners[2] = reflected;
            }
            else
            {
                var contracted = Corner(Beyond(reflected.Value < corners[2].Value ? 0.5 : -0.5));
                if (contracted.Value < Math.Min(reflected.Value, corners[2].Value)) corners[2] = contracted;
                else
                    for (int i = 1; i < 3; i++) corners[i] = Corner(((corners[i].At.X + best.X) / 2, (corners[i].At.Y + best.Y) / 2));
            }

            (double, double) Beyond(double factor) => (middle.X + factor * (middle.X - worst.X), middle.Y + factor * (middle.Y - worst.Y));
        }

        return corners.MinBy(corner => corner.Value).At;

        ((double X, double Y) At, double Value) Corner((double X, double Y) at) => (at, function(at));
    }
}

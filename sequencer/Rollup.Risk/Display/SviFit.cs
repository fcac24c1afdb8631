namespace Rollup.Risk.Display;

/// <summary>A smile fitted to one expiry.</summary>
/// <param name="Curve">The fitted curve.</param>
/// <param name="Error">Weighted root mean square of the errors in volatility (1 = 100%).</param>
public sealed record SviFit(Svi Curve, double Error)
{
    /// <summary>Fewest points of a fit: one a parameter.</summary>
    public const int MinPoints = 5;

    /// <summary>Most points of a fit.</summary>
    public const int MaxPoints = 4_096;

    private const int Rounds = 6;
    private const double Negligible = 1e-4; // 0.01 vol points: smaller errors are no reason to doubt a point

    /// <summary>
    /// Least squares in volatility by the quasi-explicit method (Zeliade Systems, "Quasi-explicit calibration of Gatheral's SVI model", 2009): given m and sigma the rest is linear,
    /// so that only two parameters are searched, on a coarse grid and then by the simplex of Nelder and Mead. Repeated with the weight of points far off (Huber: beyond 1.5 standard deviations,
    /// as the median tells them) lowered, so that a stale quote does not bend the curve. Constrained to a least
    /// variance of at least 0 and to wings b (1 + |rho|) &lt;= 2 (Lee's bound).
    /// </summary>
    /// <param name="time">Years to expiry, above 0.</param>
    /// <param name="k">Log-moneyness ln(K/F) of 5 .. 4,096 points, not all equal.</param>
    /// <param name="volatility">Volatilities a root year, above 0.</param>
    /// <param name="weight">Weights of the squared errors, above 0: vega, or vega over spread.</param>
    public static SviFit Of(double time, ReadOnlySpan<double> k, ReadOnlySpan<double> volatility, ReadOnlySpan<double> weight)
    {
        if (k.Length is < MinPoints or > MaxPoints || volatility.Length != k.Length || weight.Length != k.Length)
            throw new ArgumentException($"{k.Length} points, {volatility.Length} volatilities, {weight.Length} weights: a fit takes {MinPoints} .. {MaxPoints} of each, as many of one as of the other.", nameof(k));
        double from = double.PositiveInfinity, to = double.NegativeInfinity;
        var points = new Point[k.Length];
        for (int i = 0; i < k.Length; i++)
        {
            if (!(double.IsFinite(k[i]) && volatility[i] > 0 && double.IsFinite(volatility[i]) && weight[i] > 0 && double.IsFinite(weight[i])))
                throw new ArgumentException($"Point {i} has log-moneyness {k[i]}, volatility {volatility[i]} and weight {weight[i]}: all are finite, the last two above 0.", nameof(k));
            // An error dw of the variance is an error dw / (2 volatility time) of the volatility.
            double scale = 1 / (2 * volatility[i] * time);
            points[i] = new(k[i], volatility[i] * volatility[i] * time, scale, weight[i]);
            (from, to) = (Math.Min(from, k[i]), Math.Max(to, k[i]));
        }

        double range = to - from;
        if (!(range > 0) || !(time > 0)) throw new ArgumentException($"Points from {from} to {to}, {time} years: points differ, and the time is above 0.", nameof(k));
        double[] trust = new double[points.Length];
        Array.Fill(trust, 1);

        (double M, double LogSigma) best = default;
        double bestCost = double.PositiveInfinity;
        for (int i = 0; i <= 8; i++)
        {
            for (int j = 0; j <= 6; j++)
            {
                (double, double) start = (from + range * i / 8, Math.Log(range * 2) - j);
                double cost = Cost(start);
                if (cost < bestCost) (best, bestCost) = (start, cost);
            }
        }

        Linear linear = default;
        for (int round = 0; round < Rounds; round++)
        {
            best = Simplex.Minimum(Cost, best, range / 16, 0.5);
            linear = Solve(points, trust, best.M, Sigma(best), out _);
            double[] errors = [.. points.Select(p => Math.Abs(linear.Variance(p.K) - p.Variance) * p.Scale)];
            double limit = Math.Max(Negligible, 1.5 * 1.4826 * errors.Order().ElementAt(errors.Length / 2));
            for (int i = 0; i < trust.Length; i++) trust[i] = Math.Min(1, limit / errors[i]);
        }

        Svi curve = linear.Curve;
        double sum = 0, weights = 0;
        foreach (Point p in points)
        {
            double error = Math.Sqrt(Math.Max(0, curve.Variance(p.K)) / time) - Math.Sqrt(p.Variance / time);
            sum += p.Weight * error * error;
            weights += p.Weight;
        }

        return new(curve, Math.Sqrt(sum / weights));

        // Within three ranges around the points, and neither a corner nor a parabola.
        double Sigma((double M, double LogSigma) at) => Math.Clamp(Math.Exp(at.LogSigma), range * 1e-3, range * 10);

        double Cost((double M, double LogSigma) at)
        {
            if (Math.Abs(at.M - (from + to) / 2) > 1.5 * range) return double.PositiveInfinity;
            Solve(points, trust, at.M, Sigma(at), out double cost);
            return cost;
        }
    }

    private readonly record struct Point(double K, double Variance, double Scale, double Weight);

    /// <summary>w = a + p (root + y)/2 + q (root - y)/2 with y = (k - m)/sigma, root = sqrt(y^2 + 1): all three coefficients have plain bounds.</summary>
    private readonly record struct Linear(double A, double P, double Q, double M, double Sigma)
    {
        public Svi Curve => new(A, (P + Q) / 2 / Sigma, P + Q > 0 ? (P - Q) / (P + Q) : 0, M, Sigma);

        public double Variance(double k) => Curve.Variance(k);
    }

    /// <summary>
    /// The best a, p, q with p and q in 0 .. 2 sigma. The least variance, a + sqrt(pq), is at least 0: if the best a is below that, it is raised to 0 and then lowered as far as the p and q that go with it allow.
    /// </summary>
    private static Linear Solve(ReadOnlySpan<Point> points, double[] trust, double m, double sigma, out double cost)
    {
        // Sums over the points of the products of 1, (root + y)/2, (root - y)/2 and w.
        double s00 = 0, s01 = 0, s02 = 0, s11 = 0, s12 = 0, s22 = 0, t0 = 0, t1 = 0, t2 = 0, tt = 0, largest = 0;
        for (int i = 0; i < points.Length; i++)
        {
            Point point = points[i];
            double y = (point.K - m) / sigma, root = Math.Sqrt(y * y + 1), f1 = (root + y) / 2, f2 = (root - y) / 2, w = point.Variance;
            double weight = point.Weight * trust[i] * point.Scale * point.Scale;
            (s00, s01, s02) = (s00 + weight, s01 + weight * f1, s02 + weight * f2);
            (s11, s12, s22) = (s11 + weight * f1 * f1, s12 + weight * f1 * f2, s22 + weight * f2 * f2);
            (t0, t1, t2, tt) = (t0 + weight * w, t1 + weight * f1 * w, t2 + weight * f2 * w, tt + weight * w * w);
            largest = Math.Max(largest, w);
        }

        ReadOnlySpan<double> matrix = [s00, s01, s02, s01, s11, s12, s02, s12, s22], right = [t0, t1, t2];
        Span<double> x = stackalloc double[3];
        Span<double> low = [-1e3 * largest, 0, 0], high = [largest, 2 * sigma, 2 * sigma];
        cost = tt + Bounded(matrix, right, low, high, x);
        if (x[0] + Math.Sqrt(x[1] * x[2]) < 0)
        {
            low[0] = 0;
            for (int i = 0; i < 4; i++)
            {
                cost = tt + Bounded(matrix, right, low, high, x);
                low[0] = Math.Min(low[0], -Math.Sqrt(x[1] * x[2]));
            }
        }

        return new(x[0], x[1], x[2], m, sigma);
    }

    /// <summary>Minimum of x'Mx - 2 r'x within bounds: every choice of coefficients that are free, at the lower or at the upper bound is tried; all free comes first and is the best where it is allowed.</summary>
    private static double Bounded(ReadOnlySpan<double> matrix, ReadOnlySpan<double> right, ReadOnlySpan<double> low, ReadOnlySpan<double> high, Span<double> x)
    {
        Span<double> candidate = stackalloc double[3];
        double best = double.PositiveInfinity;
        for (int choice = 0; choice < 27; choice++)
        {
            if (!Stationary(matrix, right, low, high, [choice % 3, choice / 3 % 3, choice / 9], candidate)) continue;
            double value = 0;
            for (int r = 0; r < 3; r++) value += candidate[r] * (matrix[3 * r] * candidate[0] + matrix[3 * r + 1] * candidate[1] + matrix[3 * r + 2] * candidate[2] - 2 * right[r]);
            if (value < best)
            {
                best = value;
                candidate.CopyTo(x);
            }

            if (choice == 0) break;
        }

        return best;
    }

    /// <summary>The minimum over the free coefficients (state 0), the others at their lower (1) or upper bound (2); false if it is not unique or outside the bounds.</summary>
    private static bool Stationary(ReadOnlySpan<double> matrix, ReadOnlySpan<double> right, ReadOnlySpan<double> low, ReadOnlySpan<double> high, ReadOnlySpan<int> state, Span<double> x)
    {
        // A fixed coefficient's equation is x = bound. Gaussian elimination of the 3 x 4 system; no pivoting, as what is free is positive definite.
        Span<double> system = stackalloc double[12];
        for (int r = 0; r < 3; r++)
        {
            for (int c = 0; c < 3; c++) system[4 * r + c] = state[r] == 0 ? matrix[3 * r + c] : r == c ? 1 : 0;
            system[4 * r + 3] = state[r] switch { 0 => right[r], 1 => low[r], _ => high[r] };
        }

        for (int pivot = 0; pivot < 3; pivot++)
        {
            if (!(system[4 * pivot + pivot] > 1e-14 * matrix[4 * pivot]) && state[pivot] == 0) return false;
            for (int r = 0; r < 3; r++)
            {
                if (r == pivot) continue;
                double factor = system[4 * r + pivot] / system[4 * pivot + pivot];
                for (int c = pivot; c < 4; c++) system[4 * r + c] -= factor * system[4 * pivot + c];
            }
        }

        for (int r = 0; r < 3; r++)
        {
            x[r] = system[4 * r + 3] / system[4 * r + r];
            if (!(x[r] >= low[r] && x[r] <= high[r])) return false;
        }

        return true;
    }
}

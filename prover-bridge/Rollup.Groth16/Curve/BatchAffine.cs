namespace Rollup.Groth16.Curve;

/// <summary>
/// Additions of many independent pairs of points by their coordinates, with one field inversion for all of them (Montgomery's
/// trick): 6 multiplications a pair, where mixed Jacobian addition takes 11 and leaves a Z.
/// </summary>
internal static class BatchAffine<T, TGroup>
    where T : struct, IEquatable<T>
    where TGroup : struct, IGroup<T>
{
    /// <summary>sums[i] += addends[i] for every i; complete, that is right for equal, opposite and infinite points too.</summary>
    /// <param name="sums">First addends, replaced by the sums.</param>
    /// <param name="addends">As many second addends.</param>
    /// <param name="denominators">Scratch, as many.</param>
    /// <param name="prefixes">Scratch, as many.</param>
    public static void Add(Span<AffinePoint<T, TGroup>> sums, ReadOnlySpan<AffinePoint<T, TGroup>> addends, Span<T> denominators, Span<T> prefixes)
    {
        addends = addends[..sums.Length];
        denominators = denominators[..sums.Length];
        prefixes = prefixes[..sums.Length];

        // A zero denominator marks a pair that is settled already.
        var product = TGroup.One;
        for (var i = 0; i < sums.Length; i++)
        {
            denominators[i] = Denominator(ref sums[i], addends[i]);
            prefixes[i] = product;
            if (!TGroup.IsZero(denominators[i]))
                product = TGroup.Multiply(product, denominators[i]);
        }

        var inverse = TGroup.Inverse(product);
        for (var i = sums.Length - 1; i >= 0; i--)
        {
            if (TGroup.IsZero(denominators[i]))
                continue;
            ref readonly var a = ref sums[i];
            ref readonly var b = ref addends[i];
            var slope = TGroup.Multiply(inverse, prefixes[i]);
            inverse = TGroup.Multiply(inverse, denominators[i]);
            slope = TGroup.Multiply(slope, a.X.Equals(b.X) ? ThreeTimes(TGroup.Square(a.X)) : TGroup.Subtract(b.Y, a.Y));
            var x = TGroup.Subtract(TGroup.Subtract(TGroup.Square(slope), a.X), b.X);
            sums[i] = new(x, TGroup.Subtract(TGroup.Multiply(slope, TGroup.Subtract(a.X, x)), a.Y));
        }
    }

    // The slope's denominator; or zero, and the sum put in place, where the sum needs no slope.
    private static T Denominator(ref AffinePoint<T, TGroup> sum, in AffinePoint<T, TGroup> addend)
    {
        if (addend.IsInfinity)
            return default;
        if (sum.IsInfinity)
        {
            sum = addend;
            return default;
        }
        var difference = TGroup.Subtract(addend.X, sum.X);
        if (!TGroup.IsZero(difference))
            return difference;
        if (sum.Y.Equals(addend.Y))
            return TGroup.Add(sum.Y, sum.Y);
        sum = default;
        return default;
    }

    private static T ThreeTimes(in T a) => TGroup.Add(TGroup.Add(a, a), a);
}

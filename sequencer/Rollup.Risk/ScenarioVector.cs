using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Rollup.Protocol;

namespace Rollup.Risk;

/// <summary>
/// One signed 64-bit number a scenario, in place: values a lot, or sums in atoms. The operations wrap; callers keep the bit budget
/// stated at each (the engine's is in its <c>ExposureLimits</c>).
/// </summary>
[InlineArray(Bound.Scenarios)]
public struct ScenarioVector
{
    private long _first;

    /// <summary>Copies 24 values.</summary>
    public static ScenarioVector From(ReadOnlySpan<long> values)
    {
        if (values.Length != Bound.Scenarios) throw new ArgumentException($"{values.Length} values where there are {Bound.Scenarios} scenarios.", nameof(values));
        ScenarioVector vector = default;
        values.CopyTo(vector);
        return vector;
    }

    /// <summary>The largest magnitude.</summary>
    public readonly long LargestMagnitude()
    {
        long largest = 0;
        foreach (long value in this) largest = Math.Max(largest, Math.Abs(value));
        return largest;
    }

    internal static ref long First(in ScenarioVector vector) => ref Unsafe.AsRef(in vector._first);
}

/// <summary>
/// The margin's arithmetic over 24 scenarios, vectorised. Every loop steps by the hardware's vector; 24 is a multiple of 2, 4 and 8 lanes.
/// </summary>
public static class ScenarioMath
{
    private static int Lanes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector<long>.Count;
    }

    /// <summary>
    /// Equity after a position changes: <c>next = equity + addedLong x longRow - addedShort x shortRow</c>. Returns the least of next.
    /// Budget: sums of |size| x |value| stay within 2^61.
    /// </summary>
    public static long Revalue(in ScenarioVector equity, in ScenarioVector longRow, in ScenarioVector shortRow, long addedLong, long addedShort, out ScenarioVector next)
    {
        Unsafe.SkipInit(out next);
        ref long e = ref ScenarioVector.First(in equity);
        ref long l = ref ScenarioVector.First(in longRow);
        ref long h = ref ScenarioVector.First(in shortRow);
        ref long n = ref ScenarioVector.First(in next);
        var least = new Vector<long>(long.MaxValue);
        var plus = new Vector<long>(addedLong);
        var minus = new Vector<long>(addedShort);
        if (addedShort == 0)
        {
            for (int i = 0; i < Bound.Scenarios; i += Lanes)
                Keep(ref n, i, Load(ref e, i) + plus * Load(ref l, i), ref least);
        }
        else if (addedLong == 0)
        {
            for (int i = 0; i < Bound.Scenarios; i += Lanes)
                Keep(ref n, i, Load(ref e, i) - minus * Load(ref h, i), ref least);
        }
        else
        {
            for (int i = 0; i < Bound.Scenarios; i += Lanes)
                Keep(ref n, i, Load(ref e, i) + plus * Load(ref l, i) - minus * Load(ref h, i), ref least);
        }

        return Least(least);
    }

    /// <summary>The least of <c>equity - reserve</c>.</summary>
    public static long LeastDifference(in ScenarioVector equity, in ScenarioVector reserve)
    {
        ref long e = ref ScenarioVector.First(in equity);
        ref long r = ref ScenarioVector.First(in reserve);
        var least = new Vector<long>(long.MaxValue);
        for (int i = 0; i < Bound.Scenarios; i += Lanes) least = Vector.Min(least, Load(ref e, i) - Load(ref r, i));
        return Least(least);
    }

    /// <summary>
    /// What <c>lots</c> more on one side of the book would leave: the least of <c>equity - reserve + max(side, other) - max(side + lots x loss, other)</c>,
    /// loss = <see cref="LossPerLot"/>.
    /// </summary>
    public static long LeastWithOrder(in ScenarioVector equity, in ScenarioVector reserve, in ScenarioVector side, in ScenarioVector other,
        in ScenarioVector row, long price, bool isSell, long lots)
    {
        ref long e = ref ScenarioVector.First(in equity);
        ref long r = ref ScenarioVector.First(in reserve);
        ref long a = ref ScenarioVector.First(in side);
        ref long b = ref ScenarioVector.First(in other);
        ref long v = ref ScenarioVector.First(in row);
        var least = new Vector<long>(long.MaxValue);
        var size = new Vector<long>(lots);
        var at = new Vector<long>(price);
        for (int i = 0; i < Bound.Scenarios; i += Lanes)
        {
            Vector<long> mine = Load(ref a, i), opposite = Load(ref b, i);
            Vector<long> after = mine + size * LossPerLot(Load(ref v, i), at, isSell);
            least = Vector.Min(least, Load(ref e, i) - Load(ref r, i) + Vector.Max(mine, opposite) - Vector.Max(after, opposite));
        }

        return Least(least);
    }

    /// <summary>
    /// Puts <c>lots</c> (negative: takes them off) on one side of the book: <c>side += lots x loss</c>, and the reserve by what max(side, other) changes.
    /// </summary>
    public static void Reserve(ref ScenarioVector reserve, ref ScenarioVector side, in ScenarioVector other, in ScenarioVector row, long price, bool isSell, long lots)
    {
        ref long r = ref ScenarioVector.First(in reserve);
        ref long a = ref ScenarioVector.First(in side);
        ref long b = ref ScenarioVector.First(in other);
        ref long v = ref ScenarioVector.First(in row);
        var size = new Vector<long>(lots);
        var at = new Vector<long>(price);
        for (int i = 0; i < Bound.Scenarios; i += Lanes)
        {
            Vector<long> mine = Load(ref a, i), opposite = Load(ref b, i);
            Vector<long> after = mine + size * LossPerLot(Load(ref v, i), at, isSell);
            after.StoreUnsafe(ref a, (nuint)i);
            (Load(ref r, i) + Vector.Max(after, opposite) - Vector.Max(mine, opposite)).StoreUnsafe(ref r, (nuint)i);
        }
    }

    /// <summary>What one lot costs if it fills at <paramref name="price"/> (net of funding and fee) and is worth <paramref name="value"/>, never below 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<long> LossPerLot(Vector<long> value, Vector<long> price, bool isSell) =>
        Vector.Max(Vector<long>.Zero, isSell ? value - price : price - value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<long> Load(ref long first, int at) => Vector.LoadUnsafe(ref first, (nuint)at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Keep(ref long first, int at, Vector<long> value, ref Vector<long> least)
    {
        value.StoreUnsafe(ref first, (nuint)at);
        least = Vector.Min(least, value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Least(Vector<long> lanes)
    {
        long least = lanes[0];
        for (int i = 1; i < Vector<long>.Count; i++) least = Math.Min(least, lanes[i]);
        return least;
    }
}

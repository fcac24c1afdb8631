using Rollup.Protocol;

namespace Rollup.Oracle;

/// <summary>Medians of whole numbers.</summary>
public static class Median
{
    /// <summary>
    /// The middle of the sorted values; of an even count the two middle ones' mean, rounded down. If fewer than half of the values are lies, it
    /// lies between the least and the greatest of the others: a lie more would be needed to fill a whole side up to the middle.
    /// </summary>
    /// <param name="values">At least one.</param>
    public static long Of(IEnumerable<long> values)
    {
        long[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (long)Rounding.FloorDiv((Int128)sorted[middle - 1] + sorted[middle], 2);
    }
}

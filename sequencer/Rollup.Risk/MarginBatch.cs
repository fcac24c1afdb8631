using System.Numerics;
using System.Runtime.InteropServices;
using Rollup.Protocol;

namespace Rollup.Risk;

/// <summary>
/// Margins of many accounts under one table: <see cref="PortfolioMargin"/> in 64 bits and vectors, over positions that lie one after the other. One thread a call; a host gives each
/// thread a range of accounts.
/// </summary>
public sealed class MarginBatch
{
    private readonly long[] _values;
    private readonly int[] _groups;

    /// <summary>Takes the table in; a position names a row by its place here.</summary>
    public MarginBatch(ReadOnlySpan<RiskRow> rows)
    {
        _values = new long[2 * Bound.Scenarios * rows.Length];
        _groups = new int[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i].Long.CopyTo(_values.AsSpan(2 * i * Bound.Scenarios));
            rows[i].Short.CopyTo(_values.AsSpan((2 * i + 1) * Bound.Scenarios));
            _groups[i] = rows[i].Group;
        }
    }

    /// <summary>
    /// Health and mark value of each account (<see cref="PortfolioMargin.Health"/>, <see cref="PortfolioMargin.Value"/>), in atoms. Budget: |cash| and the sum of |size| x |value| stay
    /// within 2^61, or the sums wrap.
    /// </summary>
    /// <param name="cash">Of each account.</param>
    /// <param name="starts">Where the positions of each account begin, and at the end where the last one's end: one more than there are accounts.</param>
    /// <param name="rows">Row of each position; those of one margin group stand together within an account.</param>
    /// <param name="sizes">Signed lots of each position.</param>
    /// <param name="healths">Receives one number an account.</param>
    /// <param name="values">Likewise.</param>
    public void Value(ReadOnlySpan<long> cash, ReadOnlySpan<int> starts, ReadOnlySpan<int> rows, ReadOnlySpan<long> sizes, Span<long> healths, Span<long> values)
    {
        if (starts.Length != cash.Length + 1 || healths.Length != cash.Length || values.Length != cash.Length || rows.Length != sizes.Length)
            throw new ArgumentException($"{cash.Length} accounts need as many healths and values and one start more, not {healths.Length}, {values.Length} and {starts.Length}; and each size its row.");
        for (int account = 0; account < cash.Length; account++)
        {
            (long health, long value) = (cash[account], cash[account]);
            int end = starts[account + 1];
            for (int first = starts[account], next; first < end; first = next)
            {
                int group = _groups[rows[first]];
                for (next = first + 1; next < end && _groups[rows[next]] == group; next++) { }
                (long worst, long mark) = Group(rows[first..next], sizes[first..next]);
                health = unchecked(health + worst);
                value = unchecked(value + mark);
            }

            (healths[account], values[account]) = (health, value);
        }
    }

    /// <summary>min over s of E[s], and E[0].</summary>
    private (long Worst, long Mark) Group(ReadOnlySpan<int> rows, ReadOnlySpan<long> sizes)
    {
        ref long table = ref MemoryMarshal.GetArrayDataReference(_values);
        Vector<long> least = new(long.MaxValue), first = default;
        for (int i = 0; i < Bound.Scenarios; i += Vector<long>.Count)
        {
            Vector<long> equity = default;
            for (int p = 0; p < rows.Length; p++)
            {
                // rows[p] was a valid index of _groups when the group was looked up.
                int at = (2 * rows[p] + (sizes[p] < 0 ? 1 : 0)) * Bound.Scenarios + i;
                equity += new Vector<long>(sizes[p]) * Vector.LoadUnsafe(ref table, (nuint)at);
            }

            if (i == 0) first = equity;
            least = Vector.Min(least, equity);
        }

        long worst = least[0];
        for (int i = 1; i < Vector<long>.Count; i++) worst = Math.Min(worst, least[i]);
        return (worst, first[0]);
    }
}

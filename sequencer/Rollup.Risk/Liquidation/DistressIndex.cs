using Rollup.Protocol;

namespace Rollup.Risk.Liquidation;

/// <summary>
/// Finds the accounts that moving prices may have brought below maintenance without looking at the others. Each account stands in line, in
/// every margin group it holds, at the distance that the group's rows have to travel before its slack can be used up; a group's distance
/// only grows. Never misses an account: by the triangle inequality no row is further from where it was than the sum of its moves.
/// </summary>
public sealed class DistressIndex
{
    // Distances are relative to a row's largest value under the reference table, in 2^-40.
    private const int FractionBits = 40;

    private readonly Dictionary<int, RiskRow> _rows = [];
    private readonly Dictionary<int, long> _units = [];
    private readonly Dictionary<int, Line> _lines = [];
    private readonly Dictionary<int, long> _placements = [];
    private long _placed;

    /// <summary>Starts over: no account, and these rows as the reference.</summary>
    public void Reset(IEnumerable<RiskRow> rows)
    {
        _rows.Clear();
        _units.Clear();
        _lines.Clear();
        _placements.Clear();
        foreach (RiskRow row in rows)
        {
            _rows[row.Id] = row;
            _units[row.Id] = Math.Max(1, Largest(row));
            _lines.TryAdd(row.Group, new Line());
        }
    }

    /// <summary>Puts an account in line, in place of where it stood, by its margin under the rows as they are now.</summary>
    /// <param name="account">The account.</param>
    /// <param name="slack">Its scaled maintenance (<see cref="PortfolioMargin.ScaledMaintenance"/>); below 0 it crosses at once. |slack| below 2^86.</param>
    /// <param name="positions">Instruments of the reference table, each once, and signed sizes.</param>
    public void Place(int account, Int128 slack, IEnumerable<(int Instrument, long Size)> positions)
    {
        Int128 exposure = 0;
        var groups = new SortedSet<int>();
        foreach ((int instrument, long size) in positions)
        {
            exposure += Int128.Abs(size) * _units[instrument];
            groups.Add(_rows[instrument].Group);
        }

        long placement = _placements[account] = ++_placed;
        if (exposure == 0) return;
        // Scaled maintenance counts scenario 0 once and the worst one four times: it falls by at most 5 x the distance x exposure.
        Int128 distance = Rounding.FloorDiv(slack << FractionBits, Scale.MaintenanceDenominator * exposure);
        foreach (int group in groups) _lines[group].Waiting.Enqueue((account, placement), _lines[group].Travelled + distance);
    }

    /// <summary>Takes new rows, of the same instruments.</summary>
    public void Move(IEnumerable<RiskRow> rows)
    {
        var moves = new Dictionary<int, Int128>();
        foreach (RiskRow row in rows)
        {
            Int128 distance = Rounding.CeilDiv((Int128)Difference(_rows[row.Id], row) << FractionBits, (Int128)_units[row.Id]);
            moves[row.Group] = Int128.Max(moves.GetValueOrDefault(row.Group), distance);
            _rows[row.Id] = row;
        }

        foreach ((int group, Int128 distance) in moves) _lines[group].Travelled += distance;
    }

    /// <summary>
    /// Takes out every account whose distance has been travelled, ascending: all that can be below maintenance under the rows as they are now.
    /// The caller values them and places them again.
    /// </summary>
    public IReadOnlyCollection<int> TakeCrossed()
    {
        var crossed = new SortedSet<int>();
        foreach (Line line in _lines.Values)
        {
            while (line.Waiting.TryPeek(out (int Account, long Placement) next, out Int128 at) && at < line.Travelled)
            {
                line.Waiting.Dequeue();
                // An older placement: the account has been placed anew since.
                if (_placements.GetValueOrDefault(next.Account) == next.Placement) crossed.Add(next.Account);
            }
        }

        foreach (int account in crossed) _placements.Remove(account);
        return crossed;
    }

    private static long Largest(RiskRow row)
    {
        long largest = 0;
        for (int s = 0; s < Bound.Scenarios; s++) largest = Math.Max(largest, Math.Max(Math.Abs(row.Long[s]), Math.Abs(row.Short[s])));
        return largest;
    }

    private static long Difference(RiskRow before, RiskRow after)
    {
        long largest = 0;
        for (int s = 0; s < Bound.Scenarios; s++)
            largest = Math.Max(largest, Math.Max(Math.Abs(after.Long[s] - before.Long[s]), Math.Abs(after.Short[s] - before.Short[s])));
        return largest;
    }

    /// <summary>One margin group: how far its rows have travelled, and who waits for which distance.</summary>
    private sealed class Line
    {
        internal Int128 Travelled;

        internal PriorityQueue<(int Account, long Placement), Int128> Waiting { get; } = new();
    }
}

using Rollup.Protocol;

namespace Rollup.Risk.Tests;

/// <summary>
/// A market to try portfolios on: group 1 at 640 USD a lot (0.01 of 64,000), group 2 at 25 USD (0.01 of 2,500), forwards at the index, one volatility a group; perpetual and spot of
/// both, and the options that a test asks for. Books are in lots; requirements in shares of the price of group 1 unless a test says otherwise.
/// </summary>
internal sealed class Market(double volatility = 0.6, RiskParameters? parameters = null, double shift = 0)
{
    public const long Index = 640_000_000, EthIndex = 25_000_000;

    private readonly List<InstrumentInput> instruments = [];
    private readonly SortedDictionary<long, ExpiryInput> expiries = [];

    /// <summary>Price of group 1 after a test moves it.</summary>
    public long Price => (long)(Index * (1 + shift));

    public InstrumentInput Perpetual() => Add(InstrumentKind.Perpetual, 1, Price, Price);
    public InstrumentInput Spot() => Add(InstrumentKind.Spot, 1, Price, Price);
    public InstrumentInput EthPerpetual() => Add(InstrumentKind.Perpetual, 2, EthIndex, EthIndex);

    /// <summary>An option of group 1, its strike in shares of the unmoved index.</summary>
    public InstrumentInput Call(double days, double strike) => Option(InstrumentKind.Call, days, strike);

    /// <inheritdoc cref="Call"/>
    public InstrumentInput Put(double days, double strike) => Option(InstrumentKind.Put, days, strike);

    public RiskInputs Inputs() => new(1, Timestamp.FromMilliseconds(Sample.Now), parameters ?? RiskParameters.Default,
        [new(1, GroupRange.Bitcoin), new(2, GroupRange.Ether)], [.. instruments])
    { Expiries = [.. expiries.Values] };

    public RiskRow Row(InstrumentInput t) => Sample.Row(Inputs(), t.Id);

    /// <summary>The requirement in atoms.</summary>
    public Int128 Required(params (InstrumentInput Instrument, long Size)[] book)
    {
        var rows = RiskRows.From(Inputs()).ToDictionary(r => r.Id);
        return PortfolioMargin.Of(0, book.Where(b => b.Size != 0).Select(b => (rows[b.Instrument.Id], b.Size))).Requirement;
    }

    /// <summary>The requirement as a share of <paramref name="units"/> lots of group 1; the model in doubles agrees within 10^-6 of the book's gross notional.</summary>
    public double Share(long units, params (InstrumentInput Instrument, long Size)[] book)
    {
        Int128 required = Required(book);
        double gross = book.Sum(b => Math.Abs((double)b.Size) * b.Instrument.Index);
        Assert.InRange(((double)required - ReferenceModel.Requirement(Inputs(), book)) / gross, -1e-6, 1e-6);
        return (double)required / ((double)units * Index);
    }

    /// <summary>The worst of what the book itself, without any gap, loses over all moves within the range and both volatilities; in shares of one lot.</summary>
    public double TrueLoss(long units, params (InstrumentInput Instrument, long Size)[] book)
    {
        RiskInputs inputs = Inputs();
        double worst = 0, range = GroupRange.Bitcoin / 1e6;
        foreach (int sign in new[] { 1, -1 })
        {
            for (int i = -3_000; i <= 3_000; i++)
            {
                double gain = 0;
                foreach ((InstrumentInput t, long size) in book)
                {
                    if (!t.IsOption) gain += size * (double)t.Mark * range * i / 3_000;
                    else
                    {
                        var curve = new ReferenceModel.Curve(inputs, t);
                        gain += size * (curve.Value(range * i / 3_000, 0, curve.Stressed(sign, 0)) - curve.Value(0, 0, curve.Deviation));
                    }
                }

                worst = Math.Max(worst, -gain);
            }
        }

        return worst / ((double)units * Index);
    }

    private InstrumentInput Option(InstrumentKind kind, double days, double strike)
    {
        Timestamp at = Timestamp.FromMilliseconds(Sample.Now + (long)Math.Round(days * Sample.Day));
        expiries.TryAdd(at.Milliseconds, new ExpiryInput(1, at, 0, new SviSlice((long)(1e9 * volatility * volatility * days / 365), 0, 0, 0, 1)));
        return Add(kind, 1, Price, 0, (long)Math.Round(strike * Index), at);
    }

    private InstrumentInput Add(InstrumentKind kind, int group, long index, long mark, long strike = 0, Timestamp at = default)
    {
        var t = new InstrumentInput(instruments.Count + 1, kind, InstrumentFlags.None, group, index, mark, 0, 0, strike, at);
        if (instruments.FirstOrDefault(i => i with { Id = t.Id } == t) is { } known) return known;
        instruments.Add(t);
        return t;
    }
}

namespace Rollup.Bench;

/// <summary>Field, hash, signature and tree: scalar code on one core.</summary>
public sealed class CryptoSection : ISection
{
    /// <inheritdoc/>
    public string Name => "crypto";

    private Fr _sink;

    /// <inheritdoc/>
    public void Run(Table table)
    {
        Fr x = Fr.FromUInt64(0x9E3779B97F4A7C15).Pow(7), y = x.Square() + Fr.One;
        table.Time("Fr multiplication, dependent chain", "ns", 10_000, () =>
        {
            Fr a = x;
            for (int i = 0; i < 10_000; i++) a *= y;
            _sink = a;
        });
        table.Time("Fr addition, dependent chain", "ns", 10_000, () =>
        {
            Fr a = x;
            for (int i = 0; i < 10_000; i++) a += y;
            _sink = a;
        });
        table.Time("Fr inverse", "us", 10, () =>
        {
            Fr a = x;
            for (int i = 0; i < 10; i++) a = (a + y).Inverse();
            _sink = a;
        });
        if (_sink.IsZero) throw new InvalidOperationException("The measured code gave zero.");
    }
}

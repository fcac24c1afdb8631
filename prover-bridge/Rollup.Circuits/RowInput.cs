using System.Collections.Immutable;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Circuits;

/// <summary>The input of the circuit <c>row</c> (template <c>Row</c>, spec 9): what one row of a risk table says, all 0 if it is not listed.</summary>
public sealed class RowInput
{
    private readonly OpenedBucket bucket;
    private readonly bool isEmpty;

    private RowInput(RiskTree risk, int instrument)
    {
        if (instrument is < 0 or >= 1 << Width.Instrument) throw new ArgumentException($"Instrument {instrument} is outside 0..2^{Width.Instrument}-1.", nameof(instrument));
        bucket = OpenedBucket.Of(risk, instrument);
        isEmpty = risk.Bucket(RiskTree.BucketOf(instrument)).All(r => r is null);
        PublicInputs = [risk.Root, Fr.FromUInt64((ulong)instrument), .. bucket.Rows[instrument % Bound.RowsPerBucket]];
    }

    /// <summary>Builds the input.</summary>
    /// <exception cref="ArgumentException">No instrument has this id.</exception>
    public static RowInput Build(RiskTree risk, int instrument) => new(risk, instrument);

    /// <summary>In the circuit's order: riskRoot, id, the row's 18 elements.</summary>
    public ImmutableArray<Fr> PublicInputs { get; }

    /// <summary>The circuit's input.</summary>
    public CircuitInput ToCircuitInput()
    {
        var input = new CircuitInput();
        input.Add("riskRoot", PublicInputs[0]);
        input.Add("id", PublicInputs[1]);
        input.Add("row", ExitInput.Values(PublicInputs[2..]));
        input.Add("isEmpty", isEmpty ? Fr.One : Fr.Zero);
        input.Add("siblings", ExitInput.Levels(bucket.Path));
        foreach ((string name, Func<OpenedBucket, SignalValue> field) in OpenedBucket.Fields) input.Add(name, field(bucket));
        return input;
    }
}

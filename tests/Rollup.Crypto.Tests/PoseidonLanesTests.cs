namespace Rollup.Crypto.Tests;

public sealed class PoseidonLanes8Tests : PoseidonLanesTests<FieldLanes<Lanes8, Bn254Scalar>>;

public sealed class PoseidonLanes4Tests : PoseidonLanesTests<FieldLanes<Lanes4, Bn254Scalar>>;

/// <summary>Many hashes at once against one after the other.</summary>
public abstract class PoseidonLanesTests<TVector>
    where TVector : struct, IFieldVector<TVector, Fr>
{
    public static TheoryData<int> Arities => [.. Enumerable.Range(1, Poseidon.MaxInputs)];

    [Theory]
    [MemberData(nameof(Arities))]
    public void Any_number_of_hashes_of_any_arity_equals_each_alone(int arity)
    {
        // One vector more or less, of either width, complete or not.
        foreach (int count in (int[])[0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17])
        {
            Fr[] inputs = Elements(arity * 100 + count, arity * count), outputs = new Fr[count];
            PoseidonLanes<TVector>.HashMany(inputs, arity, outputs);
            Assert.Equal(inputs.Chunk(arity).Select(chunk => Poseidon.Hash(chunk)), outputs);
        }
    }

    [Fact]
    public void Edge_values_in_every_lane()
    {
        Fr[] edges = [Fr.Zero, Fr.One, -Fr.One, Fr.FromUInt64(2).Pow(253), -Fr.FromUInt64(2).Pow(51)];
        Fr[] inputs = [.. edges.SelectMany(a => edges.SelectMany(b => new[] { a, b }))], outputs = new Fr[edges.Length * edges.Length];
        PoseidonLanes<TVector>.HashMany(inputs, 2, outputs);
        Assert.Equal(inputs.Chunk(2).Select(pair => Poseidon.Hash(pair[0], pair[1])), outputs);
    }

    private static Fr[] Elements(int seed, int count)
    {
        var random = new Random(seed);
        var bytes = new byte[48];
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            random.NextBytes(bytes);
            return Fr.FromBytesReducedLittleEndian(bytes);
        })];
    }
}

public sealed class PoseidonManyTests
{
    [Fact]
    public void The_public_entry_gives_the_same_hashes()
    {
        Fr[] inputs = [.. Enumerable.Range(5, 57).Select(i => Fr.FromUInt64((ulong)i))], outputs = new Fr[19];
        Poseidon.HashMany(inputs, 3, outputs);
        Assert.Equal(inputs.Chunk(3).Select(chunk => Poseidon.Hash(chunk)), outputs);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(17, 17)]
    [InlineData(4, 3)]
    [InlineData(4, 5)]
    public void The_arity_is_1_to_16_and_divides_the_inputs(int arity, int inputs)
    {
        Poseidon.HashMany(new Fr[4], 4, new Fr[1]);
        Assert.Throws<ArgumentException>(() => Poseidon.HashMany(new Fr[inputs], arity, new Fr[1]));
    }
}

namespace Rollup.Crypto.Tests;

public sealed class PoseidonTests
{
    private sealed record Case(string InitialState, string[] Inputs, string[] Outputs);

    public static TheoryData<int> Widths => [.. Enumerable.Range(2, 16)];

    [Theory]
    [MemberData(nameof(Widths))]
    public void Hash_and_permutation_equal_circomlibjs(int width)
    {
        Case[] cases = [.. Vectors.Load<Case[]>("poseidon").Where(c => c.Inputs.Length == width - 1)];
        Assert.Equal(7, cases.Length);
        foreach (Case c in cases)
        {
            Fr[] inputs = Vectors.Parse(c.Inputs), outputs = Vectors.Parse(c.Outputs);
            Fr[] state = [Fr.Parse(c.InitialState), .. inputs];
            Poseidon.Permute(state);
            Assert.Equal(outputs, state);
            if (c.InitialState != "0") continue;
            Assert.Equal(outputs[0], Poseidon.Hash(inputs));
            if (width == 3) Assert.Equal(outputs[0], Poseidon.Hash(inputs[0], inputs[1]));
            if (width == 5) Assert.Equal(outputs[0], Poseidon.Hash(inputs[0], inputs[1], inputs[2], inputs[3]));
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Optimised_permutation_equals_the_plain_one(int width)
    {
        var constants = new PoseidonConstants(width);
        var random = new Random(width);
        var bytes = new byte[48];
        for (int i = 0; i < 5; i++)
        {
            var state = new Fr[width];
            for (int lane = 0; lane < width; lane++)
            {
                random.NextBytes(bytes);
                state[lane] = Fr.FromBytesReducedBigEndian(bytes);
            }

            Fr[] expected = Plain(constants, state);
            Poseidon.Permute(state);
            Assert.Equal(expected, state);
        }
    }

    // The permutation as the paper writes it.
    private static Fr[] Plain(PoseidonConstants constants, Fr[] state)
    {
        int rounds = constants.Round.Length;
        state = [.. state];
        for (int round = 0; round < rounds; round++)
        {
            bool full = round < 4 || round >= rounds - 4;
            for (int i = 0; i < state.Length; i++)
            {
                state[i] += constants.Round[round][i];
                if (full || i == 0) state[i] = state[i].Pow(5);
            }

            var mixed = new Fr[state.Length];
            for (int i = 0; i < state.Length; i++)
                for (int j = 0; j < state.Length; j++)
                    mixed[i] += constants.Mds[i, j] * state[j];
            state = mixed;
        }

        return state;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(17)]
    public void Hash_takes_1_to_16_inputs(int count)
    {
        Assert.Throws<ArgumentException>(() => Poseidon.Hash(new Fr[count]));
        Assert.NotEqual(Poseidon.Hash(new Fr[1]), Poseidon.Hash(new Fr[16]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(18)]
    public void Permutation_takes_2_to_17_lanes(int lanes) => Assert.Throws<ArgumentException>(() => Poseidon.Permute(new Fr[lanes]));

    [Theory]
    [InlineData(1)]
    [InlineData(14)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(30)]
    [InlineData(31)]
    [InlineData(45)]
    public void Sponge_chains_hashes_of_16_over_zero_padded_chunks_of_15(int length)
    {
        Fr tag = Fr.FromUInt64(777);
        Fr[] inputs = [.. Enumerable.Range(1, length).Select(i => Fr.FromInt64(i * 31 - 100))];
        Fr expected = tag;
        for (int start = 0; start < length; start += 15)
        {
            var chunk = new Fr[16];
            chunk[0] = expected;
            for (int i = 0; i < 15 && start + i < length; i++) chunk[1 + i] = inputs[start + i];
            expected = Poseidon.Hash(chunk);
        }

        Assert.Equal(expected, Poseidon.Sponge(tag, inputs));
        Assert.NotEqual(expected, Poseidon.Sponge(tag + Fr.One, inputs));
        inputs[^1] += Fr.One;
        Assert.NotEqual(expected, Poseidon.Sponge(tag, inputs));
    }

    [Fact]
    public void Sponge_refuses_to_absorb_nothing() => Assert.Throws<ArgumentException>(() => Poseidon.Sponge(Fr.One, []));
}

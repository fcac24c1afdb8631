namespace Rollup.Crypto;

/// <summary>
/// Poseidon over BN254's scalar field, bit for bit circomlib's <c>Poseidon(n)</c> and <c>PoseidonEx</c>: width t = n + 1, S-box x^5, 8 full rounds,
/// circomlib's numbers of partial rounds. Constants are derived at the first use of a width (see <see cref="PoseidonConstants"/>), then shared.
/// </summary>
public static class Poseidon
{
    /// <summary>The most inputs of one hash.</summary>
    public const int MaxInputs = 16;

    private static readonly Lazy<PoseidonSchedule>[] Schedules =
        [.. Enumerable.Range(2, MaxInputs).Select(width => new Lazy<PoseidonSchedule>(() => new PoseidonSchedule(new PoseidonConstants(width))))];

    /// <summary>circomlib's <c>Poseidon(n)</c> of 1..16 inputs: lane 0 of the permutation of (0, inputs).</summary>
    /// <exception cref="ArgumentException">No input, or more than 16.</exception>
    public static Fr Hash(ReadOnlySpan<Fr> inputs)
    {
        if (inputs.Length is 0 or > MaxInputs) throw new ArgumentException($"Poseidon takes 1 to {MaxInputs} inputs, got {inputs.Length}; use Sponge for more.", nameof(inputs));
        Span<Fr> state = stackalloc Fr[MaxInputs + 1];
        state = state[..(inputs.Length + 1)];
        state[0] = Fr.Zero;
        inputs.CopyTo(state[1..]);
        return FirstLane(state);
    }

    /// <summary>The constants of a number of inputs, 32 bytes each, big-endian, as contracts/src/libraries/Poseidon.sol reads them: of each round by lane, then the MDS matrix by rows.</summary>
    /// <exception cref="ArgumentException">No input, or more than 16.</exception>
    public static byte[] ConstantsOf(int inputs)
    {
        if (inputs is < 1 or > MaxInputs) throw new ArgumentException($"Poseidon takes 1 to {MaxInputs} inputs, got {inputs}.", nameof(inputs));
        var constants = new PoseidonConstants(inputs + 1);
        return [.. constants.Round.SelectMany(round => round).Concat(constants.Mds.Cast<Fr>()).SelectMany(element => element.ToBigEndianBytes())];
    }

    /// <summary>Poseidon(2).</summary>
    public static Fr Hash(in Fr a, in Fr b) => FirstLane([Fr.Zero, a, b]);

    /// <summary>Poseidon(4), a node of the quad tree.</summary>
    public static Fr Hash(in Fr a, in Fr b, in Fr c, in Fr d) => FirstLane([Fr.Zero, a, b, c, d]);

    /// <summary>One hash of every <paramref name="arity"/> inputs, as <see cref="Hash(ReadOnlySpan{Fr})"/> gives it, several at a time in the machine's vectors.</summary>
    /// <param name="inputs">arity · outputs.Length elements, those of one hash next to each other.</param>
    /// <param name="arity">1..16 inputs of each hash.</param>
    /// <param name="outputs">Receives the hashes; apart from the inputs.</param>
    /// <exception cref="ArgumentException">Another arity, or another number of inputs.</exception>
    public static void HashMany(ReadOnlySpan<Fr> inputs, int arity, Span<Fr> outputs)
    {
        if (arity is < 1 or > MaxInputs) throw new ArgumentException($"Poseidon takes 1 to {MaxInputs} inputs, got {arity}.", nameof(arity));
        if (inputs.Length != (long)arity * outputs.Length)
            throw new ArgumentException($"{outputs.Length} hashes of {arity} inputs take {(long)arity * outputs.Length} elements, got {inputs.Length}.", nameof(inputs));
        switch (FieldPath.Current)
        {
            case FieldPathKind.Avx512:
                PoseidonLanes<FieldLanes<Lanes8, Bn254Scalar>>.HashMany(inputs, arity, outputs);
                break;
            case FieldPathKind.Avx2:
                PoseidonLanes<FieldLanes<Lanes4, Bn254Scalar>>.HashMany(inputs, arity, outputs);
                break;
            default:
                for (int i = 0; i < outputs.Length; i++) outputs[i] = Hash(inputs.Slice(i * arity, arity));
                break;
        }
    }

    /// <summary>
    /// The whole permutation in place. With (initialState, inputs) in the state, the lanes afterwards are the outputs of circomlib's <c>PoseidonEx(n, nOuts)</c>.
    /// </summary>
    /// <param name="state">t = 2..17 lanes.</param>
    /// <exception cref="ArgumentException">Another number of lanes.</exception>
    public static void Permute(Span<Fr> state)
    {
        if (state.Length is < 2 or > MaxInputs + 1) throw new ArgumentException($"A Poseidon state has 2 to {MaxInputs + 1} lanes, got {state.Length}.", nameof(state));
        PoseidonSchedule schedule = ScheduleOf(state.Length);
        BeforeLastMatrix(schedule, state);
        MultiplyDense(schedule.Mds, state);
    }

    /// <summary>
    /// The project's hash of a sequence whose length the protocol fixes: h = tag; for each chunk of 15 elements, the last one zero-padded,
    /// h = Poseidon(h, chunk). Zero-padding makes it injective only among sequences of one length; each use has its own tag.
    /// </summary>
    /// <param name="tag">Separates the uses.</param>
    /// <param name="inputs">At least one element.</param>
    /// <exception cref="ArgumentException">No inputs.</exception>
    public static Fr Sponge(in Fr tag, ReadOnlySpan<Fr> inputs)
    {
        if (inputs.IsEmpty) throw new ArgumentException("A sponge absorbs at least one element.", nameof(inputs));
        Span<Fr> state = stackalloc Fr[MaxInputs + 1];
        Fr h = tag;
        for (int start = 0; start < inputs.Length; start += MaxInputs - 1)
        {
            ReadOnlySpan<Fr> chunk = inputs[start..Math.Min(start + MaxInputs - 1, inputs.Length)];
            state.Clear();
            state[1] = h;
            chunk.CopyTo(state[2..]);
            h = FirstLane(state);
        }

        return h;
    }

    internal static PoseidonSchedule ScheduleOf(int width) => Schedules[width - 2].Value;

    private static Fr FirstLane(Span<Fr> state)
    {
        PoseidonSchedule schedule = ScheduleOf(state.Length);
        BeforeLastMatrix(schedule, state);
        return Dot(schedule.Mds.AsSpan(0, state.Length), state);
    }

    private static void BeforeLastMatrix(PoseidonSchedule schedule, Span<Fr> state)
    {
        const int half = PoseidonConstants.FullRounds / 2;
        int t = state.Length;
        ReadOnlySpan<Fr> full = schedule.Full;
        for (int round = 0; round < half; round++)
        {
            FullSboxes(full.Slice(round * t, t), state);
            if (round < half - 1) MultiplyDense(schedule.Mds, state);
        }

        for (int i = 0; i < t; i++) state[i] += full[half * t + i];
        MultiplyDense(schedule.Bridge, state);

        ReadOnlySpan<Fr> constants = schedule.Partial, sparse = schedule.Sparse;
        for (int round = 0; round < constants.Length; round++)
        {
            Fr first = Power5(state[0]) + constants[round];
            state[0] = first;
            ReadOnlySpan<Fr> matrix = sparse.Slice(round * (2 * t - 1), 2 * t - 1);
            state[0] = Dot(matrix[..t], state);
            for (int i = 1; i < t; i++) state[i] += matrix[t - 1 + i] * first;
        }

        for (int round = half + 1; round <= 2 * half; round++)
        {
            FullSboxes(full.Slice(round * t, t), state);
            if (round < 2 * half) MultiplyDense(schedule.Mds, state);
        }
    }

    private static void FullSboxes(ReadOnlySpan<Fr> constants, Span<Fr> state)
    {
        for (int i = 0; i < state.Length; i++) state[i] = Power5(state[i] + constants[i]);
    }

    private static Fr Power5(in Fr x)
    {
        Fr square = x * x;
        return square * square * x;
    }

    private static void MultiplyDense(ReadOnlySpan<Fr> matrix, Span<Fr> state)
    {
        int t = state.Length;
        Span<Fr> old = stackalloc Fr[t];
        state.CopyTo(old);
        for (int i = 0; i < t; i++) state[i] = Dot(matrix.Slice(i * t, t), old);
    }

    private static Fr Dot(ReadOnlySpan<Fr> a, ReadOnlySpan<Fr> b)
    {
        Fr sum = a[0] * b[0];
        for (int i = 1; i < a.Length; i++) sum += a[i] * b[i];
        return sum;
    }
}

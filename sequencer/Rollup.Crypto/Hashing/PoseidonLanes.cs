using System.Runtime.CompilerServices;

namespace Rollup.Crypto;

/// <summary>
/// Many Poseidon hashes side by side: lane l of every vector belongs to the l-th of them, and all go through the rounds of <see cref="Poseidon"/> together.
/// </summary>
/// <typeparam name="TVector">Where they run.</typeparam>
internal sealed class PoseidonLanes<TVector>
    where TVector : struct, IFieldVector<TVector, Fr>
{
    private static readonly Lazy<PoseidonLanes<TVector>>[] Widths =
        [.. Enumerable.Range(2, Poseidon.MaxInputs).Select(width => new Lazy<PoseidonLanes<TVector>>(() => new PoseidonLanes<TVector>(Poseidon.ScheduleOf(width))))];

    private readonly int _width;
    private readonly TVector[] _full, _partial, _mds, _bridge, _sparse;

    private PoseidonLanes(PoseidonSchedule schedule)
    {
        _width = schedule.Width;
        _full = Broadcast(schedule.Full);
        _partial = Broadcast(schedule.Partial);
        _mds = Broadcast(schedule.Mds);
        _bridge = Broadcast(schedule.Bridge);
        _sparse = Broadcast(schedule.Sparse);
    }

    /// <summary>One hash of every <paramref name="arity"/> inputs.</summary>
    /// <param name="inputs">arity · outputs.Length elements.</param>
    /// <param name="arity">1..16.</param>
    /// <param name="outputs">May not overlap the inputs.</param>
    internal static void HashMany(ReadOnlySpan<Fr> inputs, int arity, Span<Fr> outputs)
    {
        PoseidonLanes<TVector> lanes = Widths[arity - 1].Value;
        int width = arity + 1, count = TVector.Count;
        var states = new TVector[2 * width];
        Span<TVector> state = states.AsSpan(0, width), other = states.AsSpan(width);
        Span<Fr> values = new Fr[count];
        for (int start = 0; start < outputs.Length; start += count)
        {
            int used = Math.Min(count, outputs.Length - start);
            if (used == 1)
            {
                // A whole vector for one hash takes longer than that hash alone.
                outputs[start] = Poseidon.Hash(inputs.Slice(start * arity, arity));
                break;
            }

            TVector.Broadcast(Fr.Zero, out state[0]);
            for (int i = 0; i < arity; i++)
            {
                // Lanes without a hash of their own repeat whatever stood there.
                for (int lane = 0; lane < used; lane++) values[lane] = inputs[(start + lane) * arity + i];
                TVector.Load(values, out state[i + 1]);
            }

            lanes.FirstLane(state, other);
            TVector.Store(state[0], values);
            values[..used].CopyTo(outputs[start..]);
        }
    }

    private void FirstLane(Span<TVector> state, Span<TVector> other)
    {
        const int half = PoseidonConstants.FullRounds / 2;
        int t = _width;
        ReadOnlySpan<TVector> full = _full;
        for (int round = 0; round < 2 * half; round++)
        {
            FullRound(full.Slice((round < half ? round : round + 1) * t, t), state);
            if (round == half - 1)
            {
                for (int i = 0; i < t; i++) TVector.Add(state[i], full[half * t + i], out state[i]);
                MultiplyDense(_bridge, state, other, t);
                PartialRounds(state);
            }
            else
            {
                MultiplyDense(_mds, state, other, round == 2 * half - 1 ? 1 : t);
            }
        }
    }

    private static void FullRound(ReadOnlySpan<TVector> constants, Span<TVector> state)
    {
        for (int i = 0; i < state.Length; i++)
        {
            TVector.Add(state[i], constants[i], out state[i]);
            Power5(ref state[i]);
        }
    }

    private void PartialRounds(Span<TVector> state)
    {
        int t = _width;
        ReadOnlySpan<TVector> sparse = _sparse;
        for (int round = 0; round < _partial.Length; round++)
        {
            ReadOnlySpan<TVector> matrix = sparse.Slice(round * (2 * t - 1), 2 * t - 1);
            Power5(ref state[0]);
            TVector.Add(state[0], _partial[round], out state[0]);
            Dot(matrix[..t], state, out TVector first);
            for (int i = 1; i < t; i++)
            {
                TVector.Multiply(matrix[t - 1 + i], state[0], out TVector product);
                TVector.Add(state[i], product, out state[i]);
            }

            state[0] = first;
        }
    }

    // Of the product, the first elements.
    private static void MultiplyDense(ReadOnlySpan<TVector> matrix, Span<TVector> state, Span<TVector> other, int elements)
    {
        int t = state.Length;
        state.CopyTo(other);
        for (int i = 0; i < elements; i++) Dot(matrix.Slice(i * t, t), other, out state[i]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Dot(ReadOnlySpan<TVector> a, ReadOnlySpan<TVector> b, out TVector sum)
    {
        TVector.Multiply(a[0], b[0], out sum);
        for (int i = 1; i < a.Length; i++)
        {
            TVector.Multiply(a[i], b[i], out TVector product);
            TVector.Add(sum, product, out sum);
        }
    }

    private static void Power5(ref TVector x)
    {
        TVector.Square(x, out TVector power);
        TVector.Square(power, out power);
        TVector.Multiply(power, x, out x);
    }

    private static TVector[] Broadcast(Fr[] values)
    {
        var vectors = new TVector[values.Length];
        for (int i = 0; i < values.Length; i++) TVector.Broadcast(values[i], out vectors[i]);
        return vectors;
    }
}

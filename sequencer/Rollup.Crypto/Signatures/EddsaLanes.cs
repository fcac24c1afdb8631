using System.Runtime.InteropServices;
using Scalar = Rollup.Crypto.PrimeField<Rollup.Crypto.BabyJubJubOrder>;

namespace Rollup.Crypto;

/// <summary>
/// Verifies as many signatures at a time as a vector has lanes, each by the equation of <see cref="EddsaPublicKey.Verify"/> and with an answer of its own.
/// One equation over a random sum of many would be faster still, and would accept what the circuit refuses: signatures whose errors, of small order, cancel.
/// </summary>
/// <typeparam name="TVector">Where the coordinates are.</typeparam>
internal sealed class EddsaLanes<TVector>
    where TVector : struct, IPrimeFieldVector<TVector, Bn254Scalar>
{
    // Bits of a digit of h, whose table is made anew for each key, and of S.
    private const int KeyBits = 4, BaseBits = 6;
    private const int KeyZero = (1 << KeyBits - 1) - 1, BaseRow = 1 << BaseBits;
    private const int CachedLength = EdwardsLanes<TVector>.CachedLength, AffineLength = 3;

    private static readonly TVector Scale = EdwardsLanes<TVector>.Broadcast(EdwardsPoint.Scale);

    // [digit][place] of Y + X, Y - X, 2d'T: elements of which LoadScaled makes a plain vector.
    private static readonly Lazy<Fr[]> BaseTable = new(BuildBaseTable);

    private readonly EdwardsLanes<TVector> _sum = new();
    private readonly TVector[] _table = new TVector[CachedLength << KeyBits], _summand = new TVector[CachedLength];
    private readonly Fr[] _xs = new Fr[TVector.Count], _ys = new Fr[TVector.Count];
    private readonly int[] _keyPlaces = new int[FixedBase.DigitsOf(KeyBits) * TVector.Count], _basePlaces = new int[FixedBase.DigitsOf(BaseBits) * TVector.Count];
    private TVector _x, _y;

    /// <param name="items">Any values.</param>
    /// <param name="accepted">Receives an answer for each.</param>
    internal static void VerifyMany(ReadOnlySpan<SignedMessage> items, Span<bool> accepted)
    {
        // Only keys on the curve get a lane: there the formulas are complete and need no care.
        var candidates = new List<(int Index, Scalar S)>(items.Length);
        for (int i = 0; i < items.Length; i++)
        {
            accepted[i] = false;
            if (EddsaPublicKey.TryToScalar(items[i].Signature.S, out Scalar s) && new BabyJubJubPoint(items[i].Key.X, items[i].Key.Y).IsOnCurve) candidates.Add((i, s));
        }

        Fr[] inputs = new Fr[EddsaPublicKey.ChallengeInputs * candidates.Count], challenges = new Fr[candidates.Count];
        for (int i = 0; i < candidates.Count; i++)
        {
            SignedMessage item = items[candidates[i].Index];
            ((ReadOnlySpan<Fr>)[item.Signature.R8x, item.Signature.R8y, item.Key.X, item.Key.Y, item.Message]).CopyTo(inputs.AsSpan(EddsaPublicKey.ChallengeInputs * i));
        }

        PoseidonLanes<TVector>.HashMany(inputs, EddsaPublicKey.ChallengeInputs, challenges);
        var lanes = new EddsaLanes<TVector>();
        for (int start = 0; start < candidates.Count; start += TVector.Count)
        {
            int used = Math.Min(TVector.Count, candidates.Count - start), first = candidates[start].Index;
            // A whole vector for one signature takes longer than that signature alone.
            if (used == 1) accepted[first] = items[first].Key.Verify(items[first].Message, items[first].Signature);
            else lanes.Verify(items, CollectionsMarshal.AsSpan(candidates).Slice(start, used), challenges.AsSpan(start, used), accepted);
        }
    }

    private void Verify(ReadOnlySpan<SignedMessage> items, ReadOnlySpan<(int Index, Scalar S)> candidates, ReadOnlySpan<Fr> challenges, Span<bool> accepted)
    {
        int count = TVector.Count;
        for (int lane = 0; lane < count; lane++)
        {
            // Lanes without a signature of their own repeat the last.
            int candidate = Math.Min(lane, candidates.Length - 1);
            FixedBase.Recode(-EddsaPublicKey.ToScalarReduced(challenges[candidate]), KeyBits, _keyPlaces, lane, count);
            FixedBase.Recode(candidates[candidate].S, BaseBits, _basePlaces, lane, count);
            (_xs[lane], _ys[lane]) = items[candidates[candidate].Index].Key;
        }

        LoadPoints();
        _sum.SetAffine(_x, _y);
        for (int i = 1; i <= 3; i++) _sum.Double(withT: i == 3);
        Span<bool> isPossible = stackalloc bool[count];
        TVector.StoreScaled(_sum.X, _xs);
        for (int lane = 0; lane < count; lane++) isPossible[lane] = !_xs[lane].IsZero;

        BuildKeyTable();
        MultiplyKey();
        AddBase();

        for (int lane = 0; lane < count; lane++) (_xs[lane], _ys[lane], _) = items[candidates[Math.Min(lane, candidates.Length - 1)].Index].Signature;
        LoadPoints();
        // As EdwardsPoint.Equals.
        TVector.Multiply(_x, _sum.Z, out _x);
        TVector.Multiply(_y, _sum.Z, out _y);
        TVector.Subtract(_x, _sum.X, out _x);
        TVector.Subtract(_y, _sum.Y, out _y);
        TVector.StoreScaled(_x, _xs);
        TVector.StoreScaled(_y, _ys);
        for (int i = 0; i < candidates.Length; i++) accepted[candidates[i].Index] = isPossible[i] && _xs[i].IsZero && _ys[i].IsZero;
    }

    private void LoadPoints()
    {
        TVector.Load(_xs, out _x);
        TVector.Multiply(_x, Scale, out _x);
        TVector.Load(_ys, out _y);
    }

    // The multiples of the sum that a digit can ask for, each at its place.
    private void BuildKeyTable()
    {
        EdwardsLanes<TVector>.CacheIdentity(Cached(KeyZero));
        Span<TVector> one = Cached(KeyZero + 1);
        for (int i = 1; i <= KeyZero; i++)
        {
            _sum.Cache(Cached(KeyZero + i), Cached(KeyZero - i));
            _sum.Add(one, withT: true);
        }

        _sum.Cache(Cached(2 * KeyZero + 1), _summand);
    }

    private Span<TVector> Cached(int place) => _table.AsSpan(CachedLength * place, CachedLength);

    private void MultiplyKey()
    {
        int count = TVector.Count;
        _sum.SetIdentity();
        for (int digit = FixedBase.DigitsOf(KeyBits) - 1; digit >= 0; digit--)
        {
            for (int c = 0; c < CachedLength; c++) TVector.Pick(_table.AsSpan(c), CachedLength, _keyPlaces.AsSpan(digit * count, count), out _summand[c]);
            _sum.Add(_summand, withT: digit == 0);
            for (int i = 1; digit > 0 && i <= KeyBits; i++) _sum.Double(withT: i == KeyBits);
        }
    }

    private void AddBase()
    {
        int count = TVector.Count, digits = FixedBase.DigitsOf(BaseBits);
        Fr[] table = BaseTable.Value;
        for (int digit = 0; digit < digits; digit++)
        {
            for (int c = 0; c < AffineLength; c++)
            {
                for (int lane = 0; lane < count; lane++) _xs[lane] = table[(digit * BaseRow + _basePlaces[digit * count + lane]) * AffineLength + c];
                TVector.LoadScaled(_xs, out _summand[c]);
            }

            _sum.AddAffine(_summand[0], _summand[1], _summand[2], withT: digit < digits - 1);
        }
    }

    private static Fr[] BuildBaseTable()
    {
        AffineCachedPoint[] multiples = FixedBase.BuildTable(BaseBits);
        int half = BaseRow / 2;
        var table = new Fr[2 * AffineLength * multiples.Length];
        for (int place = 0; place < 2 * multiples.Length; place++)
        {
            int row = place / BaseRow, value = place % BaseRow - (half - 1);
            AffineCachedPoint point = value == 0 ? AffineCachedPoint.Identity : multiples[row * half + Math.Abs(value) - 1].Negate(value < 0);
            ((ReadOnlySpan<Fr>)[point.YPlusX, point.YMinusX, point.TwoDT]).CopyTo(table.AsSpan(place * AffineLength));
        }

        for (int i = 0; i < table.Length; i += TVector.Count)
        {
            TVector.Load(table.AsSpan(i), out TVector vector);
            TVector.StoreScaled(vector, table.AsSpan(i));
        }

        return table;
    }
}

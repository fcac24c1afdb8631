using Scalar = Rollup.Crypto.PrimeField<Rollup.Crypto.BabyJubJubOrder>;

namespace Rollup.Crypto;

/// <summary>An EdDSA-Poseidon signature as circomlib has it.</summary>
/// <param name="R8x">First coordinate of R8, the commitment.</param>
/// <param name="R8y">Second coordinate of R8.</param>
/// <param name="S">The response; valid below l (<see cref="BabyJubJubOrder"/>), which <see cref="EddsaPublicKey.Verify"/> checks.</param>
public readonly record struct EddsaSignature(Fr R8x, Fr R8y, Fr S);

/// <summary>What <see cref="EddsaPublicKey.VerifyMany"/> decides on: any values.</summary>
/// <param name="Key">The signer's key.</param>
/// <param name="Message">The signed field element.</param>
/// <param name="Signature">The signature.</param>
public readonly record struct SignedMessage(EddsaPublicKey Key, Fr Message, EddsaSignature Signature);

/// <summary>A public key as a leaf and a registration hold it: two coordinates, not yet known to be a key.</summary>
/// <param name="X">First coordinate.</param>
/// <param name="Y">Second coordinate.</param>
public readonly record struct EddsaPublicKey(Fr X, Fr Y)
{
    /// <summary>Elements that a challenge is the hash of.</summary>
    internal const int ChallengeInputs = 5;

    // Width-5 non-adjacent form: odd digits up to 15 in magnitude, at least 4 zeros after each.
    private const int WindowBits = 5;
    private const int TableLength = 1 << (WindowBits - 2);

    /// <summary>Whether this is on the curve and not of small order: the keys under which <see cref="Verify"/>, and the circuit, can accept.</summary>
    public bool IsValid
    {
        get
        {
            var point = new BabyJubJubPoint(X, Y);
            return point.IsOnCurve && !point.IsOfSmallOrder;
        }
    }

    /// <summary>Whether this is a point of order l: what an honest key always is, and what the engine asks of a registration.</summary>
    public bool IsOfPrimeOrder
    {
        get
        {
            var point = new BabyJubJubPoint(X, Y);
            return point != BabyJubJubPoint.Identity && point.IsInPrimeSubgroup;
        }
    }

    /// <summary>
    /// Accepts exactly what the circuit's signature template accepts: A and R8 on the curve, 8·A not the identity, S &lt; l, and
    /// S·Base8 = R8 + H(R8x, R8y, X, Y, message)·8·A. R8 needs no test of its own: it must equal a computed point of the prime subgroup. A may have a
    /// component of small order, which the factor 8 removes. Not constant-time: all inputs are public.
    /// </summary>
    /// <param name="message">The signed field element.</param>
    /// <param name="signature">Any values.</param>
    public bool Verify(in Fr message, in EddsaSignature signature)
    {
        var r8 = new BabyJubJubPoint(signature.R8x, signature.R8y);
        var a = new BabyJubJubPoint(X, Y);
        if (!TryToScalar(signature.S, out Scalar s) || !a.IsOnCurve) return false;
        EdwardsPoint eightA = new EdwardsPoint(a).MultiplyByCofactor();
        if (eightA.IsIdentity) return false;
        Scalar h = Challenge(r8, this, message);
        return FixedBase.Multiply(s).Add(new CachedPoint(Multiply(-h, eightA))).Equals(r8);
    }

    /// <summary>As <see cref="Verify"/> decides each, several at a time in the machine's vectors; none has an influence on another.</summary>
    /// <param name="items">Any number.</param>
    /// <param name="accepted">Receives the answers, in the items' order.</param>
    /// <exception cref="ArgumentException">There is not an answer for each item.</exception>
    public static void VerifyMany(ReadOnlySpan<SignedMessage> items, Span<bool> accepted)
    {
        if (items.Length != accepted.Length) throw new ArgumentException($"{items.Length} signatures have {items.Length} answers, got room for {accepted.Length}.", nameof(accepted));
        switch (FieldPath.Current)
        {
            case FieldPathKind.Avx512:
                EddsaLanes<FieldLanes<Lanes8, Bn254Scalar>>.VerifyMany(items, accepted);
                break;
            case FieldPathKind.Avx2:
                EddsaLanes<FieldLanes<Lanes4, Bn254Scalar>>.VerifyMany(items, accepted);
                break;
            default:
                for (int i = 0; i < items.Length; i++) accepted[i] = items[i].Key.Verify(items[i].Message, items[i].Signature);
                break;
        }
    }

    /// <summary>H(R8x, R8y, Ax, Ay, message) modulo l.</summary>
    internal static Scalar Challenge(in BabyJubJubPoint r8, in EddsaPublicKey key, in Fr message) =>
        ToScalarReduced(Poseidon.Hash([r8.X, r8.Y, key.X, key.Y, message]));

    /// <summary>A challenge's hash modulo l.</summary>
    internal static Scalar ToScalarReduced(in Fr hash)
    {
        Span<ulong> limbs = stackalloc ulong[4];
        hash.ToCanonical(limbs);
        return Scalar.FromLimbsReduced(limbs[0], limbs[1], limbs[2], limbs[3]);
    }

    /// <summary>S as a scalar, if it is below l.</summary>
    internal static bool TryToScalar(in Fr value, out Scalar scalar)
    {
        Span<byte> bytes = stackalloc byte[Fr.ByteLength];
        value.WriteLittleEndian(bytes);
        return Scalar.TryFromCanonicalLittleEndian(bytes, out scalar);
    }

    // In variable time.
    private static EdwardsPoint Multiply(in Scalar scalar, in EdwardsPoint point)
    {
        var odd = new CachedPoint[TableLength];
        odd[0] = new CachedPoint(point);
        var twice = new CachedPoint(point.Double());
        EdwardsPoint multiple = point;
        for (int i = 1; i < TableLength; i++)
        {
            multiple = multiple.Add(twice);
            odd[i] = new CachedPoint(multiple);
        }

        Span<sbyte> digits = stackalloc sbyte[256];
        int top = NonAdjacentForm(scalar, digits);
        EdwardsPoint sum = EdwardsPoint.Identity;
        for (int i = top; i >= 0; i--)
        {
            int digit = digits[i];
            sum = sum.Double(withT: digit != 0 || i == 0);
            if (digit > 0) sum = sum.Add(odd[digit >> 1]);
            else if (digit < 0) sum = sum.Subtract(odd[-digit >> 1]);
        }

        return sum;
    }

    // Returns the place of the highest digit, or -1 for zero.
    private static int NonAdjacentForm(in Scalar scalar, Span<sbyte> digits)
    {
        Span<ulong> limbs = stackalloc ulong[5];
        scalar.ToCanonical(limbs[..4]);
        limbs[4] = 0;
        digits.Clear();
        int top = -1, carry = 0;
        for (int i = 0; i < digits.Length;)
        {
            // 5 bits from place i on; the fifth limb is zero.
            ulong window = limbs[i / 64] >> (i % 64) | (i % 64 == 0 ? 0 : limbs[i / 64 + 1] << (64 - i % 64));
            int value = (int)(window & ((1 << WindowBits) - 1)) + carry;
            if ((value & 1) == 0)
            {
                i++;
                continue;
            }

            carry = value >> (WindowBits - 1);
            digits[i] = (sbyte)(value - (carry << WindowBits));
            top = i;
            i += WindowBits;
        }

        return top;
    }
}

using System.Runtime.CompilerServices;

namespace Rollup.Crypto;

/// <summary>One element at a time: the vector for machines without suitable instructions.</summary>
/// <typeparam name="TModulus">The field.</typeparam>
public struct FieldScalar<TModulus> : IPrimeFieldVector<FieldScalar<TModulus>, TModulus>
    where TModulus : struct, IPrimeModulus
{
    private PrimeField<TModulus> _value;

    /// <inheritdoc/>
    public static int Count => 1;

    /// <inheritdoc/>
    public static void Broadcast(in PrimeField<TModulus> value, out FieldScalar<TModulus> vector) => vector._value = value;

    /// <inheritdoc/>
    public static void Load(ReadOnlySpan<PrimeField<TModulus>> values, out FieldScalar<TModulus> vector) => vector._value = values[0];

    /// <inheritdoc/>
    public static void Store(in FieldScalar<TModulus> vector, Span<PrimeField<TModulus>> values) => values[0] = vector._value;

    /// <inheritdoc/>
    public static void LoadScaled(ReadOnlySpan<PrimeField<TModulus>> values, out FieldScalar<TModulus> vector) => vector._value = values[0];

    /// <inheritdoc/>
    public static void StoreScaled(in FieldScalar<TModulus> vector, Span<PrimeField<TModulus>> values) => values[0] = vector._value;

    /// <inheritdoc/>
    public static void Scale(in FieldScalar<TModulus> a, out FieldScalar<TModulus> scaled) => scaled = a;

    /// <inheritdoc/>
    public static void Pick(ReadOnlySpan<FieldScalar<TModulus>> table, int stride, ReadOnlySpan<int> places, out FieldScalar<TModulus> picked) =>
        picked = table[stride * places[0]];

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply(in FieldScalar<TModulus> a, in FieldScalar<TModulus> b, out FieldScalar<TModulus> product) => product._value = a._value * b._value;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Square(in FieldScalar<TModulus> a, out FieldScalar<TModulus> square) => square._value = a._value.Square();

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(in FieldScalar<TModulus> a, in FieldScalar<TModulus> b, out FieldScalar<TModulus> sum) => sum._value = a._value + b._value;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Subtract(in FieldScalar<TModulus> a, in FieldScalar<TModulus> b, out FieldScalar<TModulus> difference) => difference._value = a._value - b._value;

    /// <inheritdoc/>
    public static void Negate(in FieldScalar<TModulus> a, out FieldScalar<TModulus> negative) => negative._value = -a._value;

    /// <inheritdoc/>
    public static void NegateWhere(in FieldScalar<TModulus> a, ReadOnlySpan<ulong> signs, out FieldScalar<TModulus> result) =>
        result._value = a._value.Select(signs[0] != 0, -a._value);

    /// <inheritdoc/>
    public static void Transpose(Span<FieldScalar<TModulus>> vectors) { }
}

namespace Rollup.Crypto;

/// <summary>
/// Several elements of one field, computed with side by side. <see cref="FieldPath"/> says which implementation suits the machine;
/// all give the same elements. Vectors are large: they go by reference, and a result may be written over an operand.
/// </summary>
/// <typeparam name="TSelf">The implementing type.</typeparam>
/// <typeparam name="TElement">The element.</typeparam>
public interface IFieldVector<TSelf, TElement>
    where TSelf : struct, IFieldVector<TSelf, TElement>
    where TElement : struct
{
    /// <summary>Elements in a vector.</summary>
    static abstract int Count { get; }

    /// <summary>The element in every place.</summary>
    static abstract void Broadcast(in TElement value, out TSelf vector);

    /// <summary>Takes <see cref="Count"/> elements.</summary>
    static abstract void Load(ReadOnlySpan<TElement> values, out TSelf vector);

    /// <summary>Gives <see cref="Count"/> elements.</summary>
    static abstract void Store(in TSelf vector, Span<TElement> values);

    /// <summary>
    /// As <see cref="Load"/>, but of values times a constant of the implementation that makes it cheap. Sums of such vectors, and their products with vectors
    /// that are not so scaled, are scaled alike; <see cref="Scale"/> gives an ordinary vector that constant.
    /// </summary>
    static abstract void LoadScaled(ReadOnlySpan<TElement> values, out TSelf vector);

    /// <summary>Undoes <see cref="LoadScaled"/>.</summary>
    static abstract void StoreScaled(in TSelf vector, Span<TElement> values);

    /// <summary>Multiplies by the constant of <see cref="LoadScaled"/>.</summary>
    static abstract void Scale(in TSelf a, out TSelf scaled);

    /// <summary>Products.</summary>
    static abstract void Multiply(in TSelf a, in TSelf b, out TSelf product);

    /// <summary>Squares.</summary>
    static abstract void Square(in TSelf a, out TSelf square);

    /// <summary>Sums.</summary>
    static abstract void Add(in TSelf a, in TSelf b, out TSelf sum);

    /// <summary>Differences.</summary>
    static abstract void Subtract(in TSelf a, in TSelf b, out TSelf difference);

    /// <summary>Additive inverses.</summary>
    static abstract void Negate(in TSelf a, out TSelf negative);

    /// <summary>Additive inverses of some.</summary>
    /// <param name="a">Elements.</param>
    /// <param name="signs">For each element 1 in the highest bit to negate it, or zero.</param>
    /// <param name="result">The elements, negated or not.</param>
    static abstract void NegateWhere(in TSelf a, ReadOnlySpan<ulong> signs, out TSelf result);
}

/// <summary>A vector of elements of a prime field, which can also be moved between the lanes of several vectors.</summary>
/// <typeparam name="TSelf">The implementing type.</typeparam>
/// <typeparam name="TModulus">The field.</typeparam>
public interface IPrimeFieldVector<TSelf, TModulus> : IFieldVector<TSelf, PrimeField<TModulus>>
    where TSelf : struct, IPrimeFieldVector<TSelf, TModulus>
    where TModulus : struct, IPrimeModulus
{
    /// <summary>Each lane from a vector of its own: lane i gets lane i of table[stride · places[i]].</summary>
    static abstract void Pick(ReadOnlySpan<TSelf> table, int stride, ReadOnlySpan<int> places, out TSelf picked);

    /// <summary>Element i of vector j becomes element j of vector i.</summary>
    /// <param name="vectors">As many as a vector has elements.</param>
    static abstract void Transpose(Span<TSelf> vectors);
}

/// <summary>The constants of a field that <see cref="FieldLanes{TLanes, TModulus}"/> needs besides: p in digits of 51 bits.</summary>
public interface IDigitModulus : IPrimeModulus
{
    /// <summary>Digit 0 of p = Σ d_i·2^(51·i), -2^50 ≤ d_i ≤ 2^50 for i &lt; 4.</summary>
    static abstract double D0 { get; }

    /// <summary>Digit 1 of p.</summary>
    static abstract double D1 { get; }

    /// <summary>Digit 2 of p.</summary>
    static abstract double D2 { get; }

    /// <summary>Digit 3 of p.</summary>
    static abstract double D3 { get; }

    /// <summary>Digit 4 of p, positive.</summary>
    static abstract double D4 { get; }

    /// <summary>-p^-1 modulo 2^51, the residue nearest to zero.</summary>
    static abstract double NegativeInverse51 { get; }
}

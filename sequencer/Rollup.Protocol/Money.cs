using System.Globalization;

namespace Rollup.Protocol;

/// <summary>Signed quote atoms (spec 2.1), 1 atom = 10^-6 USD, in the leaf's range -2^63..2^63-1. Arithmetic is checked.</summary>
public readonly record struct Cash : IComparable<Cash>
{
    private readonly long _atoms;

    private Cash(long atoms) => _atoms = atoms;

    public static Cash Zero => default;
    public static Cash FromAtoms(long atoms) => new(atoms);

    public long Atoms => _atoms;

    public static Cash operator +(Cash left, Cash right) => new(left._atoms + right._atoms);
    public static Cash operator -(Cash left, Cash right) => new(left._atoms - right._atoms);
    public static Cash operator -(Cash value) => new(-value._atoms);

    public int CompareTo(Cash other) => _atoms.CompareTo(other._atoms);
    public static bool operator <(Cash left, Cash right) => left._atoms < right._atoms;
    public static bool operator >(Cash left, Cash right) => left._atoms > right._atoms;
    public static bool operator <=(Cash left, Cash right) => left._atoms <= right._atoms;
    public static bool operator >=(Cash left, Cash right) => left._atoms >= right._atoms;

    /// <summary>USD with six decimals, e.g. <c>-12.000345</c>.</summary>
    public override string ToString()
    {
        UInt128 magnitude = (UInt128)Int128.Abs(_atoms);
        return string.Create(CultureInfo.InvariantCulture,
            $"{(_atoms < 0 ? "-" : "")}{magnitude / Scale.AtomsPerUsd}.{(int)(magnitude % Scale.AtomsPerUsd):D6}");
    }
}

/// <summary>Signed whole lots (spec 2.2). A position is below <see cref="PositionBound"/> in magnitude, a request's size below <see cref="SizeBound"/>.</summary>
public readonly record struct Lots : IComparable<Lots>
{
    /// <summary>A position's size is below this in magnitude.</summary>
    public const long PositionBound = 1L << Width.PositionSize;

    /// <summary>The size in a signed request is below this.</summary>
    public const long SizeBound = 1L << Width.Fill;

    private readonly long _value;

    private Lots(long value) => _value = value;

    public static Lots Zero => default;
    public static Lots From(long value) => new(value);

    public long Value => _value;

    public static Lots operator +(Lots left, Lots right) => new(left._value + right._value);
    public static Lots operator -(Lots left, Lots right) => new(left._value - right._value);
    public static Lots operator -(Lots value) => new(-value._value);

    public int CompareTo(Lots other) => _value.CompareTo(other._value);
    public static bool operator <(Lots left, Lots right) => left._value < right._value;
    public static bool operator >(Lots left, Lots right) => left._value > right._value;
    public static bool operator <=(Lots left, Lots right) => left._value <= right._value;
    public static bool operator >=(Lots left, Lots right) => left._value >= right._value;

    public override string ToString() => _value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Atoms per lot, 0 &lt;= price &lt; 2^35 (spec 2.2). Times lots it is cash, exactly.</summary>
public readonly record struct Price : IComparable<Price>
{
    /// <summary>Prices are below this.</summary>
    public const long ExclusiveBound = 1L << Width.Price;

    private readonly long _atomsPerLot;

    private Price(long atomsPerLot) => _atomsPerLot = atomsPerLot;

    public static Price Zero => default;

    /// <exception cref="ArgumentOutOfRangeException">Outside 0..2^35-1.</exception>
    public static Price FromAtomsPerLot(long value) => value is >= 0 and < ExclusiveBound
        ? new(value) : throw new ArgumentOutOfRangeException(nameof(value), value, "A price is 0..2^35-1 atoms per lot.");

    public long AtomsPerLot => _atomsPerLot;

    /// <summary>The exact notional.</summary>
    /// <exception cref="OverflowException">It does not fit <see cref="Cash"/>.</exception>
    public static Cash operator *(Price price, Lots lots) => Cash.FromAtoms(price._atomsPerLot * lots.Value);

    public int CompareTo(Price other) => _atomsPerLot.CompareTo(other._atomsPerLot);
    public static bool operator <(Price left, Price right) => left._atomsPerLot < right._atomsPerLot;
    public static bool operator >(Price left, Price right) => left._atomsPerLot > right._atomsPerLot;
    public static bool operator <=(Price left, Price right) => left._atomsPerLot <= right._atomsPerLot;
    public static bool operator >=(Price left, Price right) => left._atomsPerLot >= right._atomsPerLot;

    public override string ToString() => _atomsPerLot.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A fee in 10^-6 of the quote, 0..2^20-1 (spec 4.2).</summary>
public readonly record struct FeeRate : IComparable<FeeRate>
{
    private readonly int _ppm;

    private FeeRate(int ppm) => _ppm = ppm;

    public static FeeRate Zero => default;

    /// <exception cref="ArgumentOutOfRangeException">Outside 0..2^20-1.</exception>
    public static FeeRate FromPpm(int value) => value is >= 0 and < 1 << Width.FeeRate
        ? new(value) : throw new ArgumentOutOfRangeException(nameof(value), value, "A fee rate is 0..2^20-1 millionths.");

    public int Ppm => _ppm;

    /// <summary>The fee on a quote of at least 0, rounded up (spec 2.5).</summary>
    public Cash CeilFee(Cash quote) =>
        Cash.FromAtoms((long)Rounding.CeilDiv((Int128)_ppm * quote.Atoms, Scale.FeeRateDenominator));

    public int CompareTo(FeeRate other) => _ppm.CompareTo(other._ppm);
    public static bool operator <(FeeRate left, FeeRate right) => left._ppm < right._ppm;
    public static bool operator >(FeeRate left, FeeRate right) => left._ppm > right._ppm;
    public static bool operator <=(FeeRate left, FeeRate right) => left._ppm <= right._ppm;
    public static bool operator >=(FeeRate left, FeeRate right) => left._ppm >= right._ppm;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{_ppm} ppm");
}

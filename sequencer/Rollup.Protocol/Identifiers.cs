using System.Globalization;

namespace Rollup.Protocol;

/// <summary>Unix milliseconds, 44 bits (spec 2.6).</summary>
public readonly record struct Timestamp : IComparable<Timestamp>
{
    private readonly long _milliseconds;

    private Timestamp(long milliseconds) => _milliseconds = milliseconds;

    /// <exception cref="ArgumentOutOfRangeException">Outside 0..2^44-1.</exception>
    public static Timestamp FromMilliseconds(long value) => value is >= 0 and < 1L << Width.Time
        ? new(value) : throw new ArgumentOutOfRangeException(nameof(value), value, "A time is 0..2^44-1 milliseconds.");

    public long Milliseconds => _milliseconds;

    public int CompareTo(Timestamp other) => _milliseconds.CompareTo(other._milliseconds);
    public static bool operator <(Timestamp left, Timestamp right) => left._milliseconds < right._milliseconds;
    public static bool operator >(Timestamp left, Timestamp right) => left._milliseconds > right._milliseconds;
    public static bool operator <=(Timestamp left, Timestamp right) => left._milliseconds <= right._milliseconds;
    public static bool operator >=(Timestamp left, Timestamp right) => left._milliseconds >= right._milliseconds;

    public override string ToString() => _milliseconds.ToString(CultureInfo.InvariantCulture);
}

/// <summary>An account's number: its position in the account tree, 24 bits (spec 3.1). 0 collects fees, 1 is the insurance fund.</summary>
public readonly record struct AccountId : IComparable<AccountId>
{
    private readonly int _value;

    private AccountId(int value) => _value = value;

    /// <summary>The account that collects fees.</summary>
    public static AccountId Fees => default;

    /// <summary>The insurance fund.</summary>
    public static AccountId Fund => new(1);

    /// <exception cref="ArgumentOutOfRangeException">Outside 0..2^24-1.</exception>
    public static AccountId From(int value) => value is >= 0 and < 1 << Width.Account
        ? new(value) : throw new ArgumentOutOfRangeException(nameof(value), value, "An account is 0..2^24-1.");

    public int Value => _value;

    /// <summary>Whether the protocol owns the account; nobody can sign for it (spec 3.4).</summary>
    public bool IsReserved => _value < Bound.ReservedAccounts;

    public int CompareTo(AccountId other) => _value.CompareTo(other._value);
    public static bool operator <(AccountId left, AccountId right) => left._value < right._value;
    public static bool operator >(AccountId left, AccountId right) => left._value > right._value;
    public static bool operator <=(AccountId left, AccountId right) => left._value <= right._value;
    public static bool operator >=(AccountId left, AccountId right) => left._value >= right._value;

    public override string ToString() => _value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>An instrument's number: its row's position in the risk tree, 18 bits (spec 2.3). 0 is cash.</summary>
public readonly record struct InstrumentId : IComparable<InstrumentId>
{
    private readonly int _value;

    private InstrumentId(int value) => _value = value;

    /// <summary>Cash, which has no row.</summary>
    public static InstrumentId Cash => default;

    /// <exception cref="ArgumentOutOfRangeException">Outside 0..2^18-1.</exception>
    public static InstrumentId From(int value) => value is >= 0 and < 1 << Width.Instrument
        ? new(value) : throw new ArgumentOutOfRangeException(nameof(value), value, "An instrument is 0..2^18-1.");

    public int Value => _value;

    /// <summary>The bucket of the risk tree that holds the row (spec 3.5).</summary>
    public int Bucket => _value / Bound.RowsPerBucket;

    public int CompareTo(InstrumentId other) => _value.CompareTo(other._value);
    public static bool operator <(InstrumentId left, InstrumentId right) => left._value < right._value;
    public static bool operator >(InstrumentId left, InstrumentId right) => left._value > right._value;
    public static bool operator <=(InstrumentId left, InstrumentId right) => left._value <= right._value;
    public static bool operator >=(InstrumentId left, InstrumentId right) => left._value >= right._value;

    public override string ToString() => _value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The number of a request in its order slot, 1..2^33-1 (spec 3.3). 0, the default, is the unused slot's.</summary>
public readonly record struct OrderNonce : IComparable<OrderNonce>
{
    private readonly long _value;

    private OrderNonce(long value) => _value = value;

    /// <exception cref="ArgumentOutOfRangeException">Outside 0..2^33-1.</exception>
    public static OrderNonce From(long value) => value is >= 0 and < 1L << Width.Nonce
        ? new(value) : throw new ArgumentOutOfRangeException(nameof(value), value, "A nonce is 0..2^33-1.");

    public long Value => _value;

    public int CompareTo(OrderNonce other) => _value.CompareTo(other._value);
    public static bool operator <(OrderNonce left, OrderNonce right) => left._value < right._value;
    public static bool operator >(OrderNonce left, OrderNonce right) => left._value > right._value;
    public static bool operator <=(OrderNonce left, OrderNonce right) => left._value <= right._value;
    public static bool operator >=(OrderNonce left, OrderNonce right) => left._value >= right._value;

    public override string ToString() => _value.ToString(CultureInfo.InvariantCulture);
}

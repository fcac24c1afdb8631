using System.Globalization;

namespace Rollup.MarketData;

/// <summary>Decimal text to whole numbers, without floating point.</summary>
public static class FixedPoint
{
    /// <summary>The number times 10^<paramref name="decimals"/>, exactly.</summary>
    /// <param name="text">Digits, with or without a point; no sign.</param>
    /// <param name="decimals">0..18.</param>
    /// <exception cref="FormatException">Another form, a digit other than 0 beyond the decimals, or too large.</exception>
    public static long Parse(string text, int decimals) => TryParse(text, decimals, out long value) ? value
        : throw new FormatException($"'{(text.Length > 40 ? text[..40] + "..." : text)}' is not a number of 0 or more with at most {decimals} decimals");

    /// <inheritdoc cref="Parse"/>
    public static bool TryParse(string text, int decimals, out long value)
    {
        value = 0;
        int point = text.IndexOf('.', StringComparison.Ordinal);
        ReadOnlySpan<char> whole = point < 0 ? text : text.AsSpan(0, point), part = point < 0 ? [] : text.AsSpan(point + 1);
        if (point >= 0) part = part.TrimEnd('0');
        if (whole.IsEmpty || part.Length > decimals) return false;
        Span<char> digits = stackalloc char[whole.Length > 40 ? 0 : whole.Length + decimals];
        if (digits.IsEmpty) return false;
        whole.CopyTo(digits);
        digits[whole.Length..].Fill('0');
        part.CopyTo(digits[whole.Length..]);
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>The number as decimal text, without trailing zeros.</summary>
    public static string Format(Int128 value, int decimals)
    {
        Int128 unit = 1;
        for (int i = 0; i < decimals; i++) unit *= 10;
        Int128 magnitude = Int128.Abs(value), part = magnitude % unit;
        string text = (magnitude / unit).ToString(CultureInfo.InvariantCulture);
        if (part != 0) text += "." + part.ToString(CultureInfo.InvariantCulture).PadLeft(decimals, '0').TrimEnd('0');
        return value < 0 ? "-" + text : text;
    }
}

namespace Rollup.Engine;

/// <summary>
/// The bit budget that lets margin be kept in 64 bits. An account's exposure is
/// <c>X = sum over positions of |size| x unit + sum over open orders of remaining x (unit + price + fee)</c>, in atoms, where unit is the
/// largest |value a lot| of the instrument's row plus |F|. Every equity E[g][s] and every reserve S[g][s] is a part of X, so:
/// <list type="bullet">
/// <item>an order is accepted only while X stays within 2^57, so one fill moves at most 2^57 atoms;</item>
/// <item>an epoch opens only if every account's X is within 2^60 under the new rows (prices may grow eightfold between two of its orders);</item>
/// <item>cash stays within 2^60 either way, or the fill, deposit or withdrawal does not happen.</item>
/// </list>
/// Hence |E - S| and the sum over groups stay within 2^61, and with cash, and the cash flow of one more fill, below 2^63.
/// </summary>
internal static class ExposureLimits
{
    internal const long Accept = 1L << 57;
    internal const long Revalued = 1L << 60;
    internal const long Cash = 1L << 60;

    /// <summary>Bound of a row's quote; the circuit takes 2^84.</summary>
    internal const long Quote = 1L << 60;

    internal static bool IsCashInRange(long cash) => cash is >= -Cash and <= Cash;
}

using System.Numerics;

namespace Rollup.Groth16.Curve;

/// <summary>Powers in extension fields.</summary>
internal static class Powers
{
    /// <summary>x^exponent for an exponent of 0 or more, by squaring from its highest bit on; not constant-time.</summary>
    public static T Raise<T>(T x, T one, BigInteger exponent, Func<T, T, T> multiply)
    {
        var result = one;
        for (var bit = (int)exponent.GetBitLength() - 1; bit >= 0; bit--)
        {
            result = multiply(result, result);
            if (!(exponent >> bit).IsEven)
                result = multiply(result, x);
        }
        return result;
    }
}

using F = Rollup.Ethereum.FullField<Rollup.Ethereum.Secp256k1Base>;

namespace Rollup.Ethereum;

/// <summary>A point of y^2 = x^3 + 7 in Jacobian coordinates (x = X / Z^2, y = Y / Z^3); Z = 0 is infinity, and so is the default. Formulas: hyperelliptic.org/EFD, a = 0.</summary>
internal readonly record struct Secp256k1Point(F X, F Y, F Z)
{
    private const int Windows = 32;
    private const int Digits = 255;
    private static readonly byte[] RootExponent = F.Digits((F.Modulus + 1) / 4);

    // d 2^(8w) G at [255 w + d - 1]: 512 KB, made at the first use in some milliseconds.
    private static readonly Lazy<(F X, F Y)[]> GeneratorTable = new(MakeTable);

    internal bool IsInfinity => Z.IsZero;

    /// <summary>The point of x with a y of this parity; false if there is none.</summary>
    /// <param name="x">32 bytes, big-endian.</param>
    internal static bool TryLift(ReadOnlySpan<byte> x, bool isOdd, out Secp256k1Point point)
    {
        point = default;
        if (!F.TryFromBytes(x, out F fx)) return false;
        F square = fx.Square() * fx + F.From(7);
        F y = square.PowFixed(RootExponent); // p = 3 mod 4.
        if (y.Square() != square) return false;
        point = new Secp256k1Point(fx, y.IsOdd == isOdd ? y : -y, F.One);
        return true;
    }

    /// <summary>k G.</summary>
    /// <param name="k">32 bytes, big-endian.</param>
    internal static Secp256k1Point TimesGenerator(ReadOnlySpan<byte> k)
    {
        (F X, F Y)[] table = GeneratorTable.Value;
        Secp256k1Point sum = default;
        for (int w = 0; w < Windows; w++)
            if (k[Windows - 1 - w] is var digit and not 0) sum = sum.Add(table[Digits * w + digit - 1]);
        return sum;
    }

    /// <summary>k times this point.</summary>
    /// <param name="k">32 bytes, big-endian.</param>
    internal Secp256k1Point Times(ReadOnlySpan<byte> k)
    {
        Span<Secp256k1Point> multiples = new Secp256k1Point[16];
        for (int i = 1; i < multiples.Length; i++) multiples[i] = multiples[i - 1].Add(this);
        Secp256k1Point sum = default;
        foreach (byte digits in k)
        {
            sum = sum.Double().Double().Double().Double().Add(multiples[digits >> 4]);
            sum = sum.Double().Double().Double().Double().Add(multiples[digits & 15]);
        }

        return sum;
    }

    internal Secp256k1Point Double()
    {
        F a = X.Square(), b = Y.Square(), c = b.Square();
        F d = ((X + b).Square() - a - c).Double();
        F e = a.Double() + a;
        F x = e.Square() - d.Double();
        return new Secp256k1Point(x, e * (d - x) - c.Double().Double().Double(), (Y * Z).Double());
    }

    internal Secp256k1Point Add(in Secp256k1Point other)
    {
        if (IsInfinity) return other;
        if (other.IsInfinity) return this;
        F z1 = Z.Square(), z2 = other.Z.Square();
        F u1 = X * z2, u2 = other.X * z1, s1 = Y * other.Z * z2, s2 = other.Y * Z * z1;
        F h = u2 - u1, r = (s2 - s1).Double();
        if (h.IsZero) return r.IsZero ? Double() : default;
        F i = h.Double().Square(), j = h * i, v = u1 * i;
        F x = r.Square() - j - v.Double();
        return new Secp256k1Point(x, r * (v - x) - (s1 * j).Double(), ((Z + other.Z).Square() - z1 - z2) * h);
    }

    /// <summary>x and y.</summary>
    internal (F X, F Y) Normalize()
    {
        F inverse = Z.Inverse(), square = inverse.Square();
        return (X * square, Y * square * inverse);
    }

    private Secp256k1Point Add(in (F X, F Y) other)
    {
        if (IsInfinity) return new Secp256k1Point(other.X, other.Y, F.One);
        F z1 = Z.Square();
        F h = other.X * z1 - X, r = (other.Y * Z * z1 - Y).Double();
        if (h.IsZero) return r.IsZero ? Double() : default;
        F hh = h.Square(), i = hh.Double().Double(), j = h * i, v = X * i;
        F x = r.Square() - j - v.Double();
        return new Secp256k1Point(x, r * (v - x) - (Y * j).Double(), (Z + h).Square() - z1 - hh);
    }

    private static (F X, F Y)[] MakeTable()
    {
        Secp256k1Point power = new(
            Constant("79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798"), Constant("483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8"), F.One);
        var points = new Secp256k1Point[Windows * Digits];
        for (int w = 0; w < Windows; w++)
        {
            Secp256k1Point sum = power;
            for (int d = 0; d < Digits; d++, sum = sum.Add(power)) points[Digits * w + d] = sum;
            power = sum; // 256 times itself.
        }

        // One inversion for all: products of the Zs from the left, then back.
        var table = new (F X, F Y)[points.Length];
        var products = new F[points.Length];
        F product = F.One;
        for (int i = 0; i < points.Length; i++)
        {
            products[i] = product;
            product *= points[i].Z;
        }

        F inverse = product.Inverse();
        for (int i = points.Length - 1; i >= 0; i--)
        {
            F z = inverse * products[i], square = z.Square();
            table[i] = (points[i].X * square, points[i].Y * square * z);
            inverse *= points[i].Z;
        }

        return table;
    }

    private static F Constant(string digits) => F.TryFromBytes(Convert.FromHexString(digits), out F value)
        ? value : throw new ArgumentException("Not below p.", nameof(digits));
}

namespace Rollup.Groth16.Curve;

/// <summary>An element C0 + C1·v + C2·v² of Fq2[v]/(v³ - ξ).</summary>
internal readonly struct Fq6
{
    public Fq6(in Fq2 c0, in Fq2 c1, in Fq2 c2)
    {
        C0 = c0;
        C1 = c1;
        C2 = c2;
    }

    public readonly Fq2 C0, C1, C2;

    public static Fq6 Zero => default;

    public static Fq6 One => new(Fq2.One, Fq2.Zero, Fq2.Zero);

    public static Fq6 operator +(in Fq6 a, in Fq6 b) => new(a.C0 + b.C0, a.C1 + b.C1, a.C2 + b.C2);

    public static Fq6 operator -(in Fq6 a, in Fq6 b) => new(a.C0 - b.C0, a.C1 - b.C1, a.C2 - b.C2);

    public static Fq6 operator -(in Fq6 a) => new(-a.C0, -a.C1, -a.C2);

    // 6 multiplications in Fq2: Devegili, Ó hÉigeartaigh, Scott, Dahab, "Multiplication and Squaring on Pairing-Friendly
    // Fields", 2006, section 4.
    public static Fq6 operator *(in Fq6 a, in Fq6 b)
    {
        var t0 = a.C0 * b.C0;
        var t1 = a.C1 * b.C1;
        var t2 = a.C2 * b.C2;
        return new(
            ((a.C1 + a.C2) * (b.C1 + b.C2) - t1 - t2).MultiplyByXi() + t0,
            (a.C0 + a.C1) * (b.C0 + b.C1) - t0 - t1 + t2.MultiplyByXi(),
            (a.C0 + a.C2) * (b.C0 + b.C2) - t0 - t2 + t1);
    }

    public static Fq6 operator *(in Fq6 a, in Fq2 b) => new(a.C0 * b, a.C1 * b, a.C2 * b);

    // Product with b0 + b1·v.
    public Fq6 MultiplyBy01(in Fq2 b0, in Fq2 b1)
    {
        var t0 = C0 * b0;
        var t1 = C1 * b1;
        return new(
            ((C1 + C2) * b1 - t1).MultiplyByXi() + t0,
            (C0 + C1) * (b0 + b1) - t0 - t1,
            C2 * b0 + t1);
    }

    // Product with v.
    public Fq6 MultiplyByV() => new(C2.MultiplyByXi(), C0, C1);

    public Fq6 Inverse()
    {
        var t0 = C0.Square() - (C1 * C2).MultiplyByXi();
        var t1 = C2.Square().MultiplyByXi() - C0 * C1;
        var t2 = C1.Square() - C0 * C2;
        var norm = ((C2 * t1 + C1 * t2).MultiplyByXi() + C0 * t0).Inverse();
        return new(t0 * norm, t1 * norm, t2 * norm);
    }
}

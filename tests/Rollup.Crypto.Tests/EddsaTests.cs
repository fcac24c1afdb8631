namespace Rollup.Crypto.Tests;

public sealed class EddsaTests
{
    private sealed record SignCase(string Seed, string[] PublicKey, string Message, string[] R8, string S);

    internal sealed record EdgeCase(string Name, bool Valid, string[] PublicKey, string Message, string[] R8, string S)
    {
        public EddsaPublicKey Key => new(Fr.Parse(PublicKey[0]), Fr.Parse(PublicKey[1]));

        public EddsaSignature Signature => new(Fr.Parse(R8[0]), Fr.Parse(R8[1]), Fr.Parse(S));

        public SignedMessage Item => new(Key, Fr.Parse(Message), Signature);
    }

    internal static byte[] Seed(byte first)
    {
        var seed = new byte[EddsaPrivateKey.SeedLength];
        for (int i = 0; i < seed.Length; i++) seed[i] = (byte)(first + 3 * i);
        return seed;
    }

    [Fact]
    public void Keys_and_signatures_equal_circomlibjs_and_verify()
    {
        SignCase[] cases = Vectors.Load<SignCase[]>("eddsa");
        Assert.Equal(24, cases.Length);
        foreach (SignCase c in cases)
        {
            using var key = new EddsaPrivateKey(Convert.FromHexString(c.Seed));
            Assert.Equal(new EddsaPublicKey(Fr.Parse(c.PublicKey[0]), Fr.Parse(c.PublicKey[1])), key.PublicKey);
            EddsaSignature signature = key.Sign(Fr.Parse(c.Message));
            Assert.Equal(new EddsaSignature(Fr.Parse(c.R8[0]), Fr.Parse(c.R8[1]), Fr.Parse(c.S)), signature);
            Assert.True(key.PublicKey.Verify(Fr.Parse(c.Message), signature));
            Assert.True(key.PublicKey.IsValid);
        }
    }

    public static TheoryData<string> EdgeNames => [.. Vectors.Load<EdgeCase[]>("eddsa-edge").Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(EdgeNames))]
    public void Verification_decides_every_edge_as_the_circuit_does(string name)
    {
        EdgeCase[] cases = Vectors.Load<EdgeCase[]>("eddsa-edge");
        EdgeCase good = cases[0], c = cases.Single(c => c.Name == name);
        Assert.True(good.Key.Verify(Fr.Parse(good.Message), good.Signature));
        Assert.Equal(c.Valid, c.Key.Verify(Fr.Parse(c.Message), c.Signature));
    }

    [Fact]
    public void Keys_off_the_curve_of_small_and_of_mixed_order_are_told_apart()
    {
        foreach (EdgeCase c in Vectors.Load<EdgeCase[]>("eddsa-edge"))
        {
            bool bad = c.Name.StartsWith("A of small order", StringComparison.Ordinal) || c.Name.StartsWith("A off", StringComparison.Ordinal)
                || c.Name.StartsWith("A = (0, 0)", StringComparison.Ordinal) || c.Name.StartsWith("A with coordinates", StringComparison.Ordinal);
            Assert.Equal(!bad, c.Key.IsValid);
            bool mixed = c.Name.StartsWith("A plus", StringComparison.Ordinal) && c.Name[7] != '0';
            Assert.Equal(!bad && !mixed, c.Key.IsOfPrimeOrder);
        }
    }

    // (1, y) lies off the curve, on one with the same a and another d. Doubling does not use d, and 8 times the point is a point of order 4 of the true curve:
    // for a fourth of all messages h·8·A = O, so S = r would be a forgery by anyone.
    [Fact]
    public void A_key_off_the_curve_whose_eightfold_has_order_4_accepts_no_forgery()
    {
        EddsaPublicKey key = OffCurveKey;
        EdwardsPoint eightfold = new EdwardsPoint(new BabyJubJubPoint(key.X, key.Y)).MultiplyByCofactor();
        Assert.False(eightfold.IsIdentity);
        Assert.True(eightfold.ToAffine().IsOnCurve);
        Assert.Equal(BabyJubJubPoint.Identity, eightfold.ToAffine().Multiply([4]));

        for (ulong message = 0; message < 32; message++) Assert.False(key.Verify(Fr.FromUInt64(message), OffCurveForgery));
    }

    internal static EddsaPublicKey OffCurveKey { get; } = new(Fr.One, Fr.Parse("3893565056577138676880404713587288693691242021886213458306939154615778721599"));

    internal static EddsaSignature OffCurveForgery
    {
        get
        {
            BabyJubJubPoint r8 = BabyJubJubPoint.MultiplyBase8(PrimeField<BabyJubJubOrder>.FromUInt64(123_456_789));
            return new EddsaSignature(r8.X, r8.Y, Fr.FromUInt64(123_456_789));
        }
    }

    [Fact]
    public void A_flip_of_any_bit_is_refused()
    {
        using var key = new EddsaPrivateKey(Seed(7));
        Fr message = Fr.Parse("123456789012345678901234567890");
        EddsaSignature good = key.Sign(message);
        Assert.True(key.PublicKey.Verify(message, good));
        int refused = 0;
        for (int bit = 0; bit < 254; bit++)
        {
            // 254 - bit: the fields see different bits in the same round.
            if (TryFlip(message, bit, out Fr m)) Refuse(key.PublicKey, m, good);
            if (TryFlip(good.S, bit, out Fr s)) Refuse(key.PublicKey, message, good with { S = s });
            if (TryFlip(good.R8x, bit, out Fr x)) Refuse(key.PublicKey, message, good with { R8x = x });
            if (TryFlip(good.R8y, bit, out Fr y)) Refuse(key.PublicKey, message, good with { R8y = y });
            if (TryFlip(key.PublicKey.X, bit, out Fr kx)) Refuse(key.PublicKey with { X = kx }, message, good);
            if (TryFlip(key.PublicKey.Y, bit, out Fr ky)) Refuse(key.PublicKey with { Y = ky }, message, good);
        }

        Assert.True(refused > 6 * 250);

        void Refuse(EddsaPublicKey publicKey, Fr flippedMessage, EddsaSignature signature)
        {
            Assert.False(publicKey.Verify(flippedMessage, signature));
            refused++;
        }
    }

    internal static bool TryFlip(Fr value, int bit, out Fr flipped)
    {
        byte[] bytes = value.ToLittleEndianBytes();
        bytes[bit / 8] ^= (byte)(1 << bit % 8);
        return Fr.TryFromCanonicalLittleEndian(bytes, out flipped);
    }

    [Fact]
    public void Signatures_are_deterministic_and_differ_by_key_and_message()
    {
        using EddsaPrivateKey key = new(Seed(1)), same = new(Seed(1)), other = new(Seed(2));
        Assert.Equal(key.Sign(Fr.One), same.Sign(Fr.One));
        Assert.NotEqual(key.Sign(Fr.One).R8x, key.Sign(Fr.Zero).R8x);
        Assert.NotEqual(key.Sign(Fr.One).R8x, other.Sign(Fr.One).R8x);
    }

    [Fact]
    public void Text_shows_the_public_key_and_never_the_seed()
    {
        byte[] seed = Seed(99);
        using var key = new EddsaPrivateKey(seed);
        string text = key.ToString();
        Assert.Contains(key.PublicKey.X.ToString(), text);
        Assert.DoesNotContain(Convert.ToHexString(seed), text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Fr.FromBytesReducedLittleEndian(seed).ToString(), text);
        Assert.DoesNotContain(Fr.FromBytesReducedBigEndian(seed).ToString(), text);
    }

    [Fact]
    public void A_disposed_key_neither_signs_nor_exports()
    {
        byte[] seed = Seed(5), copy = new byte[32];
        var key = new EddsaPrivateKey(seed);
        key.CopySeedTo(copy);
        Assert.Equal(seed, copy);
        key.Dispose();
        Assert.Throws<ObjectDisposedException>(() => key.Sign(Fr.One));
        Assert.Throws<ObjectDisposedException>(() => key.CopySeedTo(copy));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(31)]
    [InlineData(33)]
    public void A_seed_has_32_bytes(int length) => Assert.Throws<ArgumentException>(() => new EddsaPrivateKey(new byte[length]));
}

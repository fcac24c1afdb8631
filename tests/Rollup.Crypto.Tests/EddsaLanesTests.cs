using System.Numerics;

namespace Rollup.Crypto.Tests;

public sealed class EddsaLanes8Tests : EddsaLanesTests<FieldLanes<Lanes8, Bn254Scalar>>;

public sealed class EddsaLanes4Tests : EddsaLanesTests<FieldLanes<Lanes4, Bn254Scalar>>;

public sealed class EddsaOneByOneTests : EddsaLanesTests<FieldScalar<Bn254Scalar>>;

/// <summary>Many signatures at once: each must be decided as it is alone, whatever stands beside it.</summary>
public abstract class EddsaLanesTests<TVector>
    where TVector : struct, IPrimeFieldVector<TVector, Bn254Scalar>
{
    private static readonly Lazy<SignedMessage[]> Good = new(() => [.. Enumerable.Range(0, 40).Select(i =>
    {
        using var key = new EddsaPrivateKey(EddsaTests.Seed((byte)(i / 2)));
        Fr message = Fr.FromUInt64(1_000_003 * (ulong)i).Pow(5);
        return new SignedMessage(key.PublicKey, message, key.Sign(message));
    })]);

    private static readonly Lazy<EddsaTests.EdgeCase[]> Edges = new(() => Vectors.Load<EddsaTests.EdgeCase[]>("eddsa-edge"));

    private static bool[] Verify(params SignedMessage[] items)
    {
        // Answers of an earlier use must not show through.
        bool[] accepted = [.. items.Select((_, i) => i % 2 == 0)];
        EddsaLanes<TVector>.VerifyMany(items, accepted);
        return accepted;
    }

    [Fact]
    public void Good_signatures_are_accepted_in_any_number()
    {
        foreach (int count in (int[])[0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 40]) Assert.Equal(Enumerable.Repeat(true, count), Verify(Good.Value[..count]));
    }

    [Fact]
    public void Every_edge_in_every_lane_is_decided_as_the_circuit_does_and_its_neighbours_are_not_affected()
    {
        foreach (EddsaTests.EdgeCase edge in Edges.Value)
        {
            for (int lane = 0; lane < TVector.Count; lane++)
            {
                SignedMessage[] items = Good.Value[..TVector.Count];
                items[lane] = edge.Item;
                bool[] accepted = Verify(items);
                for (int i = 0; i < items.Length; i++) Assert.True(accepted[i] == (i != lane || edge.Valid), $"{edge.Name}, in lane {lane}: {accepted[i]} in lane {i}");
            }
        }
    }

    [Fact]
    public void All_edges_together()
    {
        SignedMessage[] items = [.. Edges.Value.Select(e => e.Item)];
        Assert.Equal(Edges.Value.Select(e => e.Valid), Verify(items));
        Array.Reverse(items);
        Assert.Equal(Edges.Value.Select(e => e.Valid).Reverse(), Verify(items));
    }

    [Fact]
    public void A_batch_of_nothing_but_bad_ones_is_refused()
    {
        SignedMessage[] items = [.. Edges.Value.Where(e => !e.Valid).Select(e => e.Item)];
        Assert.True(items.Length > 30);
        Assert.DoesNotContain(true, Verify(items));
    }

    [Fact]
    public void Forgeries_under_a_key_off_the_curve_are_refused()
    {
        SignedMessage[] items = [.. Enumerable.Range(0, 32).Select(i => new SignedMessage(EddsaTests.OffCurveKey, Fr.FromUInt64((ulong)i), EddsaTests.OffCurveForgery)), Good.Value[3]];
        bool[] accepted = Verify(items);
        Assert.DoesNotContain(true, accepted[..^1]);
        Assert.True(accepted[^1]);
    }

    // What one equation over a sum of all would be deceived by.
    [Fact]
    public void Errors_that_cancel_each_other_are_refused()
    {
        EddsaTests.EdgeCase Named(string name) => Edges.Value.Single(e => e.Name == name);
        SignedMessage one = Named("R8 plus 3 times the point of order 8").Item, other = Named("R8 plus 5 times the point of order 8").Item, good = Named("good").Item;
        Assert.Equal([false, false, true], Verify(one, other, good));
        SignedMessage a = Good.Value[0], b = Good.Value[1];
        Assert.Equal(a.Key, b.Key);
        Assert.Equal([true, true], Verify(a, b));
        Assert.Equal([false, false], Verify(a with { Signature = a.Signature with { S = a.Signature.S + Fr.One } }, b with { Signature = b.Signature with { S = b.Signature.S - Fr.One } }));
    }

    [Fact]
    public void Random_mixes_are_decided_as_each_alone()
    {
        var random = new Random(8);
        int accepted = 0, refused = 0;
        foreach (int count in (int[])[2, 3, 7, 8, 9, 12, 16, 23, 31, 40, 40, 40])
        {
            SignedMessage[] items = [.. Good.Value[..count]];
            for (int i = 0; i < items.Length; i++)
            {
                if (random.Next(3) > 0) items[i] = Corrupt(items[i], random);
            }

            bool[] expected = [.. items.Select(item => item.Key.Verify(item.Message, item.Signature))];
            Assert.Equal(expected, Verify(items));
            accepted += expected.Count(e => e);
            refused += expected.Count(e => !e);
        }

        Assert.True(accepted > 50 && refused > 50);
    }

    private static SignedMessage Corrupt(SignedMessage item, Random random)
    {
        Fr[] fields = [item.Key.X, item.Key.Y, item.Message, item.Signature.R8x, item.Signature.R8y, item.Signature.S];
        int field = random.Next(fields.Length);
        Fr flipped;
        while (!EddsaTests.TryFlip(fields[field], random.Next(254), out flipped)) { }

        fields[field] = flipped;
        return new SignedMessage(new EddsaPublicKey(fields[0], fields[1]), fields[2], new EddsaSignature(fields[3], fields[4], fields[5]));
    }
}

public sealed class EddsaManyTests
{
    [Fact]
    public void The_public_entry_answers_each_in_order()
    {
        SignedMessage[] items = [.. Vectors.Load<EddsaTests.EdgeCase[]>("eddsa-edge").Select(e => e.Item)];
        var accepted = new bool[items.Length];
        EddsaPublicKey.VerifyMany(items, accepted);
        Assert.Equal(items.Select(item => item.Key.Verify(item.Message, item.Signature)), accepted);
        Assert.Throws<ArgumentException>(() => EddsaPublicKey.VerifyMany(items, accepted.AsSpan(1)));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    public void Signed_digits_add_up_to_the_scalar(int bits)
    {
        BigInteger l = PrimeField<BabyJubJubOrder>.Modulus;
        BigInteger half = BigInteger.One << bits - 1, radix = 2 * half;
        int digits = FixedBase.DigitsOf(bits);
        // Every digit just below, at and just above where a carry begins, and the ends.
        BigInteger[] repeated = [.. new[] { half - 1, half, half + 1, radix - 1 }.Select(d => Enumerable.Range(0, digits - 1).Aggregate(BigInteger.Zero, (sum, _) => sum * radix + d))];
        foreach (BigInteger value in (BigInteger[])[0, 1, l - 1, l / 2, .. repeated])
        {
            var places = new int[digits * 3];
            FixedBase.Recode(PrimeField<BabyJubJubOrder>.FromBigInteger(value), bits, places, 2, 3);
            int[] own = [.. places.Where((_, i) => i % 3 == 2)];
            Assert.All(own, place => Assert.InRange(place, 0, (int)radix - 1));
            Assert.Equal(value % l, own.Reverse().Aggregate(BigInteger.Zero, (sum, place) => sum * radix + place - (half - 1)));
            Assert.All(places.Where((_, i) => i % 3 != 2), place => Assert.Equal(0, place));
        }
    }
}

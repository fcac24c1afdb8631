namespace Rollup.Crypto.Tests;

public sealed class FieldVectorTests
{
    private sealed record Case(string A, string B, string Sum, string Difference, string Product, string? Quotient, string Montgomery);

    [Fact]
    public void Scalar_field_equals_circomlibjs_down_to_the_stored_bytes()
    {
        Case[] cases = Vectors.Load<Case[]>("field");
        Assert.Equal(181, cases.Length);
        foreach (Case c in cases)
        {
            Fr a = Fr.Parse(c.A), b = Fr.Parse(c.B);
            Assert.Equal(c.Sum, (a + b).ToString());
            Assert.Equal(c.Difference, (a - b).ToString());
            Assert.Equal(c.Product, (a * b).ToString());
            if (c.Quotient is not null) Assert.Equal(c.Quotient, (a * b.Inverse()).ToString());
            var bytes = new byte[Fr.ByteLength];
            a.WriteMontgomeryLittleEndian(bytes);
            Assert.Equal(c.Montgomery, Convert.ToHexStringLower(bytes));
        }
    }
}

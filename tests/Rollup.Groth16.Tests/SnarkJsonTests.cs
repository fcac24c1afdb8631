using System.Text;
using System.Text.Json.Nodes;
using Rollup.Groth16.Formats;

namespace Rollup.Groth16.Tests;

[Collection(nameof(SampleProof))]
public class SnarkJsonTests(SampleProof sample)
{
    [Fact]
    public void Documents_come_back_as_written()
    {
        Assert.Equal(sample.Key, SnarkJson.ReadVerifyingKey(SnarkJson.Write(sample.Key), "key"));
        Assert.Equal(sample.Proof, SnarkJson.ReadProof(SnarkJson.Write(sample.Proof), "proof"));
        Assert.Equal(sample.PublicInputs, SnarkJson.ReadPublicInputs(SnarkJson.Write(sample.PublicInputs), "public"));
        var infinite = new Proof(default, default, default);
        Assert.Equal(infinite, SnarkJson.ReadProof(SnarkJson.Write(infinite), "infinite"));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(File.ReadAllBytes(sample.PathOf("proof.json"))), JsonNode.Parse(SnarkJson.Write(sample.Proof))));
    }

    [Theory]
    [InlineData("$.pi_a[0]", "x + q")]
    [InlineData("$.pi_a[0]", "\"007\"")]
    [InlineData("$.pi_a[1]", "\"-5\"")]
    [InlineData("$.pi_a[1]", "\"+5\"")]
    [InlineData("$.pi_a[1]", "\" 5\"")]
    [InlineData("$.pi_a[1]", "\"0x5\"")]
    [InlineData("$.pi_a[1]", "\"\"")]
    [InlineData("$.pi_a[1]", "\"\\ud800\"")]
    [InlineData("$.pi_a[1]", "\"\\u0035\"")]
    [InlineData("$.pi_a[1]", "5")]
    [InlineData("$.pi_a[1]", "null")]
    [InlineData("$.pi_c", "[\"1\", \"2\", \"2\"]")]
    [InlineData("$.pi_c", "[\"0\", \"0\", \"1\"]")]
    [InlineData("$.pi_c", "[\"1\", \"2\"]")]
    [InlineData("$.pi_c", "{}")]
    [InlineData("$.pi_b[1]", "[\"1\"]")]
    [InlineData("$.pi_b", "[[\"0\", \"0\"], [\"0\", \"0\"], [\"1\", \"0\"]]")]
    [InlineData("$.protocol", "\"plonk\"")]
    [InlineData("$.protocol", "\"\\udc00\"")]
    [InlineData("$.curve", "\"bls12381\"")]
    public void Malformed_proofs_name_the_place(string path, string value)
    {
        var proof = JsonNode.Parse(SnarkJson.Write(sample.Proof))!;
        Assert.Equal(sample.Proof, SnarkJson.ReadProof(Encoding.UTF8.GetBytes(proof.ToJsonString()), "proof"));
        if (value == "x + q")
            value = $"\"{sample.Proof.A.X.ToBigInteger() + Fq.Modulus}\"";
        // A placeholder, because JsonNode would not keep a broken escape.
        const string placeholder = "placeholder";
        var steps = path[2..].TrimEnd(']').Split('[');
        if (steps.Length == 1)
            proof[steps[0]] = placeholder;
        else
            proof[steps[0]]![int.Parse(steps[1], System.Globalization.CultureInfo.InvariantCulture)] = placeholder;
        var text = proof.ToJsonString().Replace($"\"{placeholder}\"", value, StringComparison.Ordinal);
        var error = Assert.Throws<BinaryFormatException>(() => SnarkJson.ReadProof(Encoding.UTF8.GetBytes(text), "bad.json"));
        Assert.Equal("bad.json", error.File);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Public_inputs_must_be_below_r()
    {
        byte[] Text(string items) => Encoding.UTF8.GetBytes($"[{items}]");
        Assert.Equal([-Fr.One, Fr.Zero], SnarkJson.ReadPublicInputs(Text($"\"{Fr.Modulus - 1}\", \"0\""), "public"));
        Assert.Empty(SnarkJson.ReadPublicInputs(Text(""), "public"));
        var error = Assert.Throws<BinaryFormatException>(() => SnarkJson.ReadPublicInputs(Text($"\"1\", \"{Fr.Modulus}\""), "public"));
        Assert.Contains("$[1]", error.Message, StringComparison.Ordinal);
        Assert.Throws<BinaryFormatException>(() => SnarkJson.ReadPublicInputs(Text(string.Join(',', Enumerable.Repeat("\"1\"", 1025))), "public"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"protocol\": \"groth16\", \"protocol\": \"groth16\"}")]
    [InlineData("[[[[[[[[[[[[]]]]]]]]]]]]")]
    [InlineData("{\"\\ud800\": 1}")]
    [InlineData("{\"protocol\": \"groth16\", \"curve\": \"bn128\", \"nPublic\": 1.5, \"IC\": [[\"1\", \"2\", \"1\"]]}")]
    public void Documents_that_are_no_key_are_refused(string text) =>
        Assert.Throws<BinaryFormatException>(() => SnarkJson.ReadVerifyingKey(Encoding.UTF8.GetBytes(text), "key"));

    [Fact]
    public void Number_of_public_inputs_must_match_and_size_is_bounded()
    {
        var text = Encoding.UTF8.GetString(SnarkJson.Write(sample.Key));
        Assert.Equal(sample.Key, SnarkJson.ReadVerifyingKey(Encoding.UTF8.GetBytes(text), "key"));
        var wrong = text.Replace("\"nPublic\": 4", "\"nPublic\": 3", StringComparison.Ordinal);
        Assert.Contains("$.nPublic", Assert.Throws<BinaryFormatException>(() => SnarkJson.ReadVerifyingKey(Encoding.UTF8.GetBytes(wrong), "key")).Message, StringComparison.Ordinal);
        var tooLong = Encoding.UTF8.GetBytes(text + new string(' ', SnarkJson.MaxLength));
        Assert.Contains("at most", Assert.Throws<BinaryFormatException>(() => SnarkJson.ReadVerifyingKey(tooLong, "key")).Message, StringComparison.Ordinal);
        File.WriteAllBytes(sample.PathOf("long.json"), tooLong);
        Assert.Contains($"{tooLong.Length} bytes", Assert.Throws<BinaryFormatException>(() => SnarkJson.ReadFile(sample.PathOf("long.json"))).Message, StringComparison.Ordinal);
        Assert.Equal(sample.Proof, SnarkJson.ReadProof(SnarkJson.ReadFile(sample.PathOf("proof.json")), "proof.json"));
    }

    [Fact]
    public void Every_changed_byte_of_a_proof_is_refused_or_reads_as_another_proof()
    {
        var verifier = new Groth16Verifier(sample.Key);
        var good = SnarkJson.Write(sample.Proof);
        Assert.True(verifier.Verify(SnarkJson.ReadProof(good, "proof"), sample.PublicInputs).IsValid);
        var random = new Random(4);
        for (var i = 0; i < good.Length; i++)
        {
            var bytes = good.ToArray();
            bytes[i] ^= (byte)(1 << random.Next(8));
            Proof? read = null;
            if (Record.Exception(() => read = SnarkJson.ReadProof(bytes, "proof")) is { } error)
                Assert.IsType<BinaryFormatException>(error);
            else if (read != sample.Proof)
                Assert.False(verifier.Verify(read!, sample.PublicInputs).IsValid);
        }
    }
}

using System.Text.Json.Nodes;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Ethereum.Tests;

/// <summary>What the sequencer signs, against ethers; the contract of challenges is held to the same vectors.</summary>
public class ReceiptTests
{
    [Fact]
    public void Hashes_of_receipts_are_those_of_the_vectors()
    {
        IReadOnlyList<JsonNode> vectors = Vectors.Section("receipts");
        Assert.Equal(3, vectors.Count);
        Assert.All(vectors, v =>
        {
            var receipt = new Receipt((long)v.Integer("number"), Bytes32.FromBytes(v.Bytes("orderHash")), (long)v.Integer("time"), Bytes32.FromBytes(v.Bytes("previous")));
            var domain = PrimeField<Bn254Scalar>.FromBigInteger(v.Integer("domain"));
            Assert.Equal(v.Bytes("hash"), receipt.HashIn(domain).ToBytes());
            Assert.NotEqual(v.Bytes("hash"), (receipt with { Number = receipt.Number + 1 }).HashIn(domain).ToBytes());
        });
    }
}

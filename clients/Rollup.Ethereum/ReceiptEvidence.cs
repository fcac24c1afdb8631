using System.Text.Json.Nodes;
using Rollup.Crypto.Settlement;
using Rollup.Protocol;

namespace Rollup.Ethereum;

/// <summary>Proof that the sequencer broke a promise that it signed, ready for the contract of challenges (spec 10.5).</summary>
/// <param name="What">For people.</param>
/// <param name="Call">Call data for the contract; anybody may send it.</param>
public sealed record ReceiptEvidence(string What, byte[] Call)
{
    /// <summary>Two receipts of one number, or one that does not name the one before it; null if they do not contradict each other, or are not both signed by <paramref name="signer"/>.</summary>
    /// <param name="domain">The vault's under the circuit version that both were signed for, as everywhere here.</param>
    /// <param name="version">That version.</param>
    public static ReceiptEvidence? OfTwo(SignedReceipt first, SignedReceipt second, Fr domain, Address signer, uint version = CircuitVersion.Value)
    {
        if (first.Receipt.Number > second.Receipt.Number) (first, second) = (second, first);
        bool isTwice = first.Receipt.Number == second.Receipt.Number && first.Receipt != second.Receipt;
        bool isBroken = first.Receipt.Number + 1 == second.Receipt.Number && second.Receipt.Previous != first.Receipt.HashIn(domain);
        if (!(isTwice || isBroken) || !first.IsOf(domain, signer) || !second.IsOf(domain, signer)) return null;
        return new ReceiptEvidence(isTwice ? $"two receipts of number {first.Receipt.Number}" : $"receipt {second.Receipt.Number} does not follow receipt {first.Receipt.Number}",
            ChallengesAbi.ChallengeDoubleReceipt.Encode(Fields(first.Receipt, version), first.Signature.ToBytes(), Fields(second.Receipt, version), second.Signature.ToBytes()));
    }

    /// <summary>A receipt in whose place the operator committed another.</summary>
    /// <param name="batch">A batch that was committed with <paramref name="committed"/> as its last receipt.</param>
    /// <param name="chain">The receipts from the number of <paramref name="receipt"/> to the committed one, as whoever says.</param>
    /// <returns>Null if the receipt is the committed one, the chain does not lead to the committed one, or <paramref name="signer"/> did not sign the receipt.</returns>
    public static ReceiptEvidence? Against(SignedReceipt receipt, uint batch, ReceiptHead committed, IReadOnlyList<Receipt> chain, Fr domain, Address signer, uint version = CircuitVersion.Value)
    {
        if (chain.Count == 0 || chain[0].Number != receipt.Receipt.Number || chain[0] == receipt.Receipt || !receipt.IsOf(domain, signer)) return null;
        ReceiptHead head = new(chain[0].Number - 1, chain[0].Previous);
        foreach (Receipt link in chain)
        {
            if (link.Number != head.Number + 1 || link.Previous != head.Hash) return null;
            head = new ReceiptHead(link.Number, link.HashIn(domain));
        }

        if (head != committed) return null;
        return new ReceiptEvidence($"receipt {receipt.Receipt.Number} is not in the order that batch {batch} was committed with",
            ChallengesAbi.ChallengeContradictedReceipt.Encode(Fields(receipt.Receipt, version), receipt.Signature.ToBytes(), batch, chain[0].Previous.ToBytes(),
                chain.Select(link => (object)new object[] { link.OrderHash.ToBytes(), link.Time }).ToArray()));
    }

    /// <summary>The evidence as a file: JSON with the contract's address and the call.</summary>
    public string ToJson(Address challenges) => new JsonObject
    {
        ["format"] = "rollup-receipt-evidence", ["version"] = 1, ["what"] = What, ["contract"] = challenges.ToString(), ["call"] = Hex.Format(Call),
    }.ToJsonString(new System.Text.Json.JsonSerializerOptions { WriteIndented = true });

    private static object[] Fields(Receipt receipt, uint version) => [version, receipt.Number, receipt.OrderHash.ToBytes(), receipt.Time, receipt.Previous.ToBytes()];
}

using Rollup.Api;
using Rollup.Client.Sequencer;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.Client.Tests;

/// <summary>What a trader does with the sequencer's receipts.</summary>
public sealed class ReceiptBookTests : IDisposable
{
    private static readonly Fr Domain = SettlementDomain.Of(31337, Sample.Vault);
    private readonly EthereumKey sequencer = EthereumKey.Generate(), stranger = EthereumKey.Generate();
    private readonly string path = Path.GetTempFileName();

    public void Dispose()
    {
        sequencer.Dispose();
        stranger.Dispose();
        File.Delete(path);
    }

    private ReceiptBook Book() => new(path, Domain, sequencer.Address);

    private static CancelMessage Message(int nonce) => new(7, 3, nonce, 1_800_000_000_000, new EddsaSignature(Fr.FromUInt64(11UL * (ulong)nonce), Fr.FromUInt64(13), Fr.FromUInt64(17)));

    private static Bytes32 HashOf(CancelMessage message) => Receipt.OrderHashOf(message.ToRequest().Pack(), message.Signature);

    private static ReceiptView View(SignedReceipt r) => new(r.Receipt.Number, r.Receipt.OrderHash, r.Receipt.Time, r.Receipt.Previous, Hex.Format(r.Signature.ToBytes()));

    /// <summary>Receipts of messages 1..count in order.</summary>
    private List<SignedReceipt> Chain(int count, int last = 0)
    {
        var head = new ReceiptHead();
        var chain = new List<SignedReceipt>();
        for (int n = 1; n <= count; n++)
        {
            Receipt receipt = head.Next(HashOf(Message(n == count && last != 0 ? last : n)), 1_790_000_000_000 + n);
            chain.Add(SignedReceipt.Sign(receipt, Domain, sequencer));
            head = new ReceiptHead(receipt.Number, receipt.HashIn(Domain));
        }

        return chain;
    }

    [Fact]
    public void A_receipt_of_the_message_by_the_sequencer_is_kept_and_others_are_refused()
    {
        List<SignedReceipt> chain = Chain(3);
        Assert.Equal("receipt 2 is not of the message that was sent", Book().Add(Message(1), View(chain[1]), out _));
        Assert.Equal($"receipt 2 is not signed by {sequencer.Address}", Book().Add(Message(2), View(SignedReceipt.Sign(chain[1].Receipt, Domain, stranger)), out _));
        Assert.Equal($"receipt 2 is not signed by {sequencer.Address}", Book().Add(Message(2), View(chain[1]) with { Time = 5 }, out _));
        Assert.Equal("receipt 2 has no signature of 65 bytes", Book().Add(Message(2), View(chain[1]) with { Signature = "0x1234" }, out _));
        Assert.Null(Book().Find(2));
        Assert.Null(Book().Add(Message(2), View(chain[1]), out ReceiptEvidence? evidence));
        Assert.Null(evidence);
        Assert.Equal(chain[1], Book().Find(2));
        Assert.Null(Book().Add(Message(2), View(chain[1]), out _));
        Assert.Equal(SignedReceipt.Size, new FileInfo(path).Length);
    }

    [Fact]
    public void A_write_that_was_cut_short_is_cut_off_and_a_damaged_file_is_refused()
    {
        List<SignedReceipt> chain = Chain(2);
        File.WriteAllBytes(path, [.. chain[0].ToBytes(), .. chain[1].ToBytes().AsSpan(0, 100)]);
        Assert.Equal(chain[0], Book().Find(1));
        Assert.Equal(SignedReceipt.Size, new FileInfo(path).Length);
        File.WriteAllBytes(path, new byte[SignedReceipt.Size]);
        Assert.Contains("offset 0", Assert.Throws<InvalidDataException>(() => Book().Find(1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_receipts_of_one_number_are_evidence()
    {
        SignedReceipt first = Chain(2)[1], second = Chain(2, last: 9)[1];
        ReceiptBook book = Book();
        Assert.Null(book.Add(Message(2), View(first), out _));
        Assert.Equal("receipt 2 was given for another request before", book.Add(Message(9), View(second), out ReceiptEvidence? evidence));
        object[] call = ChallengesAbi.ChallengeDoubleReceipt.DecodeArguments(evidence!.Call);
        Assert.Equal(first.Receipt.OrderHash.ToBytes(), (byte[])((object[])call[0])[2]);
        Assert.Equal(first.Signature.ToBytes(), (byte[])call[1]);
        Assert.Equal(second.Receipt.OrderHash.ToBytes(), (byte[])((object[])call[2])[2]);
        Assert.Equal(second.Signature.ToBytes(), (byte[])call[3]);
        Assert.Equal(first, book.Find(2));
        Assert.Equal("receipt 3 does not follow receipt 2", ReceiptEvidence.OfTwo(Chain(3)[2], second, Domain, sequencer.Address)!.What);
        Assert.Null(ReceiptEvidence.OfTwo(first, first, Domain, sequencer.Address));
        Assert.Null(ReceiptEvidence.OfTwo(first, Chain(3)[2], Domain, sequencer.Address));
        Assert.Null(ReceiptEvidence.OfTwo(first, SignedReceipt.Sign(second.Receipt, Domain, stranger), Domain, sequencer.Address));
    }

    [Fact]
    public void A_receipt_in_whose_place_another_was_committed_is_evidence()
    {
        ReceiptBook book = Book();
        List<SignedReceipt> promised = Chain(3), committed = Chain(3, last: 8);
        Assert.Null(book.Add(Message(2), View(promised[1]), out _));
        Assert.Null(book.Add(Message(3), View(promised[2]), out _));
        Receipt[] honest = [.. promised.Select(r => r.Receipt)], other = [.. committed.Select(r => r.Receipt)];
        ReceiptHead Head(Receipt[] chain) => new(chain[^1].Number, chain[^1].HashIn(Domain));
        Assert.Empty(book.HoldAgainst(5, Head(honest), honest));
        ReceiptEvidence evidence = Assert.Single(book.HoldAgainst(5, Head(other), other));
        Assert.Equal("receipt 3 is not in the order that batch 5 was committed with", evidence.What);
        object[] call = ChallengesAbi.ChallengeContradictedReceipt.DecodeArguments(evidence.Call);
        Assert.Equal(promised[2].Signature.ToBytes(), (byte[])call[1]);
        Assert.Equal(other[2].Previous.ToBytes(), (byte[])call[3]);
        Assert.Equal(other[2].OrderHash.ToBytes(), (byte[])((object[])Assert.Single((object[])call[4]))[0]);
        // Whoever shows a chain that does not lead to the committed receipt shows nothing.
        Assert.Contains("was committed with number 3", Assert.Throws<InvalidDataException>(() => book.HoldAgainst(5, Head(other), honest)).Message, StringComparison.Ordinal);
        Assert.Contains("does not follow", Assert.Throws<InvalidDataException>(() => book.HoldAgainst(5, Head(honest), [honest[0], honest[2]])).Message, StringComparison.Ordinal);
    }
}

using Rollup.Api;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.Client.Sequencer;

/// <summary>
/// A trader's receipts in a file: 145 bytes each (spec 11.3), appended and forced to the disk as they come. Each is checked before it is taken: signed by the sequencer, for the message that was sent.
/// A receipt that contradicts another is evidence for the contract of challenges.
/// </summary>
/// <param name="signer">The sequencer's key, as the challenges' contract knows it; what the sequencer says of itself proves nothing.</param>
/// <param name="domain">The vault's under one version of its circuit: a book holds the receipts of one, and after an upgrade there is another.</param>
/// <param name="version">That version.</param>
public sealed class ReceiptBook(string path, Fr domain, Address signer, uint version = CircuitVersion.Value)
{
    private readonly Lock gate = new();
    private Dictionary<long, SignedReceipt>? receipts;

    /// <summary>The receipt of a number, of those in the book.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public SignedReceipt? Find(long number)
    {
        lock (gate) return Load().TryGetValue(number, out SignedReceipt receipt) ? receipt : null;
    }

    /// <summary>All of the book, ascending by number. Signatures were checked when they came, against the domain and signer of that time.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public IReadOnlyList<SignedReceipt> All()
    {
        lock (gate) return [.. Load().Values.OrderBy(r => r.Receipt.Number)];
    }

    /// <summary>Checks and keeps the receipt that came with an answer.</summary>
    /// <param name="message">As it was sent.</param>
    /// <param name="evidence">If the book holds another receipt of this number: what to challenge with. The new one is kept beside it only there.</param>
    /// <returns>What is wrong with the receipt, or null.</returns>
    public string? Add(ISignedMessage message, ReceiptView receipt, out ReceiptEvidence? evidence)
    {
        evidence = null;
        if (!TryRead(receipt, out SignedReceipt signed)) return $"receipt {receipt.Number} has no signature of 65 bytes";
        if (signed.Receipt.OrderHash != Receipt.OrderHashOf(message.ToRequest().Pack(), message.Signature)) return $"receipt {receipt.Number} is not of the message that was sent";
        if (!signed.IsOf(domain, signer)) return $"receipt {receipt.Number} is not signed by {signer}";
        lock (gate)
        {
            Dictionary<long, SignedReceipt> known = Load();
            if (known.TryGetValue(receipt.Number, out SignedReceipt other))
            {
                if (other.Receipt == signed.Receipt) return null;
                evidence = ReceiptEvidence.OfTwo(other, signed, domain, signer, version);
                return $"receipt {receipt.Number} was given for another request before";
            }

            using var file = new FileStream(path, FileMode.Append, FileAccess.Write);
            file.Write(signed.ToBytes());
            file.Flush(flushToDisk: true);
            known.Add(receipt.Number, signed);
            return null;
        }
    }

    /// <summary>Holds the book against what the operator committed.</summary>
    /// <param name="batch">A committed batch.</param>
    /// <param name="committed">Its last receipt, as the vault has it.</param>
    /// <param name="chain">All receipts from the book's lowest number, or an earlier one, up to the committed one: from the sequencer's API or the gossip network. Who gives a false one is found out.</param>
    /// <returns>Evidence for every receipt of the book in whose place another was committed.</returns>
    /// <exception cref="InvalidDataException">The chain does not lead to the committed receipt; or the file is damaged.</exception>
    public IReadOnlyList<ReceiptEvidence> HoldAgainst(uint batch, ReceiptHead committed, IReadOnlyList<Receipt> chain)
    {
        ReceiptHead head = chain.Count == 0 ? default : new ReceiptHead(chain[0].Number - 1, chain[0].Previous);
        foreach (Receipt link in chain)
        {
            if (link.Number != head.Number + 1 || link.Previous != head.Hash) throw new InvalidDataException($"Receipt {link.Number} does not follow the one before it.");
            head = new ReceiptHead(link.Number, link.HashIn(domain));
        }

        if (head != committed) throw new InvalidDataException($"These receipts lead to number {head.Number} with hash {head.Hash}, and batch {batch} was committed with number {committed.Number} and {committed.Hash}.");
        lock (gate)
            return [.. Load().Values.Where(r => r.Receipt.Number >= chain[0].Number && r.Receipt.Number <= committed.Number).OrderBy(r => r.Receipt.Number)
                .Select(r => ReceiptEvidence.Against(r, batch, committed, [.. chain.Skip((int)(r.Receipt.Number - chain[0].Number))], domain, signer, version)).OfType<ReceiptEvidence>()];
    }

    /// <summary>A receipt as the API shows it; false if its signature has another form.</summary>
    public static bool TryRead(ReceiptView view, out SignedReceipt receipt)
    {
        receipt = default;
        try
        {
            if (view.Signature is null) return false;
            receipt = new SignedReceipt(new Receipt(view.Number, view.OrderHash, view.Time, view.Previous), EcdsaSignature.FromBytes(Hex.Parse(view.Signature)));
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private Dictionary<long, SignedReceipt> Load()
    {
        if (receipts is not null) return receipts;
        byte[] bytes = File.Exists(path) ? File.ReadAllBytes(path) : [];
        var read = new Dictionary<long, SignedReceipt>();
        // What was cut short at the end was never confirmed.
        for (int at = 0; at + SignedReceipt.Size <= bytes.Length; at += SignedReceipt.Size)
        {
            if (!SignedReceipt.TryParse(bytes.AsSpan(at, SignedReceipt.Size), out SignedReceipt receipt)) throw new InvalidDataException($"{path}, offset {at}: this is no receipt.");
            read[receipt.Receipt.Number] = receipt;
        }

        if (bytes.Length % SignedReceipt.Size != 0)
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Write);
            file.SetLength(bytes.Length - bytes.Length % SignedReceipt.Size);
        }

        return receipts = read;
    }
}

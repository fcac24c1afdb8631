using System.CommandLine;
using System.Numerics;
using Rollup.Api;
using Rollup.Client.Sequencer;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Protocol;

namespace Rollup.Cli;

/// <summary>What a trader does with the sequencer's receipts (spec 11): keep each, and hold them against what the operator committed.</summary>
internal static class ReceiptCommands
{
    internal static readonly Option<string?> Kept = new("--receipts") { Description = "File that keeps the receipts of what is accepted; with --receipt-signer." };
    internal static readonly Option<Address> Signer = Commands.AddressOption("--receipt-signer", "The key that must have signed them, as the contract of challenges knows it.");

    private static readonly Option<string> Book = new("--receipts") { Description = "File with the receipts.", Required = true };
    private static readonly Option<Address> RequiredSigner = Commands.AddressOption("--receipt-signer", "The key that signed them, as the contract of challenges knows it.", isRequired: true);
    private static readonly Option<Address> Challenges = Commands.AddressOption("--challenges", "Contract of challenges: a contradiction is sent there, with --keystore.");
    private static readonly Option<string?> Keystore = new("--keystore") { Description = "Encrypted wallet file that pays for a challenge, and earns half of the bond." };

    internal static Command Build(Option<Uri> sequencer) => Commands.Make("receipts", "Hold the receipts in a file against the order that the operator committed.",
        [Commands.Rpc, Commands.Vault, sequencer, Book, RequiredSigner, Challenges, Keystore, Commands.PasswordFile], async (p, c) =>
        {
            using var ethereum = new EthereumClient(p.GetRequiredValue(Commands.Rpc));
            using var api = new SequencerClient(p.GetRequiredValue(sequencer));
            Address vault = p.GetValue(Commands.Vault), signer = p.GetValue(RequiredSigner);
            var version = (uint)(BigInteger)((object[])(await ethereum.CallAsync(vault, VaultAbi.Circuit, [], cancellation: c))[0])[4];
            Fr domain = SettlementDomain.Of(await ethereum.GetChainIdAsync(c), vault, version);
            var book = new ReceiptBook(p.GetRequiredValue(Book), domain, signer, version);
            IReadOnlyList<SignedReceipt> kept = book.All();
            if (kept.FirstOrDefault(r => !r.IsOf(domain, signer)) is { Receipt.Number: > 0 } foreign)
                throw new CliException($"Receipt {foreign.Receipt.Number} is not signed by {signer} for this vault and version {version} of its circuit: it binds nobody here.");
            var found = new List<ReceiptEvidence>();
            long covered = 0;
            var batches = new CommittedReceipts(ethereum, vault);
            foreach (IGrouping<uint, SignedReceipt> batch in (await batches.CoverAsync(kept, c)).OrderBy(b => b.Key))
            {
                ReceiptHead committed = await batches.HeadAsync(batch.Key, c);
                found.AddRange(book.HoldAgainst(batch.Key, committed, await ChainAsync(api, batch.Min(r => r.Receipt.Number), committed.Number, c)));
                covered += batch.Count();
            }

            Console.WriteLine($"{kept.Count} receipts, {covered} of them committed, {covered - found.Count} as promised");
            foreach (ReceiptEvidence evidence in found)
            {
                Console.WriteLine(evidence.What);
                if (p.GetValue(Challenges) is { IsZero: false } contract && p.GetValue(Keystore) is { } keystore)
                {
                    using EthereumKey key = Wallets.Load(keystore, p.GetValue(Commands.PasswordFile));
                    using var wallet = new Wallet(ethereum, key);
                    TransactionReceipt sent = await wallet.SendAsync(contract, evidence.Call, cancellation: c);
                    Console.WriteLine($"  challenged in transaction {sent.TransactionHash}: half of the bond is credited to {wallet.Address}");
                    return; // One takes the whole bond.
                }

                Console.WriteLine($"  to the contract of challenges (--challenges and --keystore send it): {Hex.Format(evidence.Call)}");
            }

            if (found.Count > 0) throw new CliException("The operator committed another order than it promised.");
        });

    /// <summary>Keeps the receipts of a result, if that is asked for.</summary>
    /// <exception cref="CliException">There is none, or it is not what it must be.</exception>
    internal static void Keep(ParseResult p, InfoView info, ISignedMessage message, RequestResult result)
    {
        (string? file, Address signer) = (p.GetValue(Kept), p.GetValue(Signer));
        if (file is null && signer.IsZero) return;
        if (result.Receipts is not { Count: > 0 } receipts) throw new CliException("The request was executed, and the sequencer gave no receipt: it has promised no place in the order.");
        var book = new ReceiptBook(file!, info.Domain, signer, (uint)info.CircuitVersion);
        foreach (ReceiptView receipt in receipts)
        {
            if (book.Add(message, receipt, out ReceiptEvidence? evidence) is not { } problem) Console.WriteLine($"receipt {receipt.Number} kept in {file}");
            else throw new CliException($"The request was executed, but {problem}.{(evidence is null ? "" : $" For the contract of challenges: {Hex.Format(evidence.Call)}")}");
        }
    }

    /// <summary>Before anything is sent.</summary>
    internal static void Check(ParseResult p)
    {
        if (p.GetValue(Kept) is null != p.GetValue(Signer).IsZero) throw new CliException("--receipts and --receipt-signer belong together.");
    }

    private static async Task<List<Receipt>> ChainAsync(SequencerClient api, long first, long last, CancellationToken cancellation)
    {
        var chain = new List<Receipt>();
        for (long number = first; number <= last; number++)
        {
            ReceiptView view = await api.ReceiptAsync(number, cancellation);
            chain.Add(new Receipt(view.Number, view.OrderHash, view.Time, view.Previous));
        }

        return chain;
    }

    /// <summary>The last receipts that batches were committed with, read once each.</summary>
    private sealed class CommittedReceipts(EthereumClient ethereum, Address vault)
    {
        private readonly Dictionary<uint, ReceiptHead> heads = [];

        internal async Task<ReceiptHead> HeadAsync(uint batch, CancellationToken cancellation)
        {
            if (heads.TryGetValue(batch, out ReceiptHead known)) return known;
            var record = (object[])(await ethereum.CallAsync(vault, VaultAbi.Batches, [batch], cancellation: cancellation))[0];
            return heads[batch] = new ReceiptHead((long)(BigInteger)record[11], Bytes32.FromBytes((byte[])record[12]));
        }

        /// <summary>Receipts by the first batch that was committed with their number or a later one; without those that none covers yet. Numbers never fall from batch to batch (spec 6.3).</summary>
        internal async Task<IEnumerable<IGrouping<uint, SignedReceipt>>> CoverAsync(IReadOnlyList<SignedReceipt> receipts, CancellationToken cancellation)
        {
            var last = (uint)(BigInteger)(await ethereum.CallAsync(vault, VaultAbi.LastCommitted, [], cancellation: cancellation))[0];
            var covered = new List<(uint Batch, SignedReceipt Receipt)>();
            foreach (SignedReceipt receipt in receipts)
            {
                (uint low, uint high) = (1, last + 1);
                while (low < high)
                {
                    uint middle = (low + high) / 2;
                    if ((await HeadAsync(middle, cancellation)).Number >= receipt.Receipt.Number) high = middle;
                    else low = middle + 1;
                }

                if (low <= last) covered.Add((low, receipt));
            }

            return covered.GroupBy(r => r.Batch, r => r.Receipt);
        }
    }
}

using System.Numerics;
using System.Security.Cryptography;
using Rollup.Api;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.Risk;

namespace Rollup.Drills;

/// <summary>What an owner may claim (spec 6.10), by the operator's account of it and the last final risk table. Atoms and lots.</summary>
/// <param name="Equity">Cash and derivatives.</param>
/// <param name="Lots">Spot.</param>
/// <param name="Instruments">Of its positions.</param>
internal sealed record Worth(Trader Trader, BigInteger Equity, BigInteger SpotValue, BigInteger Lots, IReadOnlyList<int> Instruments)
{
    internal BigInteger Cash => BigInteger.Max(Equity, 0);

    internal BigInteger Spot => Equity >= 0 ? Lots : SpotValue + Equity > 0 ? Lots * (SpotValue + Equity) / SpotValue : 0;
}

/// <summary>Leaving a frozen vault by the program `state-verifier exit`, which is given L1, a key file and the published files of the circuit.</summary>
internal sealed class Leaving
{
    private static readonly AbiFunction SetMarkFunction = AbiFunction.Parse("setMark(uint32 asset,bytes riskInputs)");
    private static readonly AbiFunction BuyWithheldFunction = AbiFunction.Parse("buyWithheld(uint32 asset,uint256 lots)");
    private static readonly AbiFunction WithheldView = AbiFunction.Parse("withheld(uint32 asset)(uint256)");
    private static readonly AbiFunction MarksView = AbiFunction.Parse("marks(uint32 asset)(uint256)");

    private readonly RunningSystem system;
    private readonly string[] vault, proving;

    private Leaving(RunningSystem system, string[] proving)
    {
        (this.system, this.proving) = (system, proving);
        vault = ["--rpc", system.Anvil.Endpoint.ToString(), "--vault", Eip55.Format(system.Vault)];
    }

    private CancellationToken Cancellation => system.Run.Cancellation;

    internal Address Exits => system.AddressOf("exits");

    internal static async Task<Leaving> PrepareAsync(RunningSystem system)
    {
        var keys = await system.KeysAsync("exit");
        string zkey = (string)keys["zkey"]!;
        using FileStream stream = File.OpenRead(zkey);
        string hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, system.Run.Cancellation));
        return new Leaving(system, ["--from-block", $"{system.FromBlock}", "--proving-key", zkey, "--proving-key-sha256", hash, "--circuit", (string)keys["wasm"]!]);
    }

    /// <summary>What all traders may claim by the last final batch, of which the sequencer must not have executed more.</summary>
    internal static async Task<IReadOnlyList<Worth>> WorthOfAllAsync(RunningSystem system)
    {
        byte[] bytes = await system.RiskInputsAsync(await system.LastFinalAsync());
        if (!RiskInputs.TryDecode(bytes, out RiskInputs inputs, out string problem)) throw new DrillFailedException($"the committed risk inputs are none: {problem}");
        Dictionary<int, RiskRow> rows = RiskRows.From(inputs).ToDictionary(r => r.Id);
        var all = new List<Worth>();
        foreach (Trader trader in system.Traders)
        {
            AccountView view = await trader.ViewAsync();
            BigInteger Value(bool isSpot) => view.Positions.Where(p => rows[p.Instrument].Kind == InstrumentKind.Spot == isSpot).Aggregate(BigInteger.Zero, (sum, p) => sum + (BigInteger)p.Size * rows[p.Instrument].Base);
            all.Add(new Worth(trader, view.Cash + Value(isSpot: false), Value(isSpot: true), view.Positions.Where(p => p.Instrument == RunningSystem.Spot).Sum(p => p.Size), [.. view.Positions.Select(p => p.Instrument)]));
        }

        return all;
    }

    internal string BundleOf(Trader trader) => Path.Combine(system.Run.Folder, $"{trader.Name}.exit.json");

    /// <summary>Proves an owner's exit; with <paramref name="sends"/> the owner also registers it.</summary>
    internal Task ProveAsync(Trader trader, bool sends) => HostProcess.SucceedAsync("state-verifier", Cancellation,
        ["exit", .. vault, .. proving, "--key", trader.KeyFile, "--prepare", BundleOf(trader), .. sends ? WalletArguments(trader.Name) : []]);

    /// <summary>Somebody registers an exit that was prepared.</summary>
    internal Task SendAsync(Trader trader, string wallet) => HostProcess.SucceedAsync("state-verifier", Cancellation, ["exit", .. vault, "--send", BundleOf(trader), .. WalletArguments(wallet)]);

    /// <summary>Somebody has an exit credited.</summary>
    internal Task PayAsync(Trader trader, string wallet) => HostProcess.SucceedAsync("state-verifier", Cancellation, ["exit", .. vault, "--pay", BundleOf(trader), .. WalletArguments(wallet)]);

    /// <summary>Sells somebody, who is given the cash, the spot that is withheld for debts, at the mark of the last final batch.</summary>
    /// <returns>Lots, and the atoms paid for them.</returns>
    internal async Task<(BigInteger Lots, BigInteger Atoms)> SellWithheldAsync(Wallet buyer)
    {
        await buyer.SendAsync(Exits, SetMarkFunction, [RunningSystem.Spot, await system.RiskInputsAsync(await system.LastFinalAsync())], cancellation: Cancellation);
        BigInteger lots = await AskAsync(WithheldView), atoms = lots * await AskAsync(MarksView);
        await system.FundAsync(buyer.Address, (long)atoms, 0);
        await buyer.SendAsync(system.Cash, TokenAbi.Approve, [system.Vault, atoms], cancellation: Cancellation);
        await buyer.SendAsync(Exits, BuyWithheldFunction, [RunningSystem.Spot, lots], cancellation: Cancellation);
        return (lots, atoms);
    }

    /// <summary>Credits what everybody brought that no final batch took.</summary>
    /// <returns>The indices of the operations.</returns>
    internal async Task<IReadOnlyList<BigInteger>> RefundAllAsync(Wallet sender)
    {
        var batch = (object[])(await system.Ethereum.CallAsync(system.Vault, VaultAbi.Batches, [await system.LastFinalAsync()], cancellation: Cancellation))[0];
        var refunded = new List<BigInteger>();
        foreach (object[] queued in (await system.LogsAsync(VaultAbi.OperationQueued)).Select(VaultAbi.OperationQueued.Decode).Where(o => (BigInteger)o[0] >= (BigInteger)batch[8]))
        {
            await sender.SendAsync(system.Vault, VaultAbi.Refund, [queued[0], queued[2]], cancellation: Cancellation);
            refunded.Add((BigInteger)queued[0]);
        }

        return refunded;
    }

    /// <summary>What there is for exits, in protocol units: what accounts hold, or what of it the vault has.</summary>
    internal async Task<BigInteger> AvailableAsync(int asset)
    {
        object[] answer = await system.Ethereum.CallAsync(system.Vault, VaultAbi.Solvency, [(BigInteger)asset], cancellation: Cancellation);
        return BigInteger.Min((BigInteger)answer[0], (BigInteger)answer[1]);
    }

    /// <summary>Has the vault pay out what is credited.</summary>
    /// <returns>Tokens received, in token units; 0 if nothing was credited.</returns>
    internal async Task<BigInteger> ClaimAsync(Wallet wallet, int asset)
    {
        if (await system.VaultClient.CreditsAsync(wallet.Address, asset, Cancellation) == 0) return 0;
        BigInteger before = await system.VaultClient.BalanceAsync(wallet.Address, asset, Cancellation);
        await system.VaultClient.ClaimAsync(wallet, wallet.Address, asset, Cancellation);
        return await system.VaultClient.BalanceAsync(wallet.Address, asset, Cancellation) - before;
    }

    private string[] WalletArguments(string name) => ["--keystore", system.KeystoreOf(name), "--password-file", system.PasswordFile];

    private async Task<BigInteger> AskAsync(AbiFunction view) => (BigInteger)(await system.Ethereum.CallAsync(Exits, view, [RunningSystem.Spot], cancellation: Cancellation))[0];
}

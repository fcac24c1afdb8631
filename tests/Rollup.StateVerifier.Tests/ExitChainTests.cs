using System.Collections.Immutable;
using System.Numerics;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Rollup.Circuits;
using Rollup.Crypto;
using Rollup.Crypto.Settlement;
using Rollup.Engine;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Protocol;
using Rollup.ProverBridge.Commands;
using Rollup.Risk;
using Rollup.StateVerifier.Checks;
using Rollup.StateVerifier.Commands;
using Rollup.StateVerifier.Exits;
using Rollup.TestSupport;
using Rollup.Witness;

namespace Rollup.StateVerifier.Tests;

/// <summary>
/// A vault on a local chain whose operator stopped with a batch half done, and its owners leave it by the program alone: one with spot and a debt in cash, one short of
/// a perpetual and of an option, a public one. The circuits were upgraded on the way: they leave by the new exit key, or by the old one. Contracts, keys, witnesses and proofs are real; only
/// settlement's proofs, and those by the old exit key, are made with a known secret.
/// </summary>
public sealed class ExitChainTests : IDisposable
{
    private const int Borrower = 2, Maker = 3, Public = 5, Put = 7, Final = 5, UpgradedAfter = 3;
    private const ulong OldExitDelta = 61;
    private const long Start = 1_723_161_000_000, SpotLots = 90_000;
    private const ulong ExitWindow = 5_000;

    private static readonly CircuitProfile Profile = CircuitProfile.Dev;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("rollup-exit-");
    private readonly StringWriter output = new(), errors = new();

    public void Dispose()
    {
        folder.Delete(recursive: true);
        output.Dispose();
        errors.Dispose();
    }

    [AnvilFact]
    public async Task Owners_leave_a_frozen_vault_with_what_their_accounts_are_worth()
    {
        await using AnvilProcess anvil = await LocalVault.StartChainAsync(early: LocalVault.UpgradeWindow);
        LocalVault vault = await LocalVault.DeployAsync(anvil, Profile, KnownKey.Key);
        KeysCommand.KeySet keys = await KeysCommand.DevelopmentKeysAsync(Repository.PathOf("circuits", "test", "exit_three.circom"), Repository.Root, TextWriter.Null, default);
        VerifyingKey newKey = SnarkJson.ReadVerifyingKey(await File.ReadAllBytesAsync(keys.VerificationKey), keys.VerificationKey);
        await DeployExitsAsync(anvil, vault, KnownKey.Make(OldExitDelta, ExitBundle.InputCount));
        LocalUpgrade proposed = await vault.ProposeAsync(Honest.NextProfile, Honest.NextKey, Honest.NextVersion, await DeployVerifierAsync(anvil, newKey));
        await anvil.AdvanceAsync(TimeSpan.FromSeconds(LocalVault.UpgradeWindow));
        ImmutableDictionary<int, ExitInput> worth = await SettleAsync(vault, proposed);

        string[] chain = ["--rpc", anvil.Endpoint.ToString(), "--vault", vault.Address.ToString()];
        string hash = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(keys.Zkey)));
        // An owner has the published files alone: no native library lies beside this copy, so that the circuit is interpreted.
        string circuit = Path.Combine(folder.FullName, "exit.wasm");
        File.Copy(keys.Wasm, circuit);
        string[] proving = ["--proving-key", keys.Zkey, "--proving-key-sha256", hash, "--circuit", circuit];
        string[] paying = [.. Wallet(), "--rpc", anvil.Endpoint.ToString(), "--vault", vault.Address.ToString()];
        string prepared = Path.Combine(folder.FullName, "exit.json");
        string[] prepare = ["exit", .. chain, "--key", KeyOf(Borrower), .. proving, "--prepare", prepared];

        Assert.Equal(0, await RunAsync(["solvency", .. chain]));
        Assert.Contains(SpotLots.ToString(System.Globalization.CultureInfo.InvariantCulture), output.ToString(), StringComparison.Ordinal);
        await RefusedAsync(ExitCode.NoExit, "not frozen", prepare);
        await anvil.AdvanceAsync(TimeSpan.FromSeconds(7_300));
        await vault.SendAsAsync(BatchFactory.OwnerOf(9), vault.Address, VaultAbi.Freeze.Encode());

        // What does not fit together is told before anything is proven or sent.
        await RefusedAsync(ExitCode.Usage, "--prepare FILE", [.. prepare[..^2]]);
        await RefusedAsync(ExitCode.Usage, "--proving-key-sha256", ["exit", .. chain, "--key", KeyOf(Borrower), "--prepare", prepared]);
        await RefusedAsync(ExitCode.Usage, "two transactions", ["exit", .. chain, "--send", prepared, "--pay", prepared]);
        await RefusedAsync(ExitCode.NoExit, "SHA-256", [.. prepare.Select(a => a == hash ? new string('7', 64) : a)]);
        await RefusedAsync(ExitCode.NoExit, "no proving key", [.. prepare.Select(a => a == keys.Zkey ? keys.Wasm : a)]);

        // Prepared by the owner, sent and paid by somebody else.
        await AcceptedAsync(prepare);
        await RefusedAsync(ExitCode.Usage, "exists", prepare);
        string text = await File.ReadAllTextAsync(prepared);
        string lie = await WriteAsync("lie.json", text.Replace(worth[Borrower].PublicInputs[3].ToString(), Fr.FromUInt64(77).ToString(), StringComparison.Ordinal));
        await RefusedAsync(ExitCode.NoExit, "does not hold", ["exit", .. paying, "--send", lie]);
        await RefusedAsync(ExitCode.NoExit, "not registered", ["exit", .. paying, "--pay", prepared]);
        await AcceptedAsync(["exit", .. paying, "--send", prepared]);
        await RefusedAsync(ExitCode.NoExit, "registered already", ["exit", .. paying, "--send", prepared]);
        await RefusedAsync(ExitCode.NoExit, "registered already", [.. prepare[..^1], prepared + "2"]);
        await RefusedAsync(ExitCode.NoExit, "window", ["exit", .. paying, "--pay", prepared]);

        // By the exit key from before the upgrade; a proof counts for its own version alone.
        Proof byOldKey = KnownKey.Forge(worth[Maker].PublicInputs.AsSpan(), delta: OldExitDelta);
        new ExitBundle(AnvilProcess.ChainId, vault.Address, 1, byOldKey, worth[Maker].PublicInputs).Save(prepared + "wrong");
        await RefusedAsync(ExitCode.NoExit, "does not hold", ["exit", .. paying, "--send", prepared + "wrong"]);
        new ExitBundle(AnvilProcess.ChainId, vault.Address, 2, byOldKey, worth[Maker].PublicInputs).Save(prepared + "none");
        await RefusedAsync(ExitCode.NoExit, "the vault has 2", ["exit", .. paying, "--send", prepared + "none"]);
        new ExitBundle(AnvilProcess.ChainId, vault.Address, 0, byOldKey, worth[Maker].PublicInputs).Save(prepared + "old");
        string before = await anvil.SnapshotAsync();
        await AcceptedAsync(["exit", .. paying, "--send", prepared + "old"]);
        await RefusedAsync(ExitCode.NoExit, "registered already", ["exit", .. paying, "--key", KeyOf(Maker), .. proving]);
        await anvil.RevertAsync(before);

        // Proven and sent at once; kept to be paid later. The public account by anybody.
        await AcceptedAsync(["exit", .. paying, "--key", KeyOf(Maker), .. proving, "--prepare", prepared + "3"]);
        await AcceptedAsync(["exit", .. paying, "--account", "5", .. proving, "--prepare", prepared + "5"]);
        await anvil.AdvanceAsync(TimeSpan.FromSeconds((double)ExitWindow));
        foreach (string file in (string[])[prepared, prepared + "3", prepared + "5"]) await AcceptedAsync(["exit", .. paying, "--pay", file]);
        await RefusedAsync(ExitCode.NoExit, "paid already", ["exit", .. paying, "--pay", prepared]);

        // With real proofs; 450,000 was the goal of a registration.
        int[] gas = [.. Regex.Matches(output.ToString(), @"is registered, .* for (\d+) gas").Select(m => int.Parse(m.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture))];
        Assert.True(gas.Length >= 3 && gas.All(g => g is > 300_000 and <= 450_000), string.Join(", ", gas));

        // Everybody's money, or its share; the borrower's spot less what his debt takes.
        ExitInput borrower = worth[Borrower];
        ExitInput[] others = [worth[Maker], worth[Public]];
        Assert.True(borrower.Equity < 0 && borrower.SpotValue > -borrower.Equity && others.All(o => o.Equity > 0));
        BigInteger available = 20_000_000 + 80_000_000_000 + 60_000_000_000, claims = others.Aggregate(BigInteger.Zero, (sum, o) => sum + (BigInteger)o.Equity);
        foreach (int account in (int[])[Maker, Public])
            Assert.Equal(BigInteger.Min((BigInteger)worth[account].Equity, (BigInteger)worth[account].Equity * available / claims), await vault.CreditsAsync(BatchFactory.OwnerOf(account), 0));
        Assert.Equal(0, await vault.CreditsAsync(BatchFactory.OwnerOf(Borrower), 0));
        Assert.Equal(SpotLots * (BigInteger)(borrower.SpotValue + borrower.Equity) / (BigInteger)borrower.SpotValue, await vault.CreditsAsync(BatchFactory.OwnerOf(Borrower), BatchFactory.EthSpot));
    }

    private static RiskInputs InputsOf(uint batch) => new(
        batch, Timestamp.FromMilliseconds(Start + 1_000 * batch), RiskParameters.Default, [new GroupRange(1, GroupRange.Bitcoin), new GroupRange(2, GroupRange.Ether)],
        [
            new InstrumentInput(BatchFactory.EthSpot, InstrumentKind.Spot, InstrumentFlags.None, 2, 268_000, 268_100 + batch, 0, 900_001),
            new InstrumentInput(BatchFactory.BtcPerpetual, InstrumentKind.Perpetual, InstrumentFlags.None, 1, 61_800_000, 61_800_500 + batch, -1_203, 2_500_003),
            new InstrumentInput(Put, InstrumentKind.Put, InstrumentFlags.None, 1, 61_800_000, 0, 0, 45_001, 60_000_000, Expiry),
        ])
    {
        Expiries = [new ExpiryInput(1, Expiry, 1_100_000, new SviSlice(4_900_000, 61_000_000, -230_000_000, 17_000_000, 290_000_000))],
    };

    private static Timestamp Expiry => Timestamp.FromMilliseconds(Start + 7 * 86_400_000L);

    /// <summary>Five final batches, and a sixth that is committed and void.</summary>
    private static async Task<ImmutableDictionary<int, ExitInput>> SettleAsync(LocalVault vault, LocalUpgrade proposed)
    {
        Address @operator = AnvilProcess.Key(LocalVault.OperatorKey).Address;
        var factory = new BatchFactory(Profile) { Domain = vault.Domain };
        await vault.RegisterAsync(Borrower, 20_000_000);
        await vault.RegisterAsync(Maker, 80_000_000_000);
        await CommitAsync(1, b => b.Register(Borrower, 20_000_000).Register(Maker, 80_000_000_000));
        await vault.DepositAsync(Borrower, BatchFactory.EthSpot, SpotLots);
        await vault.RegisterAsync(4, 1_000);
        await CommitAsync(2, b => b.Deposit(Borrower, BatchFactory.EthSpot, SpotLots).Register(4, 1_000, accepted: false));
        await vault.RegisterAsync(Public, 60_000_000_000);
        await CommitAsync(3, b => b.Register(Public, 60_000_000_000));
        // Bought far above the mark: what he loses is more than his cash.
        await CommitAsync(4, b => b.Trade(Borrower, Maker, BatchFactory.BtcPerpetual, 40, 62_700_000));
        await CommitAsync(5, b => b.Trade(Public, Maker, Put, 100, 1_000_000, nonce: 2));
        ImmutableDictionary<int, ExitInput> worth = ((int[])[Borrower, Maker, Public]).ToImmutableDictionary(a => a, a => ExitInput.Build(
            a, factory.Identity(a), factory.Contents(a), factory.Path(a), new RiskTree(factory.RiskRows)));
        await CommitAsync(6, b => b.Trade(Maker, Borrower, BatchFactory.BtcPerpetual, 7, 61_800_100, nonce: 3));
        return worth;

        async Task CommitAsync(uint n, Action<BatchFactory.Batch> make)
        {
            if (n == UpgradedAfter + 1)
            {
                await vault.ActivateAsync(proposed);
                (factory.Profile, factory.Domain) = (Honest.NextProfile, vault.DomainOf(Honest.NextVersion));
            }

            RiskInputs inputs = InputsOf(n);
            factory.RiskRows = RiskRows.From(inputs);
            BatchFactory.Batch batch = factory.Begin();
            make(batch);
            SealedBatch made = batch.Seal();
            SettlementInput settlement = SettlementInput.Build(made);
            var draft = new CommitDraft
            {
                Profile = factory.Profile,
                Words = [.. settlement.Words], RiskRoot = settlement.RiskRoot, RiskInputs = inputs.Encode(), Operations = [.. made.Operations.Select(o => new QueuedDraft(o.Depositor, o.Operation.Encode()))],
                Bounced = [.. made.Operations.Where(o => o.Block is null).Select(o => o.Operation.Encode())],
            };
            await vault.SendAsAsync(@operator, vault.Address, draft.Encode());
            if (n > Final) return;
            await vault.SendAsAsync(@operator, vault.Address, FakeVault.ProofInput(n, KnownKey.Forge(settlement.PublicInputs.AsSpan(), delta: n > UpgradedAfter ? Honest.NextDelta : KnownKey.FixtureDelta).ToEvmWords()));
            await vault.SendAsAsync(@operator, vault.Address, VaultAbi.FinalizeBatch.Encode(n, draft.Payouts));
        }
    }

    private static async Task<Address> DeployVerifierAsync(AnvilProcess anvil, VerifyingKey key)
    {
        using Wallet deployer = anvil.Wallet(0);
        return (await deployer.DeployAsync(CompiledContracts.VerifierOf(key).Code)).Contract;
    }

    private static async Task DeployExitsAsync(AnvilProcess anvil, LocalVault vault, VerifyingKey key)
    {
        Address verifier = await DeployVerifierAsync(anvil, key);
        using Wallet deployer = anvil.Wallet(0);
        Address rows = (await deployer.DeployAsync(CompiledContracts.RiskRows.Code)).Contract;
        AbiFunction constructor = AbiFunction.Parse("constructor(address vault,address verifier,address riskRows,uint64 exitWindow,uint64 verifierGas)");
        Address exits = (await deployer.DeployAsync([.. CompiledContracts.Exits.Code, .. constructor.EncodeArguments(vault.Address, verifier, rows, ExitWindow, 900_000)])).Contract;
        await deployer.SendAsync(vault.Address, AbiFunction.Parse("setExits(address exits)"), [exits]);
    }

    private string[] Wallet()
    {
        string keystore = Path.Combine(folder.FullName, "wallet.json"), password = Path.Combine(folder.FullName, "password");
        SecretFile.Create(password, "correct horse"u8);
        Keystore.Save(keystore, AnvilProcess.Key(5), "correct horse", ScryptCost.Light);
        return ["--keystore", keystore, "--password-file", password];
    }

    private string KeyOf(int account)
    {
        string path = Path.Combine(folder.FullName, $"key-{account}.json");
        if (!File.Exists(path)) SecretFile.Create(path, System.Text.Encoding.UTF8.GetBytes(FakeVault.KeyOf(account).ToJson()));
        return path;
    }

    private async Task<string> WriteAsync(string name, string text)
    {
        string path = Path.Combine(folder.FullName, name);
        await File.WriteAllTextAsync(path, text);
        return path;
    }

    private async Task AcceptedAsync(string[] arguments)
    {
        int code = await RunAsync(arguments);
        Assert.True(code == 0, $"{string.Join(' ', arguments)}: {errors}");
    }

    private async Task RefusedAsync(int code, string says, string[] arguments)
    {
        errors.GetStringBuilder().Clear();
        Assert.Equal((code, arguments), (await RunAsync(arguments), arguments));
        Assert.Contains(says, errors.ToString(), StringComparison.Ordinal);
    }

    private Task<int> RunAsync(string[] arguments) => CommandLine.RunAsync(arguments, output, errors, isTerminal: false);
}

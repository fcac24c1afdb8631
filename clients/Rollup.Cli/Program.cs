using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Rollup.Api;
using Rollup.Cli;
using Rollup.Client.Keys;
using Rollup.Client.Sequencer;
using Rollup.Client.Vault;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.MarketData;
using Rollup.Protocol;
using Spectre.Console;

ParseResult parsed = Commands.Build().Parse(args);
int code = await parsed.InvokeAsync();
return parsed.Errors.Count > 0 ? Commands.WrongUsage : code;

/// <summary>The commands of `rollup`. Exit codes: 0 done, 1 refused or failed (the message says why), 2 wrong usage.</summary>
internal static class Commands
{
    internal const int WrongUsage = 2;

    internal static readonly Option<Uri> Rpc = new("--rpc") { Description = "L1 endpoint.", CustomParser = ParseUrl, DefaultValueFactory = _ => new Uri("http://127.0.0.1:8545") };
    private static readonly Option<Uri> Sequencer = new("--sequencer") { Description = "The sequencer's API.", CustomParser = ParseUrl, DefaultValueFactory = _ => new Uri("http://127.0.0.1:8080") };
    private static readonly Option<string> Folder = new("--folder") { Description = "Folder of a local session: deployment, wallets, key files.", Required = true };
    private static readonly Option<string> Key = new("--key") { Description = "Key file of the trader.", Required = true };
    private static readonly Option<int?> Account = new("--account") { Description = "Account number; the key's only one by default." };
    internal static readonly Option<string> Keystore = new("--keystore") { Description = "Encrypted wallet file.", Required = true };
    internal static readonly Option<string?> PasswordFile = new("--password-file") { Description = "File with the wallet's password; without it the terminal asks." };
    internal static readonly Option<Address> Vault = AddressOption("--vault", "Address of the vault.", isRequired: true);
    private static readonly Option<int> Asset = new("--asset") { Description = "0 for cash, else a spot instrument." };
    private static readonly Option<long> Amount = new("--amount") { Description = "Atoms of cash (10^-6 USD), or lots.", Required = true };
    private static readonly Option<byte> Slot = new("--slot") { Description = "Order slot, 0..255." };
    private static readonly Option<int> Instrument = new("--instrument") { Description = "Instrument id.", Required = true };
    private static readonly Option<double> Speed = new("--speed") { Description = "Seconds of the session that pass in one.", DefaultValueFactory = _ => 1 };
    private static readonly Option<int?> Batches = new("--batches") { Description = "End after so many sealed batches with trades." };
    private static readonly Option<int> Makers = new("--makers") { Description = "Market makers.", DefaultValueFactory = _ => 2 };
    private static readonly Option<int> Takers = new("--takers") { Description = "Takers.", DefaultValueFactory = _ => 4 };

    internal static RootCommand Build() => new("Trade on the rollup, settle with its vault, play market sessions, stress the book.")
    {
        KeyCommands.Build(),
        Make("register", "Register an account on the vault, with a first deposit of cash.", [Rpc, Vault, Sequencer, Keystore, PasswordFile, Key, Amount], RegisterAsync),
        Make("deposit", "Deposit cash or spot into an account.", [Rpc, Vault, Keystore, PasswordFile, RequiredAccount, Asset, Amount], async (p, c) =>
            await OnVault(p, (client, wallet) => client.DepositAsync(wallet, p.GetValue(RequiredAccount), p.GetValue(Asset), p.GetValue(Amount), c))),
        Make("request-withdrawal", "Ask on the chain for cash or spot that the operator does not pay out; a batch must serve it in time, or the vault freezes.",
            [Rpc, Vault, Keystore, PasswordFile, RequiredAccount, Asset, Amount], async (p, c) =>
            await OnVault(p, (client, wallet) => client.RequestWithdrawalAsync(wallet, p.GetValue(RequiredAccount), p.GetValue(Asset), p.GetValue(Amount), c))),
        Make("request-close", "Ask on the chain to close all derivatives of an account, within the price bounds; a batch must serve it in time, or the vault freezes.",
            [Rpc, Vault, Keystore, PasswordFile, RequiredAccount], async (p, c) =>
            await OnVault(p, (client, wallet) => client.RequestCloseAsync(wallet, p.GetValue(RequiredAccount), c))),
        Make("claim", "Have the vault pay out what is credited to the wallet.", [Rpc, Vault, Keystore, PasswordFile, Asset], async (p, c) =>
            await OnVault(p, (client, wallet) => client.ClaimAsync(wallet, wallet.Address, p.GetValue(Asset), c))),
        OrderCommand(),
        Make("cancel", "Cancel the order of a slot.", [Sequencer, Key, Account, Slot, Prove, ReceiptCommands.Kept, ReceiptCommands.Signer], async (p, c) =>
            await AsTrader(p, async t =>
            {
                CancelMessage cancel = t.Signer.Sign(new CancelMessage(t.Account, p.GetValue(Slot), t.LastNonce(p.GetValue(Slot)), t.Expiry, default, p.GetValue(Prove)), t.Keys);
                await t.DoneAsync(cancel, t.Api.CancelAsync(cancel, c));
            }, c)),
        Make("withdraw", "Withdraw cash or spot to the vault; claim it once the batch is final.", [Sequencer, Key, Account, Asset, Amount, Slot, ReceiptCommands.Kept, ReceiptCommands.Signer], async (p, c) =>
            await AsTrader(p, async t =>
            {
                WithdrawalMessage withdrawal = t.Signer.Sign(new WithdrawalMessage(t.Account, p.GetValue(Slot), t.LastNonce(p.GetValue(Slot)) + 1, p.GetValue(Asset), p.GetValue(Amount), t.Expiry, default), t.Keys);
                await t.DoneAsync(withdrawal, t.Api.WithdrawAsync(withdrawal, c));
            }, c)),
        ReceiptCommands.Build(Sequencer),
        Make("account", "Show an account.", [Sequencer, Key, Account], async (p, c) => await AsTrader(p, t => { ShowAccount(t.View); return Task.CompletedTask; }, c)),
        Make("book", "Show the book of an instrument.", [Sequencer, Instrument], async (p, c) =>
        {
            using var api = new SequencerClient(p.GetRequiredValue(Sequencer));
            BookView book = await api.BookAsync(p.GetValue(Instrument), cancellation: c);
            Table table = new Table().AddColumns("bid lots", "bid", "ask", "ask lots");
            for (int i = 0; i < Math.Max(book.Bids.Count, book.Asks.Count); i++)
                table.AddRow(At(book.Bids, i, l => l.Size), At(book.Bids, i, l => l.Price), At(book.Asks, i, l => l.Price), At(book.Asks, i, l => l.Size));
            AnsiConsole.Write(table);
        }),
        Make("batches", "Show the last batches and how far they are.", [Sequencer], async (p, c) =>
        {
            using var api = new SequencerClient(p.GetRequiredValue(Sequencer));
            Table table = new Table().AddColumns("batch", "stage", "requests", "fills", "rows", "committed", "proven", "final");
            foreach (BatchView b in await api.BatchesAsync(cancellation: c))
                table.AddRow($"{b.Batch}", $"{b.Stage}", $"{b.Requests}", $"{b.Fills}", $"{b.Rows}", $"{b.CommittedBlock}", $"{b.ProvenBlock}", $"{b.FinalBlock}");
            AnsiConsole.Write(table);
        }),
        ReplayCommand(),
        GenerateCommand(),
        RiskCommands.Build(),
        Group("local", "Sessions on a local chain, with published keys and test tokens.", DeployCommand(), TradersCommand()),
    };

    private static readonly Option<int> RequiredAccount = new("--account") { Description = "Account number.", Required = true };
    private static readonly Option<bool> Prove = new("--prove") { Description = "Also spend the slot on the chain." };

    private static Command OrderCommand()
    {
        var side = new Argument<Side>("side") { Description = "buy or sell." };
        var size = new Option<long>("--size") { Description = "Lots.", Required = true };
        var limit = new Option<long>("--limit") { Description = "Worst price, atoms per lot.", Required = true };
        var life = new Option<OrderLife>("--life") { Description = "gtc, ioc or fok." };
        var postOnly = new Option<bool>("--post-only") { Description = "Refused where it would trade at once." };
        var reduceOnly = new Option<bool>("--reduce-only") { Description = "Refused where it would grow the position." };
        var feeRate = new Option<int>("--fee-rate") { Description = "Highest fee accepted, millionths of the quote.", DefaultValueFactory = _ => 1_000 };
        Command command = Make("order", "Place an order.", [Sequencer, Key, Account, Instrument, size, limit, life, postOnly, reduceOnly, feeRate, Slot, ReceiptCommands.Kept, ReceiptCommands.Signer], async (p, c) =>
            await AsTrader(p, async t =>
            {
                OrderMessage order = t.Signer.Sign(new OrderMessage(t.Account, p.GetValue(Slot), t.LastNonce(p.GetValue(Slot)) + 1, p.GetValue(Instrument), p.GetValue(side),
                    p.GetValue(size), p.GetValue(limit), p.GetValue(feeRate), t.Expiry, default, p.GetValue(life), p.GetValue(postOnly), p.GetValue(reduceOnly)), t.Keys);
                RequestResult result = await t.DoneAsync(order, t.Api.PlaceAsync(order, c));
                if (FillCheck.Find(order, result.Fills) is { } complaint) throw new CliException($"The sequencer's fills break the order: {complaint}");
            }, c));
        command.Arguments.Add(side);
        return command;
    }

    private static Command ReplayCommand()
    {
        var files = new Argument<string[]>("files") { Description = "Recorded exchange sessions (.gz).", Arity = ArgumentArity.OneOrMore };
        Command command = Make("replay", "Turn recorded exchange sessions into signed orders of several traders.", [Sequencer, Folder, Speed, Batches, Makers, Takers], (p, c) =>
        {
            string[] tapes = p.GetRequiredValue(files);
            if (tapes.FirstOrDefault(f => !File.Exists(f)) is { } missing) throw new CliException($"There is no file {missing}.");
            return PlayAsync(p, new MergedSource([.. tapes.Select(f => new TapeReader(f))]), c);
        });
        command.Arguments.Add(files);
        return command;
    }

    private static Command GenerateCommand()
    {
        var seed = new Option<ulong>("--seed") { Description = "Chooses the walk.", DefaultValueFactory = _ => 1 };
        var seconds = new Option<int>("--seconds") { Description = "Length of the session.", DefaultValueFactory = _ => 300 };
        return Make("generate", "Play a generated session of two correlated perpetuals.", [Sequencer, Folder, Speed, Batches, Makers, Takers, seed, seconds], (p, c) =>
            PlayAsync(p, new RandomWalkSource(p.GetValue(seed), 1, p.GetValue(seconds) * 10, RandomWalkSource.Default), c));
    }

    private static Command DeployCommand()
    {
        static Option<int> Seconds(string name, string description, int standard, int least) => Bounded(new Option<int>(name) { Description = $"Seconds {description}.", DefaultValueFactory = _ => standard }, least);
        static Option<long> Atoms(string name, string description, long standard) => Bounded(new Option<long>(name) { Description = $"Atoms of cash {description}.", DefaultValueFactory = _ => standard }, 1);
        var profile = new Option<string>("--profile") { Description = "Circuit profile.", DefaultValueFactory = _ => "demo" };
        var verifier = new Option<string>("--verifier") { Description = "Groth16Verifier.sol of the proving key (prover-bridge keys dev).", Required = true };
        var exitVerifier = new Option<string?>("--exit-verifier") { Description = "That of the circuit exit; without it nobody can leave a frozen vault." };
        var rowVerifier = new Option<string?>("--row-verifier") { Description = "That of the circuit row; without it nothing can be challenged, and there is no bond." };
        var repository = new Option<string>("--repository") { Description = "Checkout with the compiled contracts.", DefaultValueFactory = _ => "." };
        Option<int> proof = Seconds("--proof-deadline", "until a batch must be proven", 86_400, 1), operation = Seconds("--operation-deadline", "until a deposit or request must be in a batch", 86_400, 1),
            challenge = Seconds("--challenge-window", "between a batch's commit and its finality", 0, 0), exit = Seconds("--exit-window", "after a freeze in which exits share what there is", 86_400, 1),
            urgent = Seconds("--urgent-deadline", "that a challenge leaves for the proof", 3_600, 1);
        Option<long> request = Atoms("--request-deposit", "that a forced request costs until it is served", 5_000_000), bond = Atoms("--bond", "that the operator stands in with", 10_000_000_000),
            stake = Atoms("--challenge-stake", "of whoever challenges an unproven batch", 100_000_000);
        return Make("deploy", "Deploy a vault with its verifiers, contracts and test tokens; make the wallets of operator, guarantor and receipts.",
            [Rpc, Folder, profile, verifier, exitVerifier, rowVerifier, repository, proof, operation, challenge, exit, urgent, request, bond, stake], async (p, c) =>
        {
            var plan = new DeploymentPlan(CircuitProfile.Named(p.GetRequiredValue(profile)), p.GetRequiredValue(verifier), default, p.GetValue(exitVerifier), p.GetValue(rowVerifier), default,
                p.GetValue(proof), p.GetValue(operation), p.GetValue(challenge), p.GetValue(exit), p.GetValue(urgent), p.GetValue(request), p.GetValue(bond), p.GetValue(stake));
            DeployedVault vault = await new LocalChain(p.GetRequiredValue(Rpc), p.GetRequiredValue(Folder)).DeployAsync(plan, Path.GetFullPath(p.GetRequiredValue(repository)), c);
            Console.WriteLine(JsonSerializer.Serialize(DeploymentFile.Of(vault), CliJson.Default.DeploymentFile));
        });
    }

    private static Option<T> Bounded<T>(Option<T> option, T least) where T : struct, INumber<T>
    {
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && T.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, out T value) && value < least) result.AddError($"{option.Name} is at least {least}.");
        });
        return option;
    }

    private static Command TradersCommand()
    {
        var cash = new Option<long>("--cash") { Description = "First deposit of each, atoms.", DefaultValueFactory = _ => 100_000_000_000 };
        var spot = new Option<long>("--spot") { Description = "Lots of ether that the last taker deposits as collateral.", DefaultValueFactory = _ => 50_000 };
        return Make("traders", "Make, fund and register the traders of a session; wait until they can trade.", [Rpc, Sequencer, Folder, Makers, Takers, cash, spot], async (p, c) =>
        {
            using var api = new SequencerClient(p.GetRequiredValue(Sequencer));
            FlowScenario scenario = await ScenarioAsync(p, api, c);
            var chain = new LocalChain(p.GetRequiredValue(Rpc), p.GetRequiredValue(Folder));
            IReadOnlyDictionary<string, int> accounts = await chain.RegisterAsync(scenario, api, p.GetValue(cash), p.GetValue(spot), new Lines(), c);
            string last = scenario.NameOf(scenario.Traders - 1);
            Console.Error.WriteLine("waiting for the registrations to be final on the chain");
            await chain.DepositSpotAsync(last, accounts[last], p.GetValue(spot), c);
            Console.Error.WriteLine($"{last} deposited {p.GetValue(spot)} lots of ether");
        });
    }

    private static async Task<FlowScenario> ScenarioAsync(ParseResult p, SequencerClient api, CancellationToken c) =>
        new(SessionPlayer.MarketsOf(await api.InstrumentsAsync(c)), p.GetValue(Makers), p.GetValue(Takers));

    private static async Task PlayAsync(ParseResult p, IMarketSource source, CancellationToken c)
    {
        using var api = new SequencerClient(p.GetRequiredValue(Sequencer));
        FlowScenario scenario = await ScenarioAsync(p, api, c);
        var traders = new List<(TraderKeys Keys, int Account)>();
        for (int trader = 0; trader < scenario.Traders; trader++)
        {
            TraderKeys keys = TraderKeys.Load(Path.Combine(p.GetRequiredValue(Folder), $"{scenario.NameOf(trader)}.key.json"));
            IReadOnlyList<int> accounts = await api.AccountsOfAsync(keys.Owner, c);
            traders.Add((keys, accounts.Count > 0 ? accounts[0] : throw new CliException($"{scenario.NameOf(trader)} has no account yet: run `rollup local traders` first.")));
        }

        var player = new SessionPlayer(api, scenario, traders);
        SessionResult? result = null;
        await AnsiConsole.Progress().Columns(new SpinnerColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .StartAsync(async context =>
            {
                ProgressTask task = context.AddTask("starting");
                var progress = new Progress<(double Part, string Status)>(s => (task.Value, task.Description) = (100 * s.Part, s.Status));
                result = await player.PlayAsync(source, p.GetValue(Speed), p.GetValue(Batches), progress, c);
                task.Value = 100;
            });
        Console.WriteLine($"orders {result!.Orders}");
        Console.WriteLine($"cancels {result.Cancels}");
        Console.WriteLine($"fills {result.Fills}");
        foreach ((string name, long count) in result.Rejections) Console.WriteLine($"refused {name} {count}");
        foreach ((TraderKeys keys, _) in traders) keys.Dispose();
        if (result.Complaints.Count > 0) throw new CliException($"The sequencer broke {result.Complaints.Count} orders: {result.Complaints[0]}");
    }

    private static async Task RegisterAsync(ParseResult p, CancellationToken c)
    {
        using var api = new SequencerClient(p.GetRequiredValue(Sequencer));
        using TraderKeys keys = TraderKeys.Load(p.GetRequiredValue(Key));
        // The operator must know the view key before it sees the registration, or it refuses it.
        await api.DiscloseViewKeyAsync(keys, c);
        await OnVault(p, async (client, wallet) => Console.WriteLine($"account {await client.RegisterAsync(wallet, keys, p.GetValue(Amount), c)}"));
    }

    private static async Task OnVault(ParseResult p, Func<VaultClient, Wallet, Task> action)
    {
        using var ethereum = new EthereumClient(p.GetRequiredValue(Rpc));
        using EthereumKey key = Wallets.Load(p.GetRequiredValue(Keystore), p.GetValue(PasswordFile));
        using var wallet = new Wallet(ethereum, key);
        await action(new VaultClient(ethereum, p.GetValue(Vault)), wallet);
    }

    private sealed record Trader(ParseResult Parsed, InfoView Info, SequencerClient Api, TraderKeys Keys, MessageSigner Signer, AccountView View)
    {
        /// <summary>Shows what came of a message, and keeps its receipts if that is asked for.</summary>
        internal async Task<RequestResult> DoneAsync(ISignedMessage message, Task<RequestResult> sent)
        {
            RequestResult result = await sent;
            Show(result);
            ReceiptCommands.Keep(Parsed, Info, message, result);
            return result;
        }

        internal int Account => View.Account;

        internal long Expiry { get; } = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() + 3_600_000;

        internal long LastNonce(byte slot) => View.Slots.Where(s => s.Slot == slot).Select(s => s.Nonce).FirstOrDefault();
    }

    private static async Task AsTrader(ParseResult p, Func<Trader, Task> action, CancellationToken c)
    {
        ReceiptCommands.Check(p);
        using var api = new SequencerClient(p.GetRequiredValue(Sequencer));
        using TraderKeys keys = TraderKeys.Load(p.GetRequiredValue(Key));
        IReadOnlyList<int> accounts = await api.AccountsOfAsync(keys.Owner, c);
        int account = p.GetValue(Account) ?? (accounts.Count == 1 ? accounts[0] : throw new CliException($"The key's owner has {accounts.Count} accounts: name one with --account."));
        InfoView info = await api.InfoAsync(c);
        var signer = new MessageSigner(info.Domain);
        await action(new Trader(p, info, api, keys, signer, await api.AccountAsync(account, keys, signer, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), c)));
    }

    private static void Show(RequestResult result)
    {
        Console.WriteLine($"{result.Status} in batch {result.Batch}: filled {result.Filled}, resting {result.Remaining}{(result.Closed is { } closed ? $"; {closed.Name}: {closed.Message}" : "")}");
        foreach (FillView fill in result.Fills) Console.WriteLine($"  {fill.Size} at {fill.Price}, fee {fill.Fee}");
    }

    private static void ShowAccount(AccountView view)
    {
        Console.WriteLine($"account {view.Account} of {Eip55.Format(view.Owner)}, version {view.Version}");
        Console.WriteLine($"cash {Usd(view.Cash)}  value {Usd(view.Value)}  health {Usd(view.Health)}  free {Usd(view.Free)} USD");
        foreach (PositionView position in view.Positions) Console.WriteLine($"  instrument {position.Instrument}: {position.Size} lots, {Usd(position.Value)} USD");
        foreach (OpenOrderView order in view.Orders) Console.WriteLine($"  slot {order.Slot}: {order.Side} {order.Remaining} of {order.Instrument} at {order.Price}");
    }

    private static string Usd(long atoms) => ((decimal)atoms / Scale.AtomsPerUsd).ToString("N2", CultureInfo.InvariantCulture);

    private static string At(IReadOnlyList<LevelView> side, int index, Func<LevelView, long> field) =>
        index < side.Count ? field(side[index]).ToString(CultureInfo.InvariantCulture) : "";

    private static Uri? ParseUrl(System.CommandLine.Parsing.ArgumentResult result)
    {
        if (Uri.TryCreate(result.Tokens.Single().Value, UriKind.Absolute, out Uri? url) && (url.Scheme is "http" or "https")) return url;
        result.AddError($"'{result.Tokens.Single().Value}' is not an http or https URL.");
        return null;
    }

    internal static Option<Address> AddressOption(string name, string description, bool isRequired = false) => new(name)
    {
        Description = description,
        Required = isRequired,
        CustomParser = result =>
        {
            try
            {
                return Eip55.Parse(result.Tokens.Single().Value);
            }
            catch (FormatException error)
            {
                result.AddError($"{name}: {error.Message}");
                return default;
            }
        },
    };

    internal static Command Group(string name, string description, params Command[] commands)
    {
        var group = new Command(name, description);
        foreach (Command command in commands) group.Subcommands.Add(command);
        return group;
    }

    internal static Command Make(string name, string description, Option[] options, Func<ParseResult, CancellationToken, Task> action)
    {
        var command = new Command(name, description);
        foreach (Option option in options) command.Options.Add(option);
        command.SetAction(async (parsed, cancellation) =>
        {
            try
            {
                await action(parsed, cancellation);
                return 0;
            }
            catch (Exception error) when (error is CliException or FieldPathException or RefusedException or SequencerUnreachableException or EthereumException or KeyFileException
                or KeystoreException or SolidityException or TapeException or InvalidDataException or FormatException or ArgumentException or IOException or UnauthorizedAccessException)
            {
                await Console.Error.WriteLineAsync($"rollup: {Text(error)}");
                return 1;
            }
        });
        return command;
    }

    private static string Text(Exception error) => error switch
    {
        EthereumRpcException { Revert: { } revert } => $"The chain refuses it: {VaultAbi.Describe(revert)}.",
        TransactionRevertedException { Revert: { } revert } => $"{error.Message}; {VaultAbi.Describe(revert)}",
        // The framework appends the name of a parameter, which nobody at a terminal knows.
        ArgumentException { ParamName: { } name } => error.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal),
        _ => error.Message,
    };

    private sealed class Lines : IProgress<string>
    {
        public void Report(string value) => Console.Error.WriteLine(value);
    }
}

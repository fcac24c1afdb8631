using System.Net;
using System.Numerics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rollup.Crypto.Settlement;
using Rollup.Ethereum;
using Rollup.Groth16;
using Rollup.Groth16.Formats;
using Rollup.Protocol;
using Rollup.ProverBridge.Configuration;
using Rollup.ProverBridge.Jobs;
using Rollup.ProverBridge.Monitoring;
using Rollup.ProverBridge.Proving;
using Rollup.ProverBridge.Settlement;
using Rollup.ProverBridge.Spool;
using Rollup.Proving;
using Rollup.Witness;

namespace Rollup.ProverBridge.Commands;

/// <summary><c>prover-bridge run</c>: puts the parts together and runs them until it is told to stop, or has to.</summary>
internal static class RunCommand
{
    /// <summary>Exit code after a safe stop.</summary>
    public const int Halted = 3;

    /// <summary>Exit code after a failure that nobody foresaw; the log has its stack.</summary>
    public const int Failed = 1;

    public static async Task<int> RunAsync(BridgeConfiguration configuration, bool jsonLog, CancellationToken cancellation)
    {
        VerifyingKey verifyingKey = ReadKeys(configuration.Circuit);
        using BridgeKeys keys = BridgeKeys.Load(configuration.Ethereum);
        PrivateFolder.Create(configuration.State);
        RetryPolicy retry = RetryOf(configuration);
        using JobStore store = JobStore.Open(configuration.JobsFile, TimeProvider.System, retry);
        await using WebApplication app = Build(configuration, verifyingKey, keys, store, retry, jsonLog);
        BridgeStatus status = app.Services.GetRequiredService<BridgeStatus>();
        await app.StartAsync(cancellation);
        app.Services.GetRequiredService<ILogger<BridgeStatus>>().LogInformation(
            "Prover bridge runs: spool {Spool}, profile {Profile}, operator {Operator}, prover {Prover}, monitoring on {Urls}", configuration.Spool, configuration.Circuit.Profile,
            keys.Operator?.Address.ToString() ?? "elsewhere", keys.Prover?.Address.ToString() ?? "elsewhere", string.Join(' ', app.Urls));
        await app.WaitForShutdownAsync(cancellation);
        bool failed = app.Services.GetServices<IHostedService>().OfType<BackgroundService>().Any(s => s.ExecuteTask is { IsFaulted: true });
        return status.HaltReason is not null ? Halted : failed ? Failed : 0;
    }

    public static RetryPolicy RetryOf(BridgeConfiguration configuration) => new(
        configuration.Retry.MaxAttempts, TimeSpan.FromSeconds(configuration.Retry.BaseSeconds), TimeSpan.FromSeconds(configuration.Retry.MaxSeconds), RetryPolicy.SystemJitter);

    private static VerifyingKey ReadKeys(CircuitSection circuit)
    {
        try
        {
            VerifyingKey key = SnarkJson.ReadVerifyingKey(File.ReadAllBytes(circuit.VerificationKey), circuit.VerificationKey);
            using Zkey zkey = Zkey.Open(circuit.Zkey);
            return zkey.VerifyingKey.Equals(key) ? key
                : throw new ConfigurationException($"{circuit.VerificationKey} is not the verification key of {circuit.Zkey}.");
        }
        catch (FormatException error)
        {
            throw new ConfigurationException($"The circuit's keys cannot be used: {error.Message}", error);
        }
    }

    private static WebApplication Build(BridgeConfiguration configuration, VerifyingKey verifyingKey, BridgeKeys keys, JobStore store, RetryPolicy retry, bool jsonLog)
    {
        EthereumSection chain = configuration.Ethereum;
        TimeProvider clock = TimeProvider.System;
        TimeSpan lease = TimeSpan.FromSeconds(configuration.Retry.LeaseSeconds);
        Address vaultAddress = Eip55.Parse(chain.Vault);
        Fr DomainOf(uint version) => SettlementDomain.Of(chain.ChainId, vaultAddress, version);
        var verifier = new Groth16Verifier(verifyingKey);
        var metrics = new Metrics();

        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(server => server.Listen(IPAddress.Loopback, configuration.Monitoring.Port));
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        if (jsonLog) builder.Logging.AddJsonConsole(o => (o.UseUtcTimestamp, o.TimestampFormat) = (true, "O"));
        else builder.Logging.AddSimpleConsole(o => (o.UseUtcTimestamp, o.TimestampFormat, o.SingleLine) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ ", true));
        // A part that fails in a way nobody foresaw must not leave the others running as if nothing were.
        builder.Services.Configure<HostOptions>(o => o.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.StopHost);
        builder.Services.AddSingleton<BridgeStatus>();

        builder.Services.AddSingleton(services => new SnarkjsPool(
            new WorkerOptions(configuration.Prover.Node, configuration.Prover.Worker!, configuration.Circuit.Wasm,
                configuration.Prover.Kind == ProverKind.Snarkjs ? configuration.Circuit.Zkey : null,
                TimeSpan.FromSeconds(configuration.Prover.TimeoutSeconds), (long)configuration.Prover.MemoryLimitMb << 20),
            configuration.Prover.Workers, services.GetRequiredService<ILogger<SnarkjsPool>>(), metrics));
        builder.Services.AddSingleton(services => WitnessesOf(configuration, services));
        builder.Services.AddSingleton(services => ProverOf(configuration, services));
        builder.Services.AddSingleton(services => new ProofMaker(
            services.GetRequiredService<IWitnessCalculator>(), services.GetRequiredService<IProver>(), verifier, Path.Combine(configuration.State, "work")));
        builder.Services.AddSingleton<IEthereum>(_ => new EthereumClient(chain.Rpc));
        var fees = new WalletOptions { MaxFeePerGasLimit = new BigInteger(chain.MaxFeeGwei * 1e9) };
        Wallet? WalletOf(EthereumKey? key, IEthereum ethereum) => key is null ? null : new Wallet(ethereum, key, fees);

        builder.Services.AddHostedService(services => new SpoolService(
            configuration.Spool, configuration.Circuit.Profile, configuration.Circuit.Version, DomainOf, store, services.GetRequiredService<BridgeStatus>(), clock, services.GetRequiredService<ILogger<SpoolService>>()));
        if (keys.Prover is not null) builder.Services.AddHostedService(services =>
        {
            var maker = services.GetRequiredService<ProofMaker>();
            return new ProvingService(store, (job, provingBegins, cancellation) =>
            {
                SettlementInput input = ProvingService.InputOf(store.SealedFile(job.Batch));
                return maker.MakeAsync(job.Batch, input.ToCircuitInput(), input.PublicInputs, provingBegins, cancellation);
            }, configuration.Prover.Workers, lease, clock, metrics, services.GetRequiredService<ILogger<ProvingService>>());
        });
        builder.Services.AddHostedService(services =>
        {
            var ethereum = services.GetRequiredService<IEthereum>();
            var vault = new Vault(ethereum, vaultAddress);
            var log = services.GetRequiredService<ILogger<SettlementService>>();
            return new SettlementService(
                ethereum, vault, new VaultExpectation(chain.ChainId, DomainOf(configuration.Circuit.Version), configuration.Circuit.Version, CircuitProfile.Named(configuration.Circuit.Profile), verifyingKey, keys.Operator?.Address),
                facts => new Settler(store, configuration.Spool, ethereum, vault, WalletOf(keys.Operator, ethereum), WalletOf(keys.Prover, ethereum), services.GetRequiredService<ProofMaker>().Refusal, facts.CircuitVersion, facts.ChallengeWindow, facts.RequestDeposit, revertAttempts: 3, clock, metrics, log),
                store, retry, TimeSpan.FromSeconds(chain.PollSeconds), lease, clock, metrics, services.GetRequiredService<BridgeStatus>(), log);
        });

        WebApplication app = builder.Build();
        MonitoringEndpoints.Use(app, store, metrics, app.Services.GetRequiredService<BridgeStatus>());
        return app;
    }

    private static IWitnessCalculator WitnessesOf(BridgeConfiguration configuration, IServiceProvider services)
    {
        string wasm = configuration.Circuit.Wasm;
        var log = services.GetRequiredService<ILogger<NativeWitness>>();
        if (configuration.Prover.Witness == WitnessKind.Node) return services.GetRequiredService<SnarkjsPool>();
        try
        {
            var native = NativeWitness.Load(wasm, TimeSpan.FromSeconds(configuration.Prover.TimeoutSeconds), (long)configuration.Prover.MemoryLimitMb << 20);
            log.LogInformation("Native witness library of {Wasm} loaded: {Wires} wires", wasm, native.WireCount);
            return native;
        }
        catch (ProverException error)
        {
            log.LogWarning("No native witness library: {Reason}. Node.js calculates the witnesses, more slowly. `prover-bridge keys witness --wasm {Wasm}` makes the library", error.Message, wasm);
            return services.GetRequiredService<SnarkjsPool>();
        }
    }

    private static IProver ProverOf(BridgeConfiguration configuration, IServiceProvider services)
    {
        TimeSpan timeout = TimeSpan.FromSeconds(configuration.Prover.TimeoutSeconds);
        return configuration.Prover.Kind switch
        {
            ProverKind.Native => new NativeProver(configuration.Circuit.Zkey, timeout, TimeProvider.System, services.GetRequiredService<ILogger<NativeProver>>()),
            ProverKind.External => new ExternalProver(configuration.Circuit.Zkey, configuration.Prover.Command!, timeout),
            _ => services.GetRequiredService<SnarkjsPool>(),
        };
    }
}

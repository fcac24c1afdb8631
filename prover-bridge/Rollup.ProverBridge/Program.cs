using System.CommandLine;
using System.Text.Json.Nodes;
using Rollup.Crypto;
using Rollup.Ethereum;
using Rollup.ProverBridge.Commands;
using Rollup.ProverBridge.Configuration;
using Rollup.ProverBridge.Jobs;
using Rollup.ProverBridge.Proving;
using Rollup.Proving;

var configuration = new Option<string>("--config", "-c") { Description = "Configuration file (see README.md beside the project).", Required = true };
var batch = new Argument<uint>("batch") { Description = "Number of the batch." };

var prover = new Option<ProverKind?>("--prover") { Description = "native, snarkjs or external, whatever the file's prover.kind says." };
var logFormat = new Option<bool>("--json-log") { Description = "Log one JSON object a line instead of text." };
var run = new Command("run", "Take sealed batches from the spool, prove them, and bring them to the vault. Exit code 3 after a safe stop.") { configuration, prover, logFormat };
run.SetAction((arguments, cancellation) => GuardAsync(() => RunCommand.RunAsync(
    BridgeConfiguration.Load(arguments.GetRequiredValue(configuration), arguments.GetValue(prover)), arguments.GetValue(logFormat), cancellation)));

var json = new Option<bool>("--json") { Description = "Print a JSON array." };
var list = new Command("list", "List all batches: state of proof and chain, attempts, why one is set aside.") { configuration, json };
list.SetAction(arguments => Guard(() => JobsCommand.List(BridgeConfiguration.Load(arguments.GetRequiredValue(configuration)), arguments.GetValue(json), Console.Out)));
var show = new Command("show", "Show one batch with its transactions, as JSON.") { batch, configuration };
show.SetAction(arguments => Guard(() => JobsCommand.Show(BridgeConfiguration.Load(arguments.GetRequiredValue(configuration)), arguments.GetValue(batch), Console.Out)));
var retry = new Command("retry", "Take a batch up again that was set aside or waits.") { batch, configuration };
retry.SetAction(arguments => Guard(() => JobsCommand.Retry(BridgeConfiguration.Load(arguments.GetRequiredValue(configuration)), arguments.GetValue(batch), Console.Out)));
var jobs = new Command("jobs", "Look into the queue; works beside a running bridge.") { list, show, retry };

var profile = new Option<string>("--profile") { Description = "dev, demo, standard or options; exit or row; or the path of a .circom file.", Required = true };
var repository = new Option<string?>("--repository") { Description = "Checkout with circuits/compile.mjs; found by itself inside one." };
var dev = new Command("dev", "Compile a circuit and make development keys for it (cached). For local chains only. Prints the files as JSON.") { profile, repository };
dev.SetAction((arguments, cancellation) => GuardAsync(async () =>
{
    KeysCommand.KeySet keys = await KeysCommand.DevelopmentKeysAsync(
        arguments.GetRequiredValue(profile), KeysCommand.FindRepository(arguments.GetValue(repository)), Console.Error, cancellation);
    Console.WriteLine(new JsonObject
    {
        ["wasm"] = keys.Wasm, ["witnessLibrary"] = keys.WitnessLibrary, ["zkey"] = keys.Zkey, ["verificationKey"] = keys.VerificationKey, ["verifier"] = keys.Verifier, ["constraints"] = keys.Constraints,
    }.ToJsonString());
    return 0;
}));
var zkey = new Option<string>("--zkey") { Description = "Proving key.", Required = true };
var folder = new Option<string>("--out") { Description = "Folder for verification_key.json and Groth16Verifier.sol.", Required = true };
var export = new Command("export", "Check a proving key, and write its verification key and verifier contract.") { zkey, folder };
export.SetAction(arguments => Guard(() => KeysCommand.Export(arguments.GetRequiredValue(zkey), arguments.GetRequiredValue(folder), Console.Error)));
var wasm = new Option<string>("--wasm") { Description = "The circuit's witness generator, as circom makes it.", Required = true };
var witness = new Command("witness", "Make the native library of a circuit's witness generator, beside it, with the system's C compiler. Prints its path.") { wasm };
witness.SetAction((arguments, cancellation) => GuardAsync(async () =>
{
    if (await WitnessLibraryBuilder.BuildAsync(arguments.GetRequiredValue(wasm), Console.Error, cancellation) is not { } library) return 1;
    Console.WriteLine(library);
    return 0;
}));
var keysCommand = new Command("keys", "Proving keys and witness generators.") { dev, export, witness };

var wtns = new Option<string>("--wtns") { Description = "Witness file.", Required = true };
var proofFile = new Option<string>("--proof") { Description = "Where proof.json goes.", Required = true };
var publicFile = new Option<string>("--public") { Description = "Where public.json goes.", Required = true };
var prove = new Command("prove", "Prove one witness file with our own prover, and verify the proof.") { zkey, wtns, proofFile, publicFile };
prove.SetAction((arguments, cancellation) => GuardAsync(() => Task.Run(() => ProveCommand.Run(
    arguments.GetRequiredValue(zkey), arguments.GetRequiredValue(wtns), arguments.GetRequiredValue(proofFile), arguments.GetRequiredValue(publicFile),
    Console.Error, !Console.IsErrorRedirected, cancellation), cancellation)));

var root = new RootCommand("Proves the rollup's sealed batches and settles them on the vault.") { run, prove, jobs, keysCommand };
return await root.Parse(args).InvokeAsync(new InvocationConfiguration
{
    EnableDefaultExceptionHandler = false,
    ProcessTerminationTimeout = TimeSpan.FromSeconds(30), // The host's own limit for an orderly stop.
});

static int Guard(Func<int> command) => GuardAsync(() => Task.FromResult(command())).GetAwaiter().GetResult();

static async Task<int> GuardAsync(Func<Task<int>> command)
{
    try
    {
        _ = FieldPath.Current; // Not at the first proof.
        return await command();
    }
    catch (Exception error) when (error is FieldPathException or ConfigurationException or JobStoreException or KeystoreException or IOException)
    {
        Console.Error.WriteLine($"error: {error.Message}");
        return 1;
    }
    catch (OperationCanceledException)
    {
        return 130;
    }
}

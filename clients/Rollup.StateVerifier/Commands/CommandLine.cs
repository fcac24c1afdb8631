using System.CommandLine;
using System.CommandLine.Parsing;
using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.StateVerifier.Checks;

namespace Rollup.StateVerifier.Commands;

/// <summary>Arguments of the program.</summary>
public static class CommandLine
{
    /// <summary>Runs the program.</summary>
    /// <param name="isTerminal">Whether a progress bar may be drawn on <paramref name="errors"/>.</param>
    /// <returns>The exit code: 0 only if every check holds.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, TextWriter output, TextWriter errors, bool isTerminal)
    {
        ParseResult parsed = Build(output, errors, isTerminal).Parse(arguments);
        int code = await parsed.InvokeAsync(new InvocationConfiguration { Output = output, Error = errors, EnableDefaultExceptionHandler = false });
        return parsed.Errors.Count > 0 ? ExitCode.Usage : code;
    }

    private static RootCommand Build(TextWriter output, TextWriter errors, bool isTerminal)
    {
        var rpc = new Option<string?>("--rpc") { Description = "URL of an L1 endpoint (JSON-RPC over http or https)." };
        var vault = new Option<string?>("--vault") { Description = "The vault's address." };
        var fromBlock = new Option<ulong>("--from-block") { Description = "A block not after the vault's deployment; reading starts there." };
        var finalized = new Option<bool>("--finalized") { Description = "Stand at L1's newest finalized block instead of its newest." };
        var data = new Option<string?>("--data") { Description = "A saved copy (see fetch), instead of --rpc and --vault." };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var chainId = new Option<ulong?>("--chain-id") { Description = "Refuse an endpoint of another chain." };
        var keyHash = new Option<Bytes32[]>("--vkey-hash")
        {
            Description = "Refuse other verifying keys: keccak256 of the words that the verifier contract's verifyingKey() returns. Once for each circuit that the vault had.",
            CustomParser = argument => [.. argument.Tokens.Select(token => Parse(argument, token.Value, Bytes32.Parse))],
        };
        var key = new Option<string?>("--key") { Description = "Key file of the owner (JSON, mode 600): shows the accounts that it opens." };
        var account = new Option<int?>("--account") { Description = "Show one account: public, or of the key file.", };
        account.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int number) && number is < 0 or >= 1 << Width.Account) result.AddError("--account is a number from 0 to 2^24-1.");
        });
        var folder = new Option<string>("--out") { Description = "A new folder for the copy.", Required = true };

        var provingKey = new Option<string?>("--proving-key") { Description = "The .zkey file of the circuit of exits." };
        var provingKeyHash = new Option<Bytes32?>("--proving-key-sha256")
        {
            Description = "SHA-256 that the proving key must have, as it was published.",
            CustomParser = argument => Parse<Bytes32?>(argument, argument.Tokens[0].Value, text => Bytes32.Parse(text.StartsWith("0x", StringComparison.Ordinal) ? text : $"0x{text}")),
        };
        var circuit = new Option<string?>("--circuit") { Description = "The circuit's .wasm file." };
        var keystore = new Option<string?>("--keystore") { Description = "Encrypted wallet file that pays the transaction; it need not be the owner's." };
        var passwordFile = new Option<string?>("--password-file") { Description = "File with the wallet's password (mode 600); without it the terminal asks." };
        var prepare = new Option<string?>("--prepare") { Description = "Write the exit to a new file, to be sent by anybody." };
        var send = new Option<string?>("--send") { Description = "Register the exit of a prepared file." };
        var pay = new Option<string?>("--pay") { Description = "Credit the owner with the share of a prepared file's exit, when the window of registrations is over." };

        Option[] source = [rpc, vault, fromBlock, finalized];
        Option[] pins = [chainId, keyHash];
        SourceArguments Source(ParseResult p) => new(p.GetValue(rpc), p.GetValue(vault), p.GetValue(fromBlock), p.GetValue(finalized), p.GetValue(data));
        Pins PinsOf(ParseResult p) => new(p.GetValue(chainId), [.. p.GetValue(keyHash) ?? []]);
        async Task<int> RunAsync(ParseResult p, Func<Session, Task<int>> command)
        {
            using var session = new Session(output, errors, isTerminal, p.GetValue(json));
            return await command(session);
        }

        var verify = Make("verify", "Check the vault's whole history, and show what accounts hold and are worth.", [.. source, data, .. pins, key, account, json]);
        verify.SetAction((p, cancellation) => RunAsync(p, s => s.VerifyAsync(Source(p), PinsOf(p), p.GetValue(key), p.GetValue(account), cancellation)));
        var batches = Make("batches", "Check the vault's whole history, and list its batches.", [.. source, data, .. pins, json]);
        batches.SetAction((p, cancellation) => RunAsync(p, s => s.BatchesAsync(Source(p), PinsOf(p), cancellation)));
        var fetch = Make("fetch", "Save what L1 answers, to be verified without it (--data).", [.. source, folder]);
        fetch.SetAction((p, cancellation) => RunAsync(p, s => s.FetchAsync(Source(p), p.GetRequiredValue(folder), cancellation)));

        var exit = Make("exit", "Leave a frozen vault: rebuild the account from L1 alone, prove what it is worth by the last final batch, and register it.",
            [.. source, .. pins, key, account, provingKey, provingKeyHash, circuit, prepare, keystore, passwordFile, send, pay]);
        exit.SetAction((p, cancellation) => RunAsync(p, s => s.ExitAsync(Source(p), PinsOf(p), p.GetValue(key), p.GetValue(account), new ExitArguments(
            p.GetValue(provingKey), p.GetValue(provingKeyHash), p.GetValue(circuit), p.GetValue(keystore), p.GetValue(passwordFile), p.GetValue(prepare), p.GetValue(send), p.GetValue(pay)), cancellation)));

        var solvency = Make("solvency", "Count what accounts hold of each asset from the published data, and compare it with what the vault counts and has.", [.. source, .. pins, json]);
        solvency.SetAction((p, cancellation) => RunAsync(p, s => s.SolvencyAsync(Source(p), PinsOf(p), cancellation)));

        string codes = string.Join(", ", Enum.GetValues<Check>().Select(c => $"{(int)c} {c.Name()}"));
        return new RootCommand(
            $"""
            Verifies a rollup from L1 alone: the chain of roots, the published data, the risk tables, the operations, every proof, and one owner's balance.
            Believes nothing that the operator says; takes L1's own history as the endpoint tells it.

            Exit codes: 0 every check holds, 2 usage, 3 endpoint unreachable, 4 malformed answer, 5 malformed copy, 6 chain reorganised while reading,
            7 no exit, or not like this, 8 not sent;
            a check that fails: {codes}.
            """) { verify, batches, fetch, exit, solvency };
    }

    private static Command Make(string name, string description, Option[] options)
    {
        var command = new Command(name, description);
        foreach (Option option in options) command.Options.Add(option);
        return command;
    }

    private static T? Parse<T>(ArgumentResult argument, string text, Func<string, T> parse)
    {
        try
        {
            return parse(text);
        }
        catch (FormatException e)
        {
            argument.AddError(e.Message);
            return default;
        }
    }
}

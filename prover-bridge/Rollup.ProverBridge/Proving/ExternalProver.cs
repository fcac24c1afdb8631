using Rollup.Proving;

namespace Rollup.ProverBridge.Proving;

/// <summary>
/// Any program that reads a .zkey and a .wtns file and writes snarkjs's proof.json and public.json, for instance rapidsnark. It is run
/// once a proof.
/// </summary>
public sealed class ExternalProver : IProver
{
    /// <summary>The places in a command that are replaced by paths; each is needed.</summary>
    public static IReadOnlyList<string> Placeholders { get; } = ["{zkey}", "{wtns}", "{proof}", "{public}"];

    private readonly string zkey;
    private readonly IReadOnlyList<string> command;
    private readonly TimeSpan timeout;

    /// <param name="command">The program and its arguments, with <see cref="Placeholders"/>. No shell is involved.</param>
    /// <param name="timeout">For one proof.</param>
    public ExternalProver(string zkey, IReadOnlyList<string> command, TimeSpan timeout) =>
        (this.zkey, this.command, this.timeout) = (zkey, command, timeout);

    public string Name => Path.GetFileName(command[0]);

    /// <inheritdoc/>
    public async Task ProveAsync(CircuitWitness witness, string proof, string publics, CancellationToken cancellation)
    {
        string wtns = witness.ToFile();
        string[] arguments = [.. command.Skip(1).Select(a => a
            .Replace("{zkey}", zkey, StringComparison.Ordinal).Replace("{wtns}", wtns, StringComparison.Ordinal)
            .Replace("{proof}", proof, StringComparison.Ordinal).Replace("{public}", publics, StringComparison.Ordinal))];
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(timeout);
        await using var process = ChildProcess.Start(command[0], arguments);
        try
        {
            process.Input.Close();
            await process.Output.CopyToAsync(Stream.Null, deadline.Token);
            int code = await process.WaitAsync(deadline.Token);
            if (code != 0) throw new ProverException(ProverFault.Died, $"The external prover ended with exit code {code}; {process.Tail()}.");
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            cancellation.ThrowIfCancellationRequested();
            throw new ProverException(ProverFault.TimedOut, $"The external prover did not finish within {timeout.TotalSeconds:0.#} s and was ended; {process.Tail()}.");
        }

        foreach (string file in (string[])[proof, publics])
            if (!File.Exists(file))
                throw new ProverException(ProverFault.Refused, $"The external prover ended well, but wrote no {Path.GetFileName(file)}; {process.Tail()}.");
    }
}

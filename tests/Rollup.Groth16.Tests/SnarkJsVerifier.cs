using System.Diagnostics;

namespace Rollup.Groth16.Tests;

/// <summary>snarkjs's own verifier of one key, in one process.</summary>
internal static class SnarkJsVerifier
{
    private const string Program = "tests/Rollup.Groth16.Tests/snarkjs-verify.mjs";

    /// <summary>What it answers to each, in order: true, false, or what it threw.</summary>
    /// <param name="root">The repository's.</param>
    /// <param name="keyFile">verification_key.json.</param>
    /// <param name="cases">Words of proofs and public inputs as a call of the contract carries them.</param>
    public static string[] Verify(string root, string keyFile, IReadOnlyList<(byte[] Proof, byte[] Public)> cases)
    {
        var start = new ProcessStartInfo("node", [Program, keyFile])
        {
            WorkingDirectory = root, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        foreach (var (proof, inputs) in cases)
            process.StandardInput.WriteLine($"{Convert.ToHexString(proof)} {Convert.ToHexString(inputs)}");
        process.StandardInput.Close();
        var answers = output.GetAwaiter().GetResult().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        process.WaitForExit();
        return answers.Length == cases.Count && process.ExitCode == 0 ? answers
            : throw new InvalidOperationException($"{Program} ended with {process.ExitCode} after {answers.Length} of {cases.Count} answers:\n{errors.GetAwaiter().GetResult()}");
    }
}

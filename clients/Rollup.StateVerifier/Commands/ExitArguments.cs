using Rollup.Ethereum;
using Rollup.Protocol;
using Rollup.StateVerifier.Proving;

namespace Rollup.StateVerifier.Commands;

/// <summary>Arguments of <c>exit</c>: files to prove with, whose keystore pays the transaction, and what to do.</summary>
internal sealed record ExitArguments(
    string? ProvingKey, Bytes32? ProvingKeyHash, string? Circuit, string? Keystore, string? PasswordFile, string? Prepare, string? Send, string? Pay)
{
    /// <summary>The files to prove with.</summary>
    /// <exception cref="UsageException">One is missing, or nothing is to be done with the proof.</exception>
    public ProvingFiles Proving() => (ProvingKey, ProvingKeyHash, Circuit) is ({ } key, { } hash, { } circuit)
        ? Prepare is null && Keystore is null ? throw new UsageException("Give --prepare FILE to save the exit, --keystore FILE to send it, or both.") : new ProvingFiles(key, hash, circuit)
        : throw new UsageException("Proving takes --proving-key, --proving-key-sha256 and --circuit.");

    /// <summary>The prepared exit to send or to have paid; null if one is to be proven.</summary>
    /// <exception cref="UsageException">The arguments do not go together.</exception>
    public string? Bundle()
    {
        string? bundle = Send ?? Pay;
        if (bundle is null) return null;
        if (Send is not null && Pay is not null) throw new UsageException("--send and --pay are two transactions: one after the other, --pay when the window of registrations is over.");
        if (Prepare is not null || ProvingKey is not null || Circuit is not null) throw new UsageException("--send and --pay take what --prepare wrote; nothing is proven.");
        return bundle;
    }

    /// <summary>The key that pays the transaction.</summary>
    public EthereumKey Key()
    {
        if (Keystore is null) throw new UsageException("Give --keystore FILE, the wallet that pays the transaction: anybody's.");
        string password = PasswordFile is not null ? KeystorePassword.FromFile(PasswordFile)
            : KeystorePassword.Prompt("the") ?? throw new UsageException("No terminal to ask for the keystore's password: name a file with --password-file.");
        return Ethereum.Keystore.Load(Keystore, password);
    }
}

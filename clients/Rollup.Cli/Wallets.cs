using Rollup.Ethereum;

namespace Rollup.Cli;

/// <summary>A command that cannot be carried out; the message says why and what to do.</summary>
internal sealed class CliException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Encrypted wallet files.</summary>
internal static class Wallets
{
    internal static EthereumKey Load(string keystore, string? passwordFile) => Keystore.Load(keystore, Password(passwordFile));

    internal static EthereumKey Create(string keystore, string? passwordFile, bool isLight)
    {
        var key = EthereumKey.Generate();
        Keystore.Save(keystore, key, Password(passwordFile), isLight ? ScryptCost.Light : ScryptCost.Standard);
        return key;
    }

    private static string Password(string? file)
    {
        try
        {
            return file is not null ? KeystorePassword.FromFile(file)
                : KeystorePassword.Prompt("the") ?? throw new CliException("No terminal to ask for the keystore's password: name a file with --password-file.");
        }
        catch (SecretFileException error)
        {
            throw new CliException($"--password-file: {error.Message}.", error);
        }
    }
}

using Rollup.Ethereum;
using Rollup.ProverBridge.Configuration;

namespace Rollup.ProverBridge.Commands;

/// <summary>The password of the operator's keystore.</summary>
internal static class OperatorPassword
{
    public static string Read(string? file)
    {
        try
        {
            return file is not null ? KeystorePassword.FromFile(file) : KeystorePassword.Prompt("the operator's")
                ?? throw new ConfigurationException("ethereum.passwordFile is not set, and there is no terminal to ask for the keystore's password.");
        }
        catch (SecretFileException error)
        {
            throw new ConfigurationException($"ethereum.passwordFile: {error.Message}.", error);
        }
    }
}

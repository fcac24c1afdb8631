using Rollup.Ethereum;
using Rollup.ProverBridge.Configuration;

namespace Rollup.ProverBridge.Commands;

/// <summary>The keys that sign the bridge's transactions; null is one that this bridge does not have.</summary>
internal sealed record BridgeKeys(EthereumKey? Operator, EthereumKey? Prover) : IDisposable
{
    /// <exception cref="ConfigurationException">A password cannot be read, or both are the same key.</exception>
    /// <exception cref="KeystoreException"/>
    public static BridgeKeys Load(EthereumSection section)
    {
        var keys = new BridgeKeys(Load("operator", section.Operator), Load("prover", section.Prover));
        if (keys.Operator is null || keys.Operator.Address != keys.Prover?.Address) return keys;
        keys.Dispose();
        throw new ConfigurationException($"ethereum.prover: is the operator's key too. Give the prover a key of its own, with ether for gas: it needs no permission of the vault.");
    }

    public void Dispose()
    {
        Operator?.Dispose();
        Prover?.Dispose();
    }

    internal static string Password(string name, string? file)
    {
        try
        {
            return file is not null ? KeystorePassword.FromFile(file) : KeystorePassword.Prompt($"the {name}'s")
                ?? throw new ConfigurationException($"ethereum.{name}.passwordFile is not set, and there is no terminal to ask for the keystore's password.");
        }
        catch (SecretFileException error)
        {
            throw new ConfigurationException($"ethereum.{name}.passwordFile: {error.Message}.", error);
        }
    }

    private static EthereumKey? Load(string name, KeySection? section) => section is null ? null : Keystore.Load(section.Keystore, Password(name, section.PasswordFile));
}

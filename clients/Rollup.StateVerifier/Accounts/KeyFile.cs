using Rollup.Crypto;
using Rollup.Ethereum;

namespace Rollup.StateVerifier.Accounts;

/// <summary>A key file that cannot be used; the message names the file and holds none of its text.</summary>
public sealed class KeyFileException(string message, Exception inner) : Exception(message, inner);

/// <summary>An <see cref="AccountKey"/> in a file that only its owner may read.</summary>
public static class KeyFile
{
    /// <summary>Reads a key file.</summary>
    /// <exception cref="KeyFileException">No such file, others may read it, or another format.</exception>
    public static AccountKey Load(string path)
    {
        try
        {
            return SecretFile.Read(path, AccountKey.MaxLength, AccountKey.Parse);
        }
        catch (SecretFileException error)
        {
            throw new KeyFileException($"Key file: {error.Message}.", error);
        }
        catch (FormatException error)
        {
            throw new KeyFileException($"Key file {path}: {error.Message}", error);
        }
    }
}

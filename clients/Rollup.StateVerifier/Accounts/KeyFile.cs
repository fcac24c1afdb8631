using System.Text;
using Rollup.Crypto;

namespace Rollup.StateVerifier.Accounts;

/// <summary>A key file that cannot be used; the message names the file and holds none of its text.</summary>
public sealed class KeyFileException(string message) : Exception(message);

/// <summary>An <see cref="AccountKey"/> in a file that only its owner may read.</summary>
public static class KeyFile
{
    private const UnixFileMode OthersRights = (UnixFileMode)0b_000_111_111;

    /// <summary>Reads a key file.</summary>
    /// <exception cref="KeyFileException">No such file, others may read it, or another format.</exception>
    public static AccountKey Load(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            // The open file's own mode: a link swapped in between would show another's.
            if (!OperatingSystem.IsWindows() && File.GetUnixFileMode(stream.SafeFileHandle) is var mode && (mode & OthersRights) != 0)
                throw new KeyFileException($"Key file {path} may be read by others (mode {Convert.ToString((int)mode, 8)}): run `chmod 600 {path}`.");
            if (stream.Length > AccountKey.MaxLength) throw new KeyFileException($"Key file {path} is too large for a key file.");
            using var reader = new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
            return AccountKey.Parse(reader.ReadToEnd());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or DecoderFallbackException)
        {
            throw new KeyFileException($"Key file {path} cannot be used: {e.Message}");
        }
    }
}

using System.Security.Cryptography;

namespace Rollup.Ethereum;

/// <summary>A file of secrets that cannot be used; the message names the file and holds none of its text.</summary>
public sealed class SecretFileException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Files of secrets: passwords, tokens, keys. Only their owner may have rights on them, and they are short.</summary>
public static class SecretFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OthersRights = (UnixFileMode)0b_000_111_111;

    /// <summary>Reads a file whole, and zeroes what was read after <paramref name="parse"/>. A pipe will do.</summary>
    /// <param name="maxBytes">Of a longer file nothing is parsed.</param>
    /// <exception cref="SecretFileException">No such file, others have rights on it, or it is too long. What <paramref name="parse"/> throws comes through.</exception>
    public static T Read<T>(string path, int maxBytes, Func<ReadOnlySpan<byte>, T> parse)
    {
        using FileStream stream = Open(path);
        return Read(stream, path, maxBytes, parse);
    }

    /// <summary>Reads a stream to its end, and zeroes what was read after <paramref name="parse"/>.</summary>
    /// <param name="name">For messages.</param>
    /// <inheritdoc cref="Read{T}(string, int, Func{ReadOnlySpan{byte}, T})"/>
    public static T Read<T>(Stream stream, string name, int maxBytes, Func<ReadOnlySpan<byte>, T> parse)
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(maxBytes + 1, pinned: true);
        try
        {
            return parse(buffer.AsSpan(0, Fill(stream, name, buffer)));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(buffer);
        }
    }

    /// <summary>Writes a new file that only its owner may read and write.</summary>
    /// <exception cref="IOException">The file exists, or cannot be written.</exception>
    public static void Create(string path, ReadOnlySpan<byte> content)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
        using var stream = new FileStream(path, options);
        stream.Write(content);
    }

    private static FileStream Open(string path)
    {
        FileStream? stream = null;
        try
        {
            // No buffer of the stream's own: it would keep a copy.
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            // The open file's own mode: a link swapped in between would show another's.
            if (OperatingSystem.IsWindows() || (File.GetUnixFileMode(stream.SafeFileHandle) & OthersRights) == 0) return stream;
            stream.Dispose();
            throw new SecretFileException($"others may read or change {path}: run chmod 600 {path}");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            stream?.Dispose();
            throw new SecretFileException($"{path} cannot be read: {error.Message}", error);
        }
    }

    private static int Fill(Stream stream, string name, byte[] buffer)
    {
        try
        {
            int length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            return length < buffer.Length ? length : throw new SecretFileException($"{name} has more than {buffer.Length - 1} bytes");
        }
        catch (IOException error)
        {
            throw new SecretFileException($"{name} cannot be read: {error.Message}", error);
        }
    }
}

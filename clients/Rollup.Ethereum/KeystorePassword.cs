using System.Text;

namespace Rollup.Ethereum;

/// <summary>A keystore's password, from a file or typed. Never from arguments or the environment, which other users can see.</summary>
public static class KeystorePassword
{
    private const int MaxBytes = 4096;

    /// <summary>The text of a file that only its owner may read, without line ends at its end.</summary>
    /// <exception cref="SecretFileException">No such file, others have rights on it, it is too long, or not UTF-8.</exception>
    public static string FromFile(string path)
    {
        try
        {
            return SecretFile.Read(path, MaxBytes, bytes => new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes).TrimEnd('\r', '\n'));
        }
        catch (DecoderFallbackException)
        {
            // Its message quotes the bytes.
            throw new SecretFileException($"{path} is not UTF-8 text");
        }
    }

    /// <summary>Asks on the terminal, without showing what is typed; null if there is no terminal.</summary>
    /// <param name="of">Whose keystore, for the question.</param>
    public static string? Prompt(string of)
    {
        if (Console.IsInputRedirected) return null;
        Console.Error.Write($"Password of {of} keystore: ");
        var typed = new StringBuilder();
        for (ConsoleKeyInfo key; (key = Console.ReadKey(intercept: true)).Key != ConsoleKey.Enter;)
        {
            if (key.Key == ConsoleKey.Backspace && typed.Length > 0) typed.Length--;
            else if (!char.IsControl(key.KeyChar)) typed.Append(key.KeyChar);
        }

        Console.Error.WriteLine();
        return typed.ToString();
    }
}
